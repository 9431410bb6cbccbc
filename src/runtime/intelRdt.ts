/**
 * linux.intelRdt: the container's share of caches and memory bandwidth, which is that of a group of the resctrl
 * filesystem (specification, "IntelRdt"; the kernel's Documentation/filesystems/resctrl.rst). The functions take that
 * filesystem's root.
 */
import type { LinuxIntelRdt } from "@opencontainers-types";
import {
  ENOENT,
  ESRCH,
  F_DUPFD_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  RDTGROUP_SUPER_MAGIC,
} from "#abi";
import { cgroupProcesses } from "../cgroup/group.ts";
import { doing, Failure, type FailureDetails } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import {
  close,
  fcntl,
  filesystemType,
  findAt,
  listDirectory,
  mkdirAt,
  open,
  openAt,
  readText,
  rmdirAt,
  stat,
  using,
  writeText,
} from "../linux/fs.ts";
import { mountInfo } from "../linux/proc.ts";
import type { Child } from "../linux/process.ts";
import type { Construction } from "./construction.ts";
import type { StateDirectory, StoredState } from "./store.ts";

/** What is remembered of a container's group. */
export interface ResctrlGroup {
  /** The name of its directory; `/` is the root of the filesystem, the default group. */
  name: string;
  /** Whether it is the container's own and goes with it. */
  isOwn: boolean;
  /** The inode of one that is its own; absent while it is being made. */
  inode?: number;
  /** Whether it holds a monitoring group of the container's id. */
  isMonitored?: boolean;
}

/** What `update` may change. */
export type Schemata = Pick<LinuxIntelRdt, "l3CacheSchema" | "memBwSchema">;

const DEFAULT_GROUP = "/";
const POINTER = "/linux/intelRdt";

const failure = (text: string, member: string, details: FailureDetails = {}): Failure =>
  new Failure(text, { pointer: `${POINTER}/${member}`, ...details });

/** Refuses what is no group's name, and a machine that has no groups. Throws a Failure. */
export function checkIntelRdt({ closID = "" }: LinuxIntelRdt): void {
  const isName = closID !== "." && closID !== ".." && !/[/\0]/.test(closID);
  if (!isName && closID !== DEFAULT_GROUP)
    throw failure(`${JSON.stringify(closID)} is no name of a resctrl group`, "closID", {
      hint: 'it is the name of one directory, or "/"',
    });
  const root = openResctrl();
  if (root === undefined)
    throw new Failure("no resctrl filesystem is mounted, by which the processor is told", {
      pointer: POINTER,
      hint: readText("/proc/filesystems").includes("resctrl")
        ? "mount -t resctrl resctrl /sys/fs/resctrl"
        : "this processor or this kernel has no resource control (CONFIG_X86_CPU_RESCTRL)",
    });
  close(root);
}

/** The root of the resctrl filesystem, wherever it is mounted; undefined if it is not. */
function openResctrl(): number | undefined {
  const mount = mountInfo().findLast(({ type }) => type === "resctrl");
  if (mount === undefined) return undefined;
  const root = open(mount.mountPoint, O_RDONLY | O_DIRECTORY);
  if (filesystemType(root) === RDTGROUP_SUPER_MAGIC) return root;
  throw new Error(`something is mounted over the resctrl filesystem on ${mount.mountPoint}`);
}

/** Puts the process of a container that is being created into its group. Throws a Failure. */
export function applyIntelRdt(intelRdt: LinuxIntelRdt, construction: Construction): void {
  const { child, directory, state } = construction;
  const root = openResctrl();
  if (root === undefined) throw new Error("the resctrl filesystem is not mounted any more");
  using(root, () =>
    joinResctrl(root, directory.id, intelRdt, (child as Child).pid, (group) => {
      state.resctrl = group;
      directory.write(state);
    }),
  );
}

/** Puts a process that is executed in a container into its group. With the filesystem that has gone. Throws a Failure. */
export function enterIntelRdt(id: string, present: ResctrlGroup, pid: number): void {
  const root = openResctrl();
  if (root !== undefined) using(root, () => enterResctrl(root, id, present, pid));
}

/** Allocates a running container other caches and memory bandwidth. Throws a Failure. */
export function changeIntelRdt(
  schemata: Schemata,
  directory: StateDirectory,
  state: StoredState,
): void {
  checkIntelRdt(schemata);
  const root = openResctrl();
  if (root === undefined) throw new Error("the resctrl filesystem is not mounted any more");
  using(root, () =>
    changeResctrl(
      root,
      directory.id,
      schemata,
      state.resctrl,
      () => tasksOf(state),
      (group) => {
        state.resctrl = group;
        directory.write(state);
      },
    ),
  );
}

/** All threads: those of a container without a group are in the one of whoever made it. */
function tasksOf({ cgroup, process }: StoredState): number[] {
  const first = process ? [process.pid] : [];
  const processes = cgroup === undefined ? first : cgroupProcesses(cgroup);
  return processes.flatMap((pid) =>
    (unless([ENOENT, ESRCH], () => listDirectory(`/proc/${pid}/task`)) ?? []).map(({ name }) =>
      Number(name),
    ),
  );
}

/** Removes what was made for a container. With the filesystem all its groups have gone. */
export function removeResctrl(id: string, group: ResctrlGroup): void {
  const root = openResctrl();
  if (root !== undefined) using(root, () => leaveResctrl(root, id, group));
}

/**
 * Puts a process into the group that the config asks for, which is made if it may be. `record` is told before and after
 * each directory is made, so that whatever there is can be removed. Throws a Failure.
 */
export function joinResctrl(
  root: number,
  id: string,
  intelRdt: LinuxIntelRdt,
  pid: number,
  record: (group: ResctrlGroup) => void,
): void {
  const recorded: ResctrlGroup = { name: intelRdt.closID || id, isOwn: false };
  using(findOrMakeGroup(root, intelRdt, recorded, record), (group) => {
    writeSchemata(root, group, intelRdt);
    moveTask(root, group, pid);
    if (!intelRdt.enableMonitoring) return;
    recorded.isMonitored = true;
    record(recorded);
    const path = `mon_groups/${id}`;
    attempt(root, `making the monitoring group ${id}`, "enableMonitoring", () =>
      mkdirAt(group, path, 0o755),
    );
    record(recorded);
    using(openDirectory(group, path), (monitoring) => moveTask(root, monitoring, pid));
  });
}

/** Puts one more process into the groups of a container: it would stay in those of its creator. Throws a Failure. */
export function enterResctrl(root: number, id: string, present: ResctrlGroup, pid: number): void {
  using(openPresent(root, present), (group) => {
    moveTask(root, group, pid);
    if (present.isMonitored)
      using(openDirectory(group, `mon_groups/${id}`), (own) => moveTask(root, own, pid));
  });
}

/**
 * Writes the schemata of the group that a container is in. One that is in none gets one of its own, as with runc, with all
 * of its `tasks`. Throws a Failure.
 */
export function changeResctrl(
  root: number,
  id: string,
  schemata: Schemata,
  present: ResctrlGroup | undefined,
  tasks: () => readonly number[],
  record: (group: ResctrlGroup) => void,
): void {
  if (present) {
    using(openPresent(root, present), (group) => writeSchemata(root, group, schemata));
    return;
  }
  using(findOrMakeGroup(root, schemata, { name: id, isOwn: false }, record), (group) => {
    writeSchemata(root, group, schemata);
    // What ends meanwhile needs no cache, and what begins inherits its parent's group.
    for (const task of tasks()) unless([ESRCH], () => writeTask(group, task));
  });
}

function openPresent(root: number, { name, inode }: ResctrlGroup): number {
  if (name === DEFAULT_GROUP) return fcntl(root, F_DUPFD_CLOEXEC);
  const found = findAt(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (found !== undefined && (inode === undefined || stat(found).ino === inode)) return found;
  if (found !== undefined) close(found);
  throw new Failure(`the resctrl group ${name} of the container is gone`);
}

/** A directory of the filesystem's own, which has no links. */
const openDirectory = (dir: number, path: string): number =>
  openAt(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

function findOrMakeGroup(
  root: number,
  intelRdt: LinuxIntelRdt,
  recorded: ResctrlGroup,
  record: (group: ResctrlGroup) => void,
): number {
  const { closID } = intelRdt;
  const { name } = recorded;
  const found =
    name === DEFAULT_GROUP
      ? fcntl(root, F_DUPFD_CLOEXEC)
      : findAt(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (found !== undefined) {
    const { l3CacheSchema, memBwSchema } = intelRdt;
    if (closID && (l3CacheSchema || memBwSchema)) compareSchemata(found, intelRdt);
    return found;
  }
  if (closID && schemataOf(intelRdt).length === 0)
    throw failure(`there is no resctrl group ${closID}`, "closID", {
      hint: "make it beforehand, or say in schemata what it is to have",
    });
  // "If closID is set … the runtime MUST NOT remove the sub-directory".
  recorded.isOwn = !closID;
  record(recorded);
  attempt(root, `making the resctrl group ${name}`, "closID", () => mkdirAt(root, name, 0o755));
  const made = openDirectory(root, name);
  recorded.inode = stat(made).ino;
  record(recorded);
  return made;
}

/** "The runtimes MUST write l3CacheSchema first and memBwSchema last", and schemata after both. */
const schemataOf = ({ l3CacheSchema, memBwSchema, schemata = [] }: LinuxIntelRdt): string[] =>
  [l3CacheSchema, memBwSchema, ...schemata].filter(
    (line) => line !== undefined && line !== "",
  ) as string[];

function writeSchemata(root: number, group: number, intelRdt: LinuxIntelRdt): void {
  const lines = schemataOf(intelRdt);
  if (lines.length === 0) return;
  attempt(root, `allocating ${lines.join(", ")}`, "schemata", () =>
    writeText("schemata", `${lines.join("\n")}\n`, O_WRONLY, group),
  );
}

function moveTask(root: number, group: number, pid: number): void {
  attempt(root, "putting the process into its resctrl group", "closID", () =>
    writeTask(group, pid),
  );
}

const writeTask = (group: number, task: number): void =>
  writeText("tasks", String(task), O_WRONLY, group);

/** A step of which the kernel says in a file why it has failed. */
function attempt(root: number, what: string, member: string, step: () => void): void {
  try {
    step();
  } catch (cause) {
    const status = unless([ENOENT], () => readText("info/last_cmd_status", root).trim());
    throw failure(what, member, {
      cause,
      ...(status && status !== "ok" ? { hint: `the kernel says: ${status}` } : {}),
    });
  }
}

/**
 * "If closID directory … exists, runtimes MUST compare l3CacheSchema and/or memBwSchema value with schemata file, and
 * generate an error if doesn't match." What they leave open matches.
 */
function compareSchemata(group: number, intelRdt: LinuxIntelRdt): void {
  const present = parseSchemata(readText("schemata", group));
  for (const name of ["l3CacheSchema", "memBwSchema"] as const)
    for (const [key, value] of parseSchemata(intelRdt[name] ?? ""))
      if (present.get(key) !== value)
        throw failure(
          `the resctrl group ${intelRdt.closID} exists, with ${present.get(key) ?? "nothing"} for ${key} and not ${value}`,
          name,
          { hint: "choose another closID, or make the two agree" },
        );
}

/** The values of `L3:0=7f0;1=1f`, by `L3:0` and `L3:1`, without leading zeros. */
function parseSchemata(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [resource = "", list = ""] = line.split(":");
    for (const part of list.split(";").filter((part) => part.includes("="))) {
      const [domain = "", value = ""] = part.split("=");
      const shortened = value
        .trim()
        .toLowerCase()
        .replace(/^0+(?=.)/, "");
      values.set(`${resource.trim()}:${domain.trim()}`, shortened);
    }
  }
  return values;
}

/** Removes what was made for a container, whose processes have ended. What others have made since stays. */
export function leaveResctrl(root: number, id: string, group: ResctrlGroup): void {
  doing(`removing the resctrl group of ${id}`, undefined, () => {
    const { name, isOwn, isMonitored } = group;
    // A group takes its monitoring groups along.
    if (isOwn) removeOwn(root, group);
    else if (isMonitored)
      unless([ENOENT], () =>
        rmdirAt(root, `${name === DEFAULT_GROUP ? "." : name}/mon_groups/${id}`),
      );
  });
}

function removeOwn(root: number, { name, inode }: ResctrlGroup): void {
  const found = findAt(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (found === undefined) return;
  // One whose making was cut off is known by having no tasks.
  const isOurs = using(found, () =>
    inode === undefined ? readText("tasks", found) === "" : stat(found).ino === inode,
  );
  if (isOurs) rmdirAt(root, name);
}
