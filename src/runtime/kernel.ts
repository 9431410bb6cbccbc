/** The kernel that tsrun needs: Linux 5.14, for cgroup.kill and mount_setattr(2). */
import { SYS_uname } from "#abi";
import { syscall } from "#host";
import { Failure } from "../failure.ts";
import { check } from "../linux/errno.ts";
import { decode } from "../linux/text.ts";

const NEEDED = { major: 5, minor: 14 };

/** Of each of the strings in struct utsname (uname(2)); the third is the release. */
const FIELD_SIZE = 65;

/** Throws a Failure on a kernel that is too old. Newer features are found by trying. */
export function checkKernel(): void {
  const names = new Uint8Array(6 * FIELD_SIZE);
  check(syscall(SYS_uname, names), "uname");
  const release = names.subarray(2 * FIELD_SIZE, names.indexOf(0, 2 * FIELD_SIZE));
  refuseOldKernel(decode(release));
}

/** Throws a Failure for a release such as "5.10.0-28-amd64". */
export function refuseOldKernel(release: string): void {
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  if (major > NEEDED.major || (major === NEEDED.major && minor >= NEEDED.minor)) return;
  throw new Failure(`the kernel is Linux ${release}`, {
    hint: `tsrun needs Linux ${NEEDED.major}.${NEEDED.minor} or later`,
  });
}
