/** What /proc says of processes and mounts (proc(5)). */
import {
  AT_FDCWD,
  EACCES,
  ENOENT,
  ENOTDIR,
  ESRCH,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  PROC_SUPER_MAGIC,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "#abi";
import { unless } from "./errno.ts";
import {
  filesystemType,
  findAt,
  open,
  openAt,
  readBytes,
  readText,
  stat,
  using,
  writeAll,
} from "./fs.ts";
import { decode, printable } from "./text.ts";

/** The inode number of a procfs root: PROC_ROOT_INO of the kernel. */
const PROC_ROOT_INO = 1;

/**
 * The host's /proc, verified to be the root of a procfs. What is opened below it with `openProc` cannot have been
 * mounted over.
 */
export function openProcRoot(): number {
  const proc = open("/proc", O_PATH | O_DIRECTORY);
  if (filesystemType(proc) !== PROC_SUPER_MAGIC || stat(proc).ino !== PROC_ROOT_INO)
    throw new Error("/proc is not the root of a procfs: mount it");
  return proc;
}

/** Opens a file below a verified /proc that nothing is mounted over and no magic link leads away from. */
export const openProc = (proc: number, path: string, flags: number): number =>
  openAt(proc, path, flags, { resolve: RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS });

/** Writes a value to a file below a verified /proc. */
export function writeProc(proc: number, path: string, value: string, flags: number): void {
  using(openProc(proc, path, flags), (fd) => writeAll(fd, value));
}

const CLOSING_PARENTHESIS = 0x29;

export interface ProcessStatus {
  /** The state letter; Z and X are dead. */
  state: string;
  /** The pid of its parent. */
  parent: number;
  /** How many threads it has; one whose first thread has ended is in the state Z as long as there are others. */
  threads: number;
  /** When the process began, in clock ticks since boot: with the pid, its identity. */
  startTime: number;
  /** Whether it has ever called execve(2) with success since it was made: PF_FORKNOEXEC (linux/sched.h) is gone then. */
  hasExecuted: boolean;
}

const PF_FORKNOEXEC = 0x40;

/** What /proc/<pid>/stat says of a process (proc_pid_stat(5)), or undefined if there is none. */
export function processStatus(pid: number): ProcessStatus | undefined {
  const fd = findAt(AT_FDCWD, `/proc/${pid}/stat`, O_RDONLY);
  // A process that ends now is one that has ended (ESRCH).
  const line = fd === undefined ? undefined : unless([ESRCH], () => using(fd, () => readBytes(fd)));
  if (line === undefined) return undefined;
  // The name is whatever bytes the process chose; the fields go on after its last parenthesis. Field 3 is the state,
  // field 4 the parent, field 9 the flags, field 20 the number of threads, field 22 the start time.
  const rest = decode(line.subarray(line.lastIndexOf(CLOSING_PARENTHESIS) + 2));
  const fields = rest.split(" ", 20);
  return {
    state: fields[0] as string,
    parent: Number(fields[1]),
    threads: Number(fields[17]),
    startTime: Number(fields[19]),
    hasExecuted: (Number(fields[6]) & PF_FORKNOEXEC) === 0,
  };
}

export const isDead = ({ state, threads }: Pick<ProcessStatus, "state" | "threads">): boolean =>
  (state === "Z" || state === "X") && threads <= 1;

/** Whether its first thread has ended, and others go on: it looks like a zombie, and is none. */
export const hasLostLeader = ({
  state,
  threads,
}: Pick<ProcessStatus, "state" | "threads">): boolean => state === "Z" && threads > 1;

export interface MountInfo {
  id: number;
  /** The directory of the filesystem that is mounted. */
  root: string;
  mountPoint: string;
  /** Per-mount options. */
  options: string[];
  /** shared:N, master:N, … */
  propagation: string[];
  type: string;
  source: string;
  /** Per-filesystem options. */
  superOptions: string[];
}

const NEWLINE = 0x0a;

/**
 * The mounts of this process's mount namespace, in mountinfo's order. Where one is any user can choose (FUSE): a name that
 * is not UTF-8 is shown byte by byte, and those of other mounts as they are.
 */
export function mountInfo(path = "/proc/self/mountinfo"): MountInfo[] {
  const bytes = using(open(path, O_RDONLY), (fd) => readBytes(fd));
  const mounts: MountInfo[] = [];
  for (let start = 0, end = 0; start < bytes.length; start = end + 1) {
    end = bytes.indexOf(NEWLINE, start);
    mounts.push(parseMountInfo(printable(bytes.subarray(start, end))));
  }
  return mounts;
}

function parseMountInfo(line: string): MountInfo {
  const [first = "", second = ""] = splitOnce(line, " - ");
  const [id, , , root = "", mountPoint = "", options = "", ...propagation] = first.split(" ");
  const [type = "", source = "", superOptions = ""] = second.split(" ");
  return {
    id: Number(id),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(","),
    propagation,
    type,
    source: unescapeOctal(source),
    superOptions: superOptions.split(","),
  };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}

/** Space, tab, newline and backslash are written as \040, \011, \012, \134. */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );

/** The path of a process's cgroup v2 group, from the line `0::` of /proc/<pid>/cgroup; undefined if there is none. */
export function cgroupOf(pid: number | "self"): string | undefined {
  const text = unless([ENOENT, ESRCH, ENOTDIR, EACCES], () => readText(`/proc/${pid}/cgroup`));
  return text
    ?.split("\n")
    .find((line) => line.startsWith("0::"))
    ?.slice(3);
}
