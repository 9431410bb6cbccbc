/** The version of what is linked into this program. */
export { libseccompVersion } from "../seccomp/libseccomp.ts";
