/** Namespaces (namespaces(7)). */

import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  NS_GET_NSTYPE,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  SYS_chdir,
  SYS_chroot,
  SYS_fchdir,
  SYS_ioctl,
  SYS_setdomainname,
  SYS_sethostname,
  SYS_setns,
  SYS_unshare,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { open, using } from "./fs.ts";
import { encode } from "./text.ts";

/** The kinds as config.json names them, with their flags and their names under /proc/<pid>/ns. */
export const NAMESPACES = {
  user: { flag: CLONE_NEWUSER, file: "user" },
  cgroup: { flag: CLONE_NEWCGROUP, file: "cgroup" },
  ipc: { flag: CLONE_NEWIPC, file: "ipc" },
  uts: { flag: CLONE_NEWUTS, file: "uts" },
  network: { flag: CLONE_NEWNET, file: "net" },
  pid: { flag: CLONE_NEWPID, file: "pid" },
  mount: { flag: CLONE_NEWNS, file: "mnt" },
  time: { flag: CLONE_NEWTIME, file: "time" },
} as const;

export type NamespaceType = keyof typeof NAMESPACES;

export function setns(fd: number, flag: number): void {
  check(syscall(SYS_setns, fd, flag), "setns", fd);
}

export function unshare(flags: number): void {
  check(syscall(SYS_unshare, flags), "unshare", `0x${flags.toString(16)}`);
}

/** The CLONE_NEW* flag of a namespace's descriptor (ioctl_nsfs(2)). Throws Errno: ENOTTY if it is not a namespace. */
export const namespaceFlag = (fd: number): number =>
  check(syscall(SYS_ioctl, fd, NS_GET_NSTYPE, 0), "ioctl(NS_GET_NSTYPE)", fd);

export function setHostname(name: string): void {
  check(syscall(SYS_sethostname, name, encode(name).length), "sethostname", name);
}

export function setDomainname(name: string): void {
  check(syscall(SYS_setdomainname, name, encode(name).length), "setdomainname", name);
}

export function chdir(path: string): void {
  check(syscall(SYS_chdir, path), "chdir", path);
}

export function fchdir(fd: number): void {
  check(syscall(SYS_fchdir, fd), "fchdir", fd);
}

export function chroot(path: string): void {
  check(syscall(SYS_chroot, path), "chroot", path);
}

/** Runs `step` in another namespace of the kind `flag`, and comes back to `own`. */
export function visitNamespace<T>(own: number, other: number, flag: number, step: () => T): T {
  setns(other, flag);
  try {
    return step();
  } finally {
    setns(own, flag);
  }
}

/**
 * Runs `step` in the mount namespace that `enter` goes to, and comes back: setns(2) and unshare(2) change what the root and
 * the working directory of this process are.
 */
export function visitMountNamespace<T>(enter: () => void, step: () => T): T {
  return using(open("/proc/self/ns/mnt", O_RDONLY), (own) =>
    using(open("/", O_PATH | O_DIRECTORY), (root) =>
      using(open(".", O_PATH | O_DIRECTORY), (workingDirectory) => {
        enter();
        try {
          return step();
        } finally {
          setns(own, CLONE_NEWNS);
          fchdir(root);
          chroot(".");
          fchdir(workingDirectory);
        }
      }),
    ),
  );
}
