/** linux.sysctl: which kernel parameters belong to a namespace, and where they are (sysctl(8), proc_sys(5)). */
import { pointerTo } from "../failure.ts";
import type { NamespaceType } from "../linux/namespaces.ts";

/** Parameters of the IPC namespace under kernel. (ipc_namespaces(7)). */
const IPC = new Set([
  "msgmax",
  "msgmnb",
  "msgmni",
  "sem",
  "shmall",
  "shmmax",
  "shmmni",
  "shm_rmid_forced",
]);

/**
 * The namespace that a parameter belongs to; undefined for one of the whole host, which a container must not set.
 * Names are written with dots or with slashes.
 */
export function sysctlNamespace(name: string): NamespaceType | undefined {
  const [first, second = "", ...rest] = sysctlPath(name).split("/").slice(1);
  if ([second, ...rest].includes("..")) return undefined;
  if (first === "net") return "network";
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
