/** What a config.json must fulfil beyond its schema: parts that need each other. */
import type { Linux, LinuxNamespace, Process, Spec } from "@opencontainers-types";
import { O_RDONLY } from "#abi";
import { load } from "#host";
import { Failure } from "../failure.ts";
import type { OpenedNamespace } from "../init/namespaces.ts";
import { sysctlNamespace } from "../init/sysctl.ts";
import { open, stat, using } from "../linux/fs.ts";
import { NAMESPACES } from "../linux/namespaces.ts";
import { encode } from "../linux/text.ts";
import { checkProcess, refuseNoId } from "./processChecks.ts";
import { checkSysctls } from "./sysctlChecks.ts";
import { checkUserNamespace } from "./userNamespaceChecks.ts";

/** Checks a config that keeps to its schema. Returns its process. Throws a Failure. */
export function checkConfig(config: Spec): Process {
  const { process, root, linux } = config;
  if (!process) throw new Failure("config.json has no process to run", { pointer: "/process" });
  checkProcess(process);
  if (!root?.path) throw new Failure("config.json has no root filesystem", { pointer: "/root" });
  const isPrivate = (type: string) =>
    linux?.namespaces?.some((namespace) => namespace.type === type) ?? false;
  const mounts = linux?.namespaces?.find(({ type }) => type === "mount");
  if (!mounts || mounts.path) checkSharedMounts(config, mounts);
  checkNames(config, isPrivate("uts"));
  checkSysctls(config);
  checkTimeOffsets(linux ?? {});
  linux?.devices?.forEach(({ uid, gid }, i) => {
    refuseNoId({ uid, gid }, `/linux/devices/${i}`);
  });
  if (linux?.memoryPolicy)
    load(import("./memoryPolicyChecks.ts")).checkMemoryPolicy(linux.memoryPolicy);
  checkUserNamespace(config);
  if (Object.keys(linux?.netDevices ?? {}).length > 0)
    load(import("./netDeviceChecks.ts")).checkNetDevices(linux ?? {});
  return process;
}

/** Checks that this machine has what a config asks for that not every kernel and processor has. Throws a Failure. */
export function checkMachine({ process, linux }: Spec): void {
  if (process?.apparmorProfile || process?.selinuxLabel)
    load(import("./labelChecks.ts")).checkLabels(process);
  if (linux?.intelRdt) load(import("./intelRdt.ts")).checkIntelRdt(linux.intelRdt);
}

/** What would be done to those who live in the mount namespace too. */
function checkSharedMounts({ linux = {} }: Spec, joined: LinuxNamespace | undefined): void {
  const refuse = (what: string, pointer: string) => {
    throw new Failure(`${what} in a mount namespace that is not the container's own`, {
      pointer,
      hint: 'add {"type": "mount"} without a path to linux.namespaces',
    });
  };
  if (linux.rootfsPropagation)
    refuse("setting the root's propagation would reach others", "/linux/rootfsPropagation");
  if (joined) return;
  // As with runc.
  for (const name of ["maskedPaths", "readonlyPaths"] as const)
    if (linux[name]?.length) refuse("paths cannot be protected", `/linux/${name}`);
  if (linux.namespaces?.some(({ type }) => type === "user"))
    refuse("the root of a user namespace may not mount", "/linux/namespaces");
}

/**
 * What is set through a namespace must not reach the host's by the way of a path to it. Nor may mounts: in a namespace that
 * is joined, they stay when the container has gone. Throws a Failure.
 */
export function checkJoined(
  { hostname, domainname, linux }: Spec,
  joined: readonly OpenedNamespace[],
): void {
  const sysctls = Object.keys(linux?.sysctl ?? {}).map(sysctlNamespace);
  const set = new Set([
    ...sysctls,
    hostname || domainname ? "uts" : undefined,
    Object.keys(linux?.netDevices ?? {}).length > 0 ? "network" : undefined,
    "mount",
  ]);
  for (const { fd, join } of joined.filter(({ join }) => set.has(join.type))) {
    const own = open(`/proc/self/ns/${NAMESPACES[join.type].file}`, O_RDONLY);
    if (using(own, stat).ino === stat(fd).ino)
      throw new Failure(
        `${join.path} is the host's own, and config.json would change what belongs to it`,
        {
          pointer: join.pointer,
          hint:
            join.type === "mount"
              ? "leave the mount namespace out: the mounts go with the container then"
              : undefined,
        },
      );
  }
}

/** sethostname(2), setdomainname(2): __NEW_UTS_LEN. */
const NAME_MAX = 64;

function checkNames({ hostname, domainname }: Spec, hasUts: boolean): void {
  for (const [field, name = ""] of Object.entries({ hostname, domainname }))
    if (name.includes("\0") || encode(name).length > NAME_MAX)
      throw new Failure(`the ${field} has more than ${NAME_MAX} bytes, or a NUL character`, {
        pointer: `/${field}`,
      });
  if (hasUts) return;
  const hint = 'add {"type": "uts"} to linux.namespaces, or remove the name';
  if (hostname)
    throw new Failure("a hostname would change the host's without a UTS namespace", {
      pointer: "/hostname",
      hint,
    });
  if (domainname)
    throw new Failure("a domain name would change the host's without a UTS namespace", {
      pointer: "/domainname",
      hint,
    });
}

/** Offsets are a new namespace's: in one that has processes they are fixed (time_namespaces(7)). */
function checkTimeOffsets({ timeOffsets, namespaces = [] }: Linux): void {
  if (!timeOffsets || Object.keys(timeOffsets).length === 0) return;
  const time = namespaces.find(({ type }) => type === "time");
  if (time && !time.path) return;
  throw new Failure("clocks can be moved in a new time namespace only", {
    pointer: "/linux/timeOffsets",
    hint: time ? "remove the offsets, or the path" : 'add {"type": "time"} to linux.namespaces',
  });
}
