/**
 * Annotations by which crun is told more than config.json says (crun(1), "EXTENSIONS TO OCI"), and so by engines that know
 * crun. One that would change what protects or runs a container is honoured or refused, never passed over.
 */
import type { Spec } from "@opencontainers-types";
import { Failure, pointerTo } from "../failure.ts";
import { architectureNumber, callNumber, NATIVE_ARCHITECTURE } from "../seccomp/libseccomp.ts";

const PREFIX = "run.oci.";

interface Meaning {
  /** Why it is refused, for a value for which it is; `{ warning }` is told, and the container is made without it. */
  problem: (value: string, config: Spec) => string | { warning: string } | undefined;
  hint?: string;
}

const refused = (why: string, hint?: string): Meaning => ({
  problem: () => why,
  ...(hint ? { hint } : {}),
});

/** As in crun: any value is yes, but 0. */
const isOn = (value: string): boolean => value !== "0";

/** Those with a meaning that is crun's own, in the order of its manual. */
export const ANNOTATIONS: Readonly<Record<string, Meaning>> = {
  "run.oci.mount_context_type": {
    problem: (value, { linux }) =>
      value === "context" || !linux?.mountLabel
        ? undefined
        : "mounts are labelled by the option context only",
    hint: "leave it out, or set it to context",
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
  "run.oci.hooks.stdout": { problem: withoutHookOutput },
  "run.oci.hooks.stderr": { problem: withoutHookOutput },
  "run.oci.handler": refused("tsrun runs programs of Linux only, without krun or wasm"),
};

/** Throws a Failure for an annotation that is not honoured, and would change the container. */
export function checkAnnotations(config: Spec, warn: (message: string) => void): void {
  for (const [name, value] of Object.entries(config.annotations ?? {})) {
    if (!name.startsWith(PREFIX)) continue;
    const meaning = Object.hasOwn(ANNOTATIONS, name) ? ANNOTATIONS[name] : undefined;
    const problem = meaning?.problem(value, config);
    if (problem === undefined) continue;
    if (typeof problem === "object") warn(`the annotation ${name} is ignored: ${problem.warning}`);
    else
      throw new Failure(`the annotation ${name}=${JSON.stringify(value)}: ${problem}`, {
        pointer: pointerTo("annotations", name),
        hint: meaning?.hint,
      });
  }
}

function withoutHookOutput(_value: string, { hooks = {} }: Spec): { warning: string } | undefined {
  const isHeard = Object.values(hooks).some((list) => list?.length);
  return isHeard
    ? { warning: "what hooks write is shown if they fail, and kept nowhere" }
    : undefined;
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
