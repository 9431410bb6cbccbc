/** linux.sysctl: which kernel parameters belong to a namespace, and where they are (sysctl(8), proc_sys(5)). */
import { EACCES, EINVAL, ENOENT, ENOTDIR, EPERM, O_WRONLY } from "#abi";
import { Failure, pointerTo } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { type NamespaceType, setDomainname } from "../linux/namespaces.ts";
import { openProcRoot, writeProc } from "../linux/proc.ts";

/** Parameters of the IPC namespace under kernel. (ipc_namespaces(7), and ipc/ipc_sysctl.c of Linux 6.18). */
const IPC = new Set([
  "auto_msgmni",
  "msg_next_id",
  "msgmax",
  "msgmnb",
  "msgmni",
  "sem",
  "sem_next_id",
  "shm_next_id",
  "shmall",
  "shmmax",
  "shmmni",
  "shm_rmid_forced",
]);

/**
 * The namespace that a parameter belongs to; undefined for one of the whole host, which a container must not set, and
 * also for one that only newer kernels have in a namespace, such as kernel.pid_max: on others it would be the host's.
 * Names are written with dots or with slashes.
 */
export function sysctlNamespace(name: string): NamespaceType | undefined {
  const [first, second = "", ...rest] = sysctlPath(name).split("/").slice(1);
  if ([second, ...rest].includes("..")) return undefined;
  if (first === "net") return "network";
  if (first === "user") return "user";
  if (first === "fs") return second === "mqueue" ? "ipc" : undefined;
  if (first !== "kernel") return undefined;
  if (IPC.has(second)) return "ipc";
  return second === "domainname" || second === "hostname" ? "uts" : undefined;
}

/**
 * The path below /proc. As sysctl(8) has it, the first separator decides: after a dot, slashes stand for dots of a name
 * (net.ipv4.conf.eth0/1.forwarding).
 */
export function sysctlPath(name: string): string {
  const separator = name.match(/[./]/)?.[0] ?? ".";
  if (separator === "/") return `sys/${name}`;
  const swapped = name.replace(/[./]/g, (character) => (character === "." ? "/" : "."));
  return `sys/${swapped}`;
}

/** Where config.json sets a parameter. */
export const sysctlPointer = (name: string): string => pointerTo("linux", "sysctl", name);

/** Sets parameters through the host's verified /proc, in the namespaces in which this process stands. Throws a Failure. */
export function setSysctls(sysctls: readonly (readonly [name: string, value: string])[]): void {
  if (sysctls.length === 0) return;
  using(openProcRoot(), (proc) => {
    for (const [name, value] of sysctls) setSysctl(proc, name, value);
  });
}

function setSysctl(proc: number, name: string, value: string): void {
  try {
    // Its file is the host's root's, also in a user namespace whose root may set it.
    if (sysctlPath(name) === "sys/kernel/domainname") setDomainname(value.trimEnd());
    // write(2) of nothing does nothing; as with sysctl(8), an empty line is an empty value.
    else writeProc(proc, sysctlPath(name), value === "" ? "\n" : value, O_WRONLY);
  } catch (cause) {
    throw new Failure(`setting the sysctl ${name} to ${value}`, {
      cause,
      pointer: sysctlPointer(name),
      hint: hintFor(cause, name),
    });
  }
}

function hintFor(cause: unknown, name: string): string | undefined {
  if (isErrno(cause, ENOENT, ENOTDIR))
    return "the kernel has no such parameter in the container's namespace: does its module have to be loaded?";
  if (isErrno(cause, EPERM, EACCES))
    return "the kernel lets nobody change it in this namespace, or only the root of the user namespace that owns it";
  if (isErrno(cause, EINVAL) && sysctlPath(name) === "sys/net/ipv4/ping_group_range")
    return "are both groups mapped in the user namespace?";
  return isErrno(cause, EINVAL) ? "the kernel does not accept this value" : undefined;
}
