/**
 * Which process makes or joins which namespace, and when: an ordered plan, decided before the first process is made
 * (namespaces(7), user_namespaces(7), setns(2)).
 */

import type { LinuxNamespace } from "@opencontainers-types";
import { ENOTTY, O_NONBLOCK, O_RDONLY } from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { open, using } from "../linux/fs.ts";
import {
  NAMESPACES,
  type NamespaceType,
  namespaceFlag,
  setns,
  unshare,
} from "../linux/namespaces.ts";

/** A namespace to join, by the path that config.json gives. */
export interface Join {
  type: NamespaceType;
  path: string;
  pointer: string;
}

/** What a process does that goes before the container's (stage.ts). */
export interface StagePlan {
  /** Joined before the user namespace, or after it where it is that one's root who may. */
  joins: Join[];
  /** The user namespace to join. */
  user?: Join;
  /** Made next: a user namespace, and a time namespace, whose offsets are set before anybody is born into it. */
  unshareFlags: number;
}

/**
 * The order of one container's namespaces. Who does what:
 *
 * - `stage` before the container's process is made, where that one has to be born into them: PID and time namespaces are
 *   entered in no other way, and a member of another user namespace may enter none that the host owns (setns(2): EPERM);
 * - `cloneFlags` make the new namespaces together with the process; a new user namespace owns the others;
 * - `joins` are entered by the container's own process, `unshareFlags` are made by it once it stands in its cgroup and is
 *   root of its user namespace: a cgroup namespace is rooted where its maker stands (cgroup_namespaces(7)), and the
 *   message queues of an IPC namespace belong to whoever made it.
 */
export interface NamespacePlan {
  stage?: StagePlan;
  cloneFlags: number;
  joins: Join[];
  unshareFlags: number;
  /** Whether the container has another user namespace than its creator. */
  hasUser: boolean;
  /** Whose mount namespace the container is in. */
  mounts: "own" | "joined" | "creators";
}

/** Born into, never entered: pid_namespaces(7), time_namespaces(7). */
const BY_BIRTH: readonly NamespaceType[] = ["pid", "time"];
const BY_CLONING: readonly NamespaceType[] = ["uts", "network", "pid", "mount"];
/** The mount namespace comes last: after it the paths and descriptors of the host's tree mean something else. */
const JOIN_ORDER: readonly NamespaceType[] = [
  "ipc",
  "uts",
  "network",
  "cgroup",
  "pid",
  "time",
  "mount",
];

/** Decides the plan. Throws a Failure for a namespace that is listed twice or unknown. */
export function planNamespaces(namespaces: readonly LinuxNamespace[]): NamespacePlan {
  const wanted = byType(namespaces);
  const isNew = (type: NamespaceType) => wanted.has(type) && wanted.get(type)?.join === undefined;
  const flagsOf = (...types: readonly NamespaceType[]) =>
    types.filter(isNew).reduce((flags, type) => flags | NAMESPACES[type].flag, 0);
  const joins = JOIN_ORDER.flatMap((type) => wanted.get(type)?.join ?? []);
  const user = wanted.get("user")?.join;
  const hasUser = wanted.has("user");
  const isStages = ({ type }: Join) => hasUser || BY_BIRTH.includes(type);
  const hasStage = user !== undefined || isNew("time") || joins.some(isStages);
  const stage: StagePlan = {
    joins: joins.filter(isStages),
    ...(user ? { user } : {}),
    unshareFlags: flagsOf("user", "time"),
  };
  return {
    ...(hasStage ? { stage } : {}),
    cloneFlags: flagsOf(...BY_CLONING, ...only(!hasStage, "user"), ...only(!hasUser, "ipc")),
    joins: joins.filter((join) => !isStages(join)),
    unshareFlags: flagsOf("cgroup", ...only(hasUser, "ipc")),
    hasUser,
    mounts: isNew("mount") ? "own" : wanted.has("mount") ? "joined" : "creators",
  };
}

const only = (isSo: boolean, type: NamespaceType): NamespaceType[] => (isSo ? [type] : []);

function byType(namespaces: readonly LinuxNamespace[]): Map<NamespaceType, { join?: Join }> {
  const wanted = new Map<NamespaceType, { join?: Join }>();
  namespaces.forEach(({ type, path }, i) => {
    const pointer = `/linux/namespaces/${i}`;
    if (!Object.hasOwn(NAMESPACES, type))
      throw new Failure(`there is no namespace of type "${type}"`, { pointer: `${pointer}/type` });
    const known = type as NamespaceType;
    if (wanted.has(known)) throw new Failure(`the ${type} namespace is listed twice`, { pointer });
    wanted.set(known, path ? { join: { type: known, path, pointer: `${pointer}/path` } } : {});
  });
  return wanted;
}

/** An opened namespace, ready to enter. */
export interface OpenedNamespace {
  fd: number;
  flag: number;
  join: Join;
}

/** Opens the namespaces to join, before anything switches, and checks that each is of the kind asked for. */
export function openNamespaces(joins: readonly Join[]): OpenedNamespace[] {
  return joins.map((join) => {
    const { flag } = NAMESPACES[join.type];
    const fd = doing(`opening the ${join.type} namespace ${join.path}`, join.pointer, () =>
      // Without waiting, should it be a FIFO.
      open(join.path, O_RDONLY | O_NONBLOCK),
    );
    if (kindOf(fd) !== flag)
      throw new Failure(`${join.path} is not a ${join.type} namespace`, { pointer: join.pointer });
    return { fd, flag, join };
  });
}

function kindOf(fd: number): number | undefined {
  try {
    return namespaceFlag(fd);
  } catch (error) {
    if (isErrno(error, ENOTTY)) return undefined;
    throw error;
  }
}

export function enterNamespaces(opened: readonly OpenedNamespace[]): void {
  for (const { fd, flag, join } of opened)
    doing(`joining the ${join.type} namespace ${join.path}`, join.pointer, () =>
      using(fd, () => setns(fd, flag)),
    );
}

export function makeNamespaces(flags: number): void {
  if (flags !== 0)
    doing("making the namespaces of the container", "/linux/namespaces", () => unshare(flags));
}
