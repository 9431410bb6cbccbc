/**
 * process.apparmorProfile and process.selinuxLabel: what the security modules make of the process at its next execve
 * (proc_pid_attr(5)).
 */

import type { Process } from "@opencontainers-types";
import { EACCES, EINVAL, ENOENT, EPERM, O_DIRECTORY, O_PATH, O_RDONLY, O_WRONLY } from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { close, findAt, openAt, readBytes, using, writeAll } from "../linux/fs.ts";
import { openProc, openProcRoot } from "../linux/proc.ts";
import { isAppArmorEnabled } from "../linux/securityModules.ts";
import { decode } from "../linux/text.ts";

/** The profile of a process that AppArmor leaves alone. */
export const UNCONFINED = "unconfined";

/** A file of /proc/self/attr and what is to be written to it. */
interface Label {
  fd: number;
  text: string;
  what: string;
  pointer: string;
  /** Why the kernel has refused it, where that is known. */
  remedy: (cause: unknown) => string | undefined;
}

/** What is left to do where only the container's /proc is in sight. The functions throw a Failure. */
export interface Labels {
  /** Labels the session keyring that the process makes next. */
  keyring: () => void;
  /** Labels the program, and the hooks that are executed before it. */
  program: () => void;
}

/** Opens the files of the calling process, below the host's verified procfs `proc`, which is closed. Throws a Failure. */
export const openLabels = (process: Process, proc = openProcRoot()): Labels =>
  using(proc, () =>
    using(openProc(proc, "self/attr", O_PATH | O_DIRECTORY), (attr) => openLabelsIn(attr, process)),
  );

/** As `openLabels`; `attr` is /proc/self/attr. */
export function openLabelsIn(attr: number, process: Process): Labels {
  const { apparmorProfile, selinuxLabel, noNewPrivileges = false } = process;
  const isConfined = apparmorProfile && (apparmorProfile !== UNCONFINED || isAppArmorEnabled());
  const keyring = selinuxLabel ? [selinux(attr, "keycreate", selinuxLabel)] : [];
  const program = [
    ...(isConfined ? [apparmor(attr, apparmorProfile, noNewPrivileges)] : []),
    ...(selinuxLabel ? [selinux(attr, "exec", selinuxLabel)] : []),
  ];
  return { keyring: () => write(keyring), program: () => write(program) };
}

/** Where several security modules are enabled, attr/exec is that of one of them. */
const APPARMOR_FILES = ["apparmor/exec", "exec"];

/**
 * A process that is itself confined, and to gain no privileges, may add a profile to its own and not exchange it ("Stacking"
 * in apparmor(7)).
 */
function apparmor(attr: number, profile: string, noNewPrivileges: boolean): Label {
  const fd = openFirst(attr, APPARMOR_FILES, O_WRONLY);
  const verb = noNewPrivileges && isConfined(attr) ? "stack" : "exec";
  return {
    fd,
    text: `${verb} ${profile}`,
    what: `confining the process with the AppArmor profile ${profile}`,
    pointer: "/process/apparmorProfile",
    remedy: (cause) => {
      if (isErrno(cause, ENOENT))
        return "no such profile is loaded: load it with apparmor_parser(8); /sys/kernel/security/apparmor/profiles lists them";
      if (isErrno(cause, EACCES, EPERM))
        return "the profile of tsrun's own caller does not let it change to this one";
      return undefined;
    },
  };
}

const isConfined = (attr: number): boolean =>
  using(openFirst(attr, ["apparmor/current", "current"], O_RDONLY), (fd) => {
    const [profile] = decode(readBytes(fd)).split(/[\s\0]/);
    return profile !== UNCONFINED;
  });

function openFirst(attr: number, [name, ...others]: readonly string[], flags: number): number {
  if (others.length === 0) return openAt(attr, name as string, flags);
  return findAt(attr, name as string, flags) ?? openFirst(attr, others, flags);
}

function selinux(attr: number, name: "exec" | "keycreate", label: string): Label {
  return {
    fd: openAt(attr, name, O_WRONLY),
    text: label,
    what: `giving the process the SELinux label ${label}`,
    pointer: "/process/selinuxLabel",
    remedy: (cause) => {
      if (isErrno(cause, EINVAL)) return "the loaded policy does not know this label";
      if (isErrno(cause, EACCES, EPERM)) return "the policy does not let tsrun's domain set it";
      return undefined;
    },
  };
}

/** The kernel checks a label when it is written, and applies it later. */
function write(labels: readonly Label[]): void {
  for (const { fd, text, what, pointer, remedy } of labels) {
    try {
      writeAll(fd, text);
    } catch (cause) {
      throw new Failure(what, { cause, pointer, hint: remedy(cause) });
    }
    close(fd);
  }
}
