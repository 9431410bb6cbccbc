/**
 * Annotations by which crun is told more than config.json says (crun(1), "EXTENSIONS TO OCI"), and so by engines that know
 * crun. One that would change what protects or runs a container is honoured or refused, never passed over.
 */
import type { Spec } from "@opencontainers-types";
import { Failure, pointerTo } from "../failure.ts";
import { architectureNumber, callNumber, NATIVE_ARCHITECTURE } from "../seccomp/libseccomp.ts";

const PREFIX = "run.oci.";

interface Meaning {
  /** Why it is refused, for a value for which it is. */
  problem: (value: string, config: Spec) => string | undefined;
  hint?: string;
}

const refused = (why: string, hint?: string): Meaning => ({
  problem: () => why,
  ...(hint ? { hint } : {}),
});

/** As in crun: any value is yes, but 0. */
const isOn = (value: string): boolean => value !== "0";

/** See mount(8). */
const CONTEXT_TYPES = ["context", "fscontext", "defcontext", "rootcontext"];

/** Those with a meaning that is crun's own, in the order of its manual. */
export const ANNOTATIONS: Readonly<Record<string, Meaning>> = {
  "run.oci.mount_context_type": {
    problem: (value) => (CONTEXT_TYPES.includes(value) ? undefined : "no mount has such a context"),
    hint: `it is one of ${CONTEXT_TYPES.join(", ")}`,
  },
  "run.oci.seccomp.receiver": refused(
    "the listener of a seccomp filter goes where the specification says",
    "set linux.seccomp.listenerPath",
  ),
  "run.oci.seccomp.plugins": refused("tsrun loads no plugins for seccomp"),
  "run.oci.seccomp_fail_unknown_syscall": {
    problem: (value, config) => (isOn(value) ? unknownCall(config) : undefined),
    hint: "correct its name, or leave the annotation out",
  },
  "run.oci.seccomp_bpf_data": refused(
    "a seccomp filter is made of linux.seccomp only",
    "write it as a profile",
  ),
  // Whoever becomes the container's user asks for it (init/identity.ts).
  "run.oci.keep_original_groups": { problem: () => undefined },
  "run.oci.pidfd_receiver": refused(
    "the descriptor of a process is not sent because of an annotation",
    "use --pidfd-socket",
  ),
  "run.oci.systemd.force_cgroup_v1": refused("tsrun knows cgroup v2 only"),
  "run.oci.systemd.subgroup": {
    problem: (value) =>
      value === "" ? undefined : "a scope has no group below it for the container",
    hint: "leave it out, or set it to nothing",
  },
  "run.oci.delegate-cgroup": {
    problem: (value) =>
      value === "" ? undefined : "there is no group below the container's for its processes",
    hint: "give the container a cgroup namespace: what it sees read-write is its own to divide",
  },
  // Whoever runs the hooks opens them (init/hooks.ts).
  "run.oci.hooks.stdout": { problem: notAbsolute },
  "run.oci.hooks.stderr": { problem: notAbsolute },
  "run.oci.handler": refused("tsrun runs programs of Linux only, without krun or wasm"),
};

/** Throws a Failure for an annotation that is not honoured, and would change the container. */
export function checkAnnotations(config: Spec): void {
  for (const [name, value] of Object.entries(config.annotations ?? {})) {
    if (!name.startsWith(PREFIX)) continue;
    const meaning = Object.hasOwn(ANNOTATIONS, name) ? ANNOTATIONS[name] : undefined;
    const problem = meaning?.problem(value, config);
    if (problem !== undefined)
      throw new Failure(`the annotation ${name}=${JSON.stringify(value)}: ${problem}`, {
        pointer: pointerTo("annotations", name),
        hint: meaning?.hint,
      });
  }
}

function notAbsolute(path: string): string | undefined {
  return path.startsWith("/") ? undefined : "what hooks write goes to an absolute path";
}

/** The first system call of the profile that libseccomp does not know. */
function unknownCall({ linux }: Spec): string | undefined {
  const native = architectureNumber(NATIVE_ARCHITECTURE);
  const names = linux?.seccomp?.syscalls?.flatMap((rule) => rule.names) ?? [];
  const unknown = names.find((name) => callNumber(name, native) === undefined);
  return unknown === undefined
    ? undefined
    : `linux.seccomp names the unknown system call ${JSON.stringify(unknown)}`;
}
