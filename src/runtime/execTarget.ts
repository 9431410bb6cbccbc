/** The container that `exec` enters, as it is now. */
import type { Linux, LinuxIDMapping, Spec } from "@opencontainers-types";
import { CLONE_NEWPID, CLONE_NEWTIME, ESRCH, O_DIRECTORY, O_PATH } from "#abi";
import { load } from "#host";
import { groupWithin, openOwn } from "../cgroup/group.ts";
import { doing, Failure } from "../failure.ts";
import { parseIdMap } from "../init/idMappings.ts";
import { unless } from "../linux/errno.ts";
import { open, readText } from "../linux/fs.ts";
import { NAMESPACES, type NamespaceType } from "../linux/namespaces.ts";
import { hasLostLeader, processStatus } from "../linux/proc.ts";
import { pidfdOpen } from "../linux/process.ts";
import type { Context } from "./context.ts";
import { inOwnGroup } from "./ownGroup.ts";
import { livingProcess } from "./process.ts";
import { type ContainerStatus, statusOf } from "./status.ts";
import { type ProcessIdentity, StateDirectory, type StoredState } from "./store.ts";

export interface ExecTarget {
  state: StoredState;
  /** What the container was made of; the bundle's may be another by now. */
  config: Spec;
  /** Of its first process. */
  pidfd: number;
  /** CLONE_NEW* of the namespaces that it does not share with its creator, but for the PID namespace. */
  namespaces: number;
  hasPidNamespace: boolean;
  /** How the ids of its user namespace are mapped, if it has one. */
  ids: { uids: LinuxIDMapping[]; gids: LinuxIDMapping[] } | undefined;
  /** The first process's root directory, where that is not the root of a mount namespace of its own. */
  root: number | undefined;
}

/** Opens a container whose first process lives. Throws a Failure. */
export function openTarget(context: Context, id: string, ignorePaused: boolean): ExecTarget {
  const directory = StateDirectory.get(context.root, id);
  const state = directory.read();
  const status = state ? statusOf(directory, state) : "stopped";
  const isRefused = status === "paused" ? !ignorePaused : status === "creating";
  if (!state || status === "stopped" || isRefused) return refuse(status, id);
  const config = directory.keptConfig();
  directory.close();
  return lookAt(state, config) ?? refuse("stopped", id);
}

function refuse(status: ContainerStatus, id: string): never {
  throw new Failure(`cannot exec in a ${status} container: ${id}`, {
    kind: "container-status",
    hint: status === "paused" ? "resume it first, or use --ignore-paused" : undefined,
  });
}

/** Undefined if the first process has just ended. */
function lookAt(state: StoredState, config: Spec): ExecTarget | undefined {
  const { pid } = state.process as ProcessIdentity;
  const status = processStatus(pid);
  if (status && hasLostLeader(status))
    throw new Failure(
      `cannot exec in ${state.id}: the first thread of its first process has ended`,
      {
        kind: "container-status",
        hint: "the namespaces of a process are those of that thread: there is no way in any more",
      },
    );
  const pidfd = unless([ESRCH], () => pidfdOpen(pid));
  if (pidfd === undefined) return undefined;
  const flags = namespaceFlags(config.linux ?? {}) | (state.isRestored ? CLONE_NEWTIME : 0);
  const target = {
    state,
    config,
    pidfd,
    namespaces: flags & ~CLONE_NEWPID,
    hasPidNamespace: (flags & CLONE_NEWPID) !== 0,
    ids: hasNamespace(config, "user") ? idsOf(pid) : undefined,
    root: hasOwnMounts(config) ? undefined : openRoot(pid),
  };
  // Last, so that what was opened by its pid is surely its.
  return livingProcess(state) === undefined ? undefined : target;
}

const namespaceFlags = ({ namespaces = [] }: Linux): number =>
  namespaces.reduce((flags, { type }) => flags | NAMESPACES[type as NamespaceType].flag, 0);

const hasNamespace = ({ linux }: Spec, wanted: NamespaceType): boolean =>
  linux?.namespaces?.some(({ type }) => type === wanted) ?? false;

/** Otherwise the container was entered by chroot(2) (../init/sharedMounts.ts). */
const hasOwnMounts = ({ linux }: Spec): boolean =>
  linux?.namespaces?.some(({ type, path }) => type === "mount" && !path) ?? false;

function idsOf(pid: number): ExecTarget["ids"] {
  const map = (file: string) => parseIdMap(readText(`/proc/${pid}/${file}`));
  return doing("reading how the container's ids are mapped", undefined, () => ({
    uids: map("uid_map"),
    gids: map("gid_map"),
  }));
}

const openRoot = (pid: number): number =>
  doing("opening the container's root", undefined, () =>
    open(`/proc/${pid}/root`, O_PATH | O_DIRECTORY),
  );

/** Where a new process begins. */
export interface TargetGroup {
  /** The group's directory; undefined for the caller's group. */
  group: number | undefined;
  /** Opens the one to try when that takes no process; undefined if it was named. */
  openOther: (() => number) | undefined;
  /** Has a process moved there, where the caller may not have one begin; undefined where nobody would do that. */
  move: ((pid: number) => void) | undefined;
}

/** `below` names one of the container's own groups, which must be there. Throws a Failure. */
export function openTargetGroup(state: StoredState, below: string | undefined): TargetGroup {
  const { cgroup, scope, id } = state;
  if (cgroup === undefined) {
    if (below !== undefined)
      throw new Failure(`--cgroup is ${below}, and the container ${id} has no cgroup of its own`);
    return { group: undefined, openOther: undefined, move: undefined };
  }
  const openGroup = (name?: string) => inOwnGroup(state, (group) => openOwn(group, cgroup, name));
  const groupOfFirst = () => groupWithin(cgroup, state.process?.pid ?? 0);
  return {
    group: openGroup(below),
    openOther: below === undefined ? () => openGroup(groupOfFirst()) : undefined,
    move: scope?.user
      ? (pid) => {
          const groups =
            below === undefined ? ["/", groupOfFirst()] : [`/${below.replace(/^\/+/, "")}`];
          load(import("../cgroup/systemd/scope.ts")).attachToScope(scope, groups, pid);
        }
      : undefined,
  };
}
