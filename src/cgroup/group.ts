/** A container's group: made, emptied, removed. Paths are below the mount, as in /proc/<pid>/cgroup. */
import {
  EACCES,
  EAGAIN,
  EBUSY,
  EEXIST,
  ENODEV,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESRCH,
  EXDEV,
  O_RDONLY,
  O_WRONLY,
  POLLPRI,
  SIGKILL,
} from "#abi";
import { Failure } from "../failure.ts";
import { isErrno, unless } from "../linux/errno.ts";
import { mkdirAt, openAt, readBytes, readText, rmdirAt, using, writeText } from "../linux/fs.ts";
import { cgroupOf, hasLostLeader, processStatus } from "../linux/proc.ts";
import { pidfdOpen, sendSignal } from "../linux/process.ts";
import { poll } from "../linux/signals.ts";
import { handOnControllers } from "./controllers.ts";
import { visitDescendants } from "./descendants.ts";
import { inGroup, inHierarchy, openBelow } from "./hierarchy.ts";

/**
 * Makes a group, and the missing ones above it, and returns its directory, for CLONE_INTO_CGROUP. One that exists is
 * used if it is vacant, as with runc: engines prepare groups. Throws a Failure, and then has made nothing.
 */
export function createCgroup(path: string): number {
  const below = path.slice(1);
  return inHierarchy((root) => {
    const made: string[] = [];
    try {
      makeGroup(root, below, made);
      handOnControllers(root, split(below)[0]);
      if (!made.includes(below))
        using(openBelow(root, below), (group) => refuseOccupied(group, path));
      return openBelow(root, below);
    } catch (error) {
      for (const group of made.reverse()) unless([EBUSY, ENOENT], () => rmdirAt(root, group));
      throw new Failure(`making the cgroup ${path}`, { cause: error, hint: remedy(error) });
    }
  });
}

/** Makes a group where there is none; what was made is added to `made`, from the top down. */
function makeGroup(root: number, path: string, made: string[]): void {
  const [parent, name] = split(path);
  using(openOrMake(root, parent, made), (above) => {
    try {
      mkdirAt(above, name, 0o755);
      made.push(path);
    } catch (error) {
      if (!isErrno(error, EEXIST)) throw error;
    }
  });
}

function openOrMake(root: number, path: string, made: string[]): number {
  const found = unless([ENOENT], () => openBelow(root, path));
  if (found !== undefined) return found;
  makeGroup(root, path, made);
  return openBelow(root, path);
}

function split(path: string): [parent: string, name: string] {
  const at = path.lastIndexOf("/");
  return at < 0 ? [".", path] : [path.slice(0, at), path.slice(at + 1)];
}

/**
 * Refuses a group that others use, whose processes the container's end would kill; a frozen one, in which a new
 * process would never begin to run; and one that hands controllers on to groups below it, in which the kernel lets no
 * process be (cgroups(7), "no internal processes").
 */
export function refuseOccupied(group: number, path: string): void {
  const events = readText("cgroup.events", group);
  if (events.includes("populated 1"))
    throw new Failure(
      `the cgroup ${path} is in use: ${processesIn(group).length} process(es) found in it`,
    );
  if (events.includes("frozen 1")) throw new Failure(`the cgroup ${path} is frozen`);
  const handedOn = readText("cgroup.subtree_control", group).trimEnd();
  if (handedOn !== "")
    throw new Failure(`the cgroup ${path} hands controllers (${handedOn}) on to groups below it`);
}

/**
 * Refuses a group below a threaded one: there is no place in it for a process that is not of that group's own threads
 * (cgroups(7)).
 */
export function refuseThreaded(group: number, path: string): void {
  const type = readText("cgroup.type", group).trimEnd();
  if (type === "threaded" || type === "domain invalid")
    throw new Failure(
      `the cgroup ${path} takes no process (its type is "${type}"): a group above it is threaded`,
    );
}

/**
 * Opens a group of a container's own, whose group is `group`, at `path`: the one that is named `below` it, `/` or nothing for
 * itself. Throws a Failure for one that is not there.
 */
export function openOwn(group: number, path: string, below = "/"): number {
  try {
    return openBelow(group, below.replace(/^\/+/, "") || ".");
  } catch (cause) {
    const hint = isErrno(cause, EXDEV)
      ? "it is below the container's own group, by a path from there"
      : "it must be there already";
    throw new Failure(`opening the group ${below} in ${path}`, { cause, hint });
  }
}

/**
 * The group that a container's first process is in, as a path from the container's own, at `path`, which is `/`. The own one
 * takes no process any more when it hands controllers on to groups that the container has made (cgroups(7), "no internal
 * processes"). Throws a Failure if that process has left the container's group.
 */
export function groupWithin(path: string, firstProcess: number): string {
  const current = cgroupOf(firstProcess);
  if (!isWithin(current, path))
    throw new Failure(`the container's first process is in the cgroup ${current}, not in ${path}`);
  return current.slice(path.length) || "/";
}

function remedy(error: unknown): string | undefined {
  if (isErrno(error, EACCES, EPERM))
    return "that takes root, or a group above it that is delegated to the user (docs/rootless.md); --cgroup-manager=disabled runs without a cgroup";
  if (isErrno(error, EROFS))
    return "cgroup v2 is mounted read-only here; --cgroup-manager=disabled runs without a cgroup";
  if (isErrno(error, EAGAIN))
    return "a group above it allows no more: see its cgroup.max.descendants and cgroup.max.depth";
  return undefined;
}

/** Kills every process of a group and of those below it (cgroup.kill, Linux 5.14). No group: nothing to do. */
export function killCgroup(path: string): void {
  try {
    inGroup(path, (group) =>
      // systemd may be removing it, with its processes gone (ENOENT, ENODEV).
      unless([ENOENT, ENODEV], () => writeText("cgroup.kill", "1", O_WRONLY, group)),
    );
  } catch (error) {
    throw new Failure(`killing the processes of the cgroup ${path}`, { cause: error });
  }
}

/** How long processes without a first thread may take to end, and how often they are looked for. */
const LEADERLESS_WAIT_MS = 1000;
const LEADERLESS_POLL_MS = 1;

/**
 * As `killCgroup`, also where a process has lost its first thread: cgroup.kill signals that thread alone, and so the process
 * lives on (seen with Linux 6.18), and may make others. Such processes are waited for.
 */
export function killCgroupWhole(path: string): void {
  for (let waited = 0; waited < LEADERLESS_WAIT_MS; waited += LEADERLESS_POLL_MS) {
    killCgroup(path);
    const leaderless = cgroupProcesses(path).filter(isLeaderless);
    if (leaderless.length === 0) return;
    for (const pid of leaderless) killWithin(path, pid);
    poll([], LEADERLESS_POLL_MS);
  }
}

function isLeaderless(pid: number): boolean {
  const status = processStatus(pid);
  return status !== undefined && hasLostLeader(status);
}

/** The pid may have become another's since it was read: its group is looked at once more when the descriptor is open. */
function killWithin(path: string, pid: number): void {
  unless([ESRCH], () =>
    using(pidfdOpen(pid), (pidfd) => {
      if (isWithin(cgroupOf(pid), path)) sendSignal(pidfd, SIGKILL);
    }),
  );
}

/** Whether a group is another one, or below it. */
const isWithin = (path: string | undefined, above: string): path is string =>
  path !== undefined && `${path}/`.startsWith(`${above}/`);

/** The processes of a group and of those below it. No group: none. */
export const cgroupProcesses = (path: string): number[] => inGroup(path, processesIn) ?? [];

function processesIn(group: number): number[] {
  const pids = [ownProcesses(group)];
  visitDescendants(group, (below) => pids.push(ownProcesses(below)));
  return pids.flat();
}

function ownProcesses(group: number): number[] {
  // A threaded group does not say (EOPNOTSUPP): the domain above it lists its processes. Groups come and go while
  // this reads (ENOENT, ENODEV).
  const pids = unless([EOPNOTSUPP, ENODEV, ENOENT], () => readText("cgroup.procs", group)) ?? "";
  return pids
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

/**
 * Removes a group and those below it, and leaves the ones above it, which may have been there before and be in use. Its
 * processes have been killed: they are waited for, about ten seconds at most. No group: nothing to do.
 */
export function removeCgroup(path: string): void {
  try {
    const [parent, name] = split(path.slice(1));
    inHierarchy((root) => {
      const above = unless([ENOENT], () => openBelow(root, parent));
      if (above !== undefined) using(above, (fd) => removeGroup(fd, name));
    });
  } catch (error) {
    throw new Failure(`removing the cgroup ${path}`, {
      cause: error,
      hint: isErrno(error, EBUSY) ? "processes are still in it" : undefined,
    });
  }
}

/** The first wait for a group's processes to end; each next one is twice as long. */
const FIRST_WAIT_MS = 0.1;
const WAITS = 17;

/** Removes a group, given by its name in the one above it, with all groups below it. */
function removeGroup(above: number, name: string): void {
  for (let tries = 0; ; tries++) {
    try {
      rmdirAt(above, name);
      return;
    } catch (error) {
      if (isErrno(error, ENOENT)) return;
      if (!isErrno(error, EBUSY) || tries === WAITS) throw error;
    }
    unless([ENOENT, ENODEV], () =>
      using(openBelow(above, name), (group) => {
        visitDescendants(group, removeIfVacant);
        awaitEvent(group, FIRST_WAIT_MS * 2 ** tries);
      }),
    );
  }
}

function removeIfVacant(_group: number, above: number, name: Uint8Array): void {
  // Others may be removing it, too (ENOENT, ENODEV).
  unless([EBUSY, ENOENT, ENODEV], () => rmdirAt(above, name));
}

/**
 * Waits until something happens in a group or below it, such as the last process ending, or the time has passed: the
 * kernel tells of events at most every ten milliseconds (CGROUP_FILE_NOTIFY_MIN_INTV), and most processes are gone
 * sooner.
 */
function awaitEvent(group: number, milliseconds: number): void {
  using(openAt(group, "cgroup.events", O_RDONLY), (fd) => {
    // poll(2) tells of what happens after the read.
    readBytes(fd);
    poll([{ fd, events: POLLPRI }], milliseconds);
  });
}
