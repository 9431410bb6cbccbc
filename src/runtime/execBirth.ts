/** How the process of `exec` comes into being: in the container's cgroup and PID namespace. */
import { CLONE_NEWPID, EACCES, EBUSY, EOPNOTSUPP, EPERM, PR_SET_DUMPABLE } from "#abi";
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import type { Channel } from "../init/channel.ts";
import { type ExecPlan, execByStage, execInContainer } from "../init/exec.ts";
import { raiseHardLimits } from "../init/identity.ts";
import type { FromStage, ToStage } from "../init/stage.ts";
import { setAffinity } from "../linux/affinity.ts";
import { isErrno, unless } from "../linux/errno.ts";
import { close, using } from "../linux/fs.ts";
import { setns } from "../linux/namespaces.ts";
import { type Child, prctl, spawn } from "../linux/process.ts";
import { birthRemedy } from "./birth.ts";
import type { ExecTarget, TargetGroup } from "./execTarget.ts";

/**
 * Makes the process. What takes the host's privilege is done by this process before, for itself, and inherited. Throws a
 * Failure.
 */
export function bearExec(plan: ExecPlan, target: ExecTarget, group: TargetGroup): Child {
  const { process } = plan;
  raiseHardLimits(process.rlimits ?? []);
  if (target.ids) load(import("./userNamespace.ts")).giveHostStreams(process, target.ids.uids);
  const initial = process.execCPUAffinity?.initial;
  if (initial)
    doing(`running on the CPUs ${initial}`, "/process/execCPUAffinity/initial", () =>
      setAffinity(initial),
    );
  const make = () => {
    // Whoever is in the container must not look into the new process before it is the user's program.
    prctl(PR_SET_DUMPABLE, 0);
    return bear(plan, target, group);
  };
  const { oomScoreAdj } = process;
  try {
    return oomScoreAdj === undefined
      ? make()
      : load(import("./oomScore.ts")).withOomScore(oomScoreAdj, make);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure("making a process in the container", { cause, hint: birthRemedy(cause) });
  }
}

/**
 * Only children are born into the namespace that this process enters; it stays where it is (pid_namespaces(7)). A user may
 * enter it only as a member of the user namespace that owns it, so that another process has to.
 */
function bear(plan: ExecPlan, target: ExecTarget, group: TargetGroup): Child {
  const { pidfd, hasPidNamespace } = target;
  const isEntered =
    !hasPidNamespace ||
    unless([EPERM], () => {
      setns(pidfd, CLONE_NEWPID);
      return true;
    });
  const stage = (isMoved: boolean) => (channel: Channel<ToStage, FromStage>) =>
    execByStage(plan, { pidNamespace: hasPidNamespace ? CLONE_NEWPID : 0, isMoved }, channel);
  const child = inGroup(group, {
    begin: (cgroup) =>
      isEntered
        ? spawn({ cgroup }, () => execInContainer(plan))
        : load(import("./stage.ts")).bearBy(cgroup, stage(false)),
    beMoved: (move) => load(import("./stage.ts")).bearBy(undefined, stage(true), move),
  });
  for (const fd of [pidfd, plan.channel.fd, plan.root, plan.proc]) if (fd !== undefined) close(fd);
  return child;
}

/** The ways into a group. */
interface Ways {
  begin: (group?: number) => Child;
  beMoved: (move: (pid: number) => void) => Child;
}

/**
 * A group that hands controllers on to others takes no process (EBUSY), nor does one with threaded ones (EOPNOTSUPP). A user
 * may have one begin there only from within the user's own part of the tree (EACCES).
 */
function inGroup({ group, openOther, move }: TargetGroup, { begin, beMoved }: Ways): Child {
  if (group === undefined) return begin();
  try {
    return using(group, begin);
  } catch (error) {
    if (move && isErrno(error, EACCES)) return beMoved(move);
    if (openOther && isErrno(error, EBUSY, EOPNOTSUPP)) return using(openOther(), begin);
    throw error;
  }
}
