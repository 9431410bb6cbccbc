/** How a container's process comes into being: in its cgroup, with its namespaces. */
import { CLONE_PARENT, EACCES, ENOMEM, ENOSPC, EPERM, PR_SET_DUMPABLE } from "#abi";
import { load } from "#host";
import type { ChosenCgroup } from "../cgroup/driver.ts";
import { Failure } from "../failure.ts";
import { type CreatorEnd, openChannel } from "../init/channel.ts";
import type { InitPlan } from "../init/init.ts";
import { directSources } from "../init/sources.ts";
import { isErrno } from "../linux/errno.ts";
import { close } from "../linux/fs.ts";
import { type Child, prctl, type SpawnPlan, spawn } from "../linux/process.ts";
import { checkJoined } from "./checks.ts";
import type { Construction } from "./construction.ts";
import { planInit } from "./initPlan.ts";
import { placeInCgroup } from "./placement.ts";

/** A container's process that is there, and what its creator still holds of it. */
export interface Newborn {
  plan: InitPlan;
  channel: CreatorEnd;
  /** The directory of its cgroup. */
  group: number | undefined;
  /** Whether the ids of its user namespace, if it has one, are mapped. */
  isMapped: boolean;
}

/** Plans and makes the process; it waits for what its creator has to give it. Throws a Failure. */
export function bring(construction: Construction, cgroup: ChosenCgroup): Newborn {
  const { bundle, namespaces } = construction;
  const { creator, child } = openChannel();
  if (namespaces.mounts === "creators") mountRoot(construction);
  const plan = planInit(construction, child, cgroup.movesProcess);
  const stage = namespaces.stage && load(import("./stage.ts")).openStage(namespaces.stage);
  checkJoined(bundle.config, [...(stage?.joins ?? []), ...plan.joins]);
  const make = () => {
    // Whoever shares a namespace with the new process must not look into it before it is the user's program.
    if (!isOpenToCreator(construction)) prctl(PR_SET_DUMPABLE, 0);
    return placeInCgroup(construction, cgroup, (groupFd) =>
      stage
        ? load(import("./stage.ts")).bearByStage(construction, stage, groupFd, () =>
            bear(plan, { flags: CLONE_PARENT }),
          )
        : bear(plan, { cgroup: groupFd }),
    );
  };
  const { oomScoreAdj } = bundle.process;
  const group =
    oomScoreAdj === undefined
      ? make()
      : load(import("./oomScore.ts")).withOomScore(oomScoreAdj, make);
  if (plan.sharedRoot !== undefined) close(plan.sharedRoot);
  for (const fd of [child.fd, ...plan.joins.map(({ fd }) => fd)]) close(fd);
  return { plan, channel: creator, group, isMapped: stage !== undefined };
}

/**
 * Whether the new process is born dumpable: /proc/<pid> would be the machine's root's otherwise, and a user could not map
 * its ids. Until it is the root of its namespace, and undumpable, only processes of the user may look into it that are in
 * the user's namespace (ptrace(2)), and these may as well look into the creator.
 */
const isOpenToCreator = ({ context, namespaces }: Construction): boolean =>
  context.caller.isUser && namespaces.hasUser && !namespaces.stage?.user;

/** Where the container's mounts would outlive it: what takes them away is recorded. */
function mountRoot(construction: Construction): void {
  const { bundle, directory, state } = construction;
  if (bundle.rootfs === "/")
    throw new Failure("the machine's root cannot be a container's in the same mount namespace", {
      pointer: "/root/path",
      hint: 'add {"type": "mount"} to linux.namespaces',
    });
  const { mountSharedRoot } = load(import("../init/sharedMounts.ts"));
  const record = (mountId: number) => {
    state.rootMount = mountId;
    directory.write(state);
  };
  construction.sharedRoot = mountSharedRoot(bundle.rootfs, directSources.open, record);
}

function bear(plan: InitPlan, { flags = 0, cgroup }: SpawnPlan): Child {
  const allFlags = plan.namespaces.cloneFlags | flags;
  try {
    return spawn({ flags: allFlags, cgroup }, () =>
      // Loaded by the process itself: its creator has other things to do.
      load(import("../init/init.ts")).initContainer(plan),
    );
  } catch (cause) {
    throw new Failure("making the container's process and its namespaces", {
      cause,
      hint: birthRemedy(cause),
    });
  }
}

/** What to do about an error of clone3(2). */
export function birthRemedy(cause: unknown): string | undefined {
  if (isErrno(cause, ENOSPC))
    return "this host allows no more namespaces of a kind: see /proc/sys/user/max_*_namespaces";
  // clone(2); it is said of memory, too.
  if (isErrno(cause, ENOMEM))
    return "has the first process of a PID namespace that is joined ended? nobody can be born there any more";
  if (isErrno(cause, EPERM))
    return "that takes root, or user namespaces for users: see `sysctl -a | grep userns`";
  // Only the cgroup that it begins in has an owner (cgroups(7), "Cgroup delegation").
  if (isErrno(cause, EACCES))
    return "tsrun itself must be in a group below the one that is delegated to the user (docs/rootless.md)";
  return undefined;
}
