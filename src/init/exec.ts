/**
 * A process that is executed in a running container, from its birth to execve, in the order in which it happens. The
 * container may be hostile: until execve nobody in it may look into this process (it is not dumpable), and nothing of the
 * container's files is followed out of them.
 */
import { CLONE_PARENT, EPERM, O_DIRECTORY } from "#abi";
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import { freeAffinity, setAffinity } from "../linux/affinity.ts";
import { setsid } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import { closeAllBut, openPath, using } from "../linux/fs.ts";
import { chroot, fchdir, setns } from "../linux/namespaces.ts";
import { exit, spawn } from "../linux/process.ts";
import { resetSignalActions } from "../linux/signals.ts";
import { type Channel, failThrough, type InitEnd } from "./channel.ts";
import {
  becomeProcess,
  executeTelling,
  openLabels,
  type ProcessPlan,
  type Ready,
} from "./process.ts";
import { awaitMaker, type FromStage, reportBirth, type ToStage } from "./stage.ts";

/** All that was decided and opened before the fork. */
export interface ExecPlan extends ProcessPlan {
  /** A pidfd of the container's first process, whose namespaces this one enters. */
  container: number;
  /** CLONE_NEW*: the namespaces to enter, but for the PID namespace, which one is born into (pid_namespaces(7)). */
  namespaces: number;
  /** That process's root directory, where it is not the root of its mount namespace. */
  root: number | undefined;
  /** The host's procfs, for the labels of the process, if it gets any. */
  proc: number | undefined;
  /** Whether the container has a user namespace of its own. */
  hasUser: boolean;
  channel: InitEnd;
}

/** Becomes the program. Never returns: it ends in execve, or in exit after telling its maker why. */
export function execInContainer(
  plan: ExecPlan,
  enter: (plan: ExecPlan) => void = enterContainer,
): never {
  const { channel, seccomp } = plan;
  let ready: Ready;
  try {
    ready = prepare(plan, enter);
    if (seccomp) load(import("./seccomp.ts")).loadWithListener(seccomp, channel);
    channel.send({ type: "created" });
    resetSignalActions();
    // Without a maker there is nobody who knows of this process.
    if (channel.receive() === undefined) return exit(1);
  } catch (error) {
    return failThrough(channel, error);
  }
  return executeTelling(channel.fd, ready, seccomp?.voice);
}

function prepare(plan: ExecPlan, enter: (plan: ExecPlan) => void): Ready {
  const { process, channel, container, root: chrooted, proc, preserveFds } = plan;
  // The caller's and the maker's descriptors lead to the host: a path such as /proc/self/fd/9/sh in args would, too.
  const own = [channel.fd, container, chrooted, proc].filter((fd) => fd !== undefined);
  closeAllBut(3 + preserveFds, own);
  setsid();
  setFinalAffinity(plan);
  const labels = openLabels(process, proc);
  enter(plan);
  if (plan.hasUser) becomeNamespaceRoot(plan);
  const root = openPath("/", O_DIRECTORY);
  const terminal = process.terminal
    ? load(import("./console.ts")).openTerminal(root, process.consoleSize)
    : undefined;
  if (terminal) load(import("./console.ts")).giveTerminal(channel, terminal);
  return becomeProcess(plan, root, terminal, labels);
}

function becomeNamespaceRoot({ process, keepsGroups }: ExecPlan): void {
  const { user = { uid: 0, gid: 0 } } = process;
  load(import("./userNamespace.ts")).becomeNamespaceRoot(user, keepsGroups);
}

/**
 * process.execCPUAffinity: where the process runs once it is in the container's cgroup. Its maker has set `initial` for
 * itself; without either, where its caller was tied to is not for the container.
 */
function setFinalAffinity({ process: { execCPUAffinity = {} } }: ExecPlan): void {
  const { initial, final } = execCPUAffinity;
  if (final)
    doing(`running on the CPUs ${final}`, "/process/execCPUAffinity/final", () =>
      setAffinity(final),
    );
  else if (!initial) freeAffinity();
}

/**
 * Enters all namespaces in one step (setns(2), "pidfd"): the kernel checks first, with this process's own rights, whether it
 * may enter each, so that a user namespace in which it has rights of its own needs no particular place in an order.
 */
export function enterContainer({ container, namespaces, root }: ExecPlan): void {
  using(container, () => {
    if (namespaces !== 0) enter(container, namespaces);
  });
  if (root === undefined) return;
  doing("entering the container's root", undefined, () => {
    using(root, fchdir);
    chroot(".");
  });
}

function enter(container: number, namespaces: number): void {
  try {
    setns(container, namespaces);
  } catch (cause) {
    throw new Failure("entering the container's namespaces", {
      cause,
      hint: isErrno(cause, EPERM)
        ? "that takes CAP_SYS_ADMIN in each of them; a user has it only once the container was started"
        : undefined,
    });
  }
}

/** How a stage makes the process. */
export interface ExecStage {
  /** CLONE_NEWPID, if the container has a PID namespace of its own. */
  pidNamespace: number;
  /** Whether its maker moves it into the container's cgroup, in which what it makes begins then. */
  isMoved: boolean;
}

/**
 * The way of a caller who may enter a PID namespace only as a member of the user namespace that owns it, or may not have a
 * process begin in the container's cgroup: a process that enters everything, makes the one that is executed as a child of its
 * own maker (CLONE_PARENT, clone(2)), and ends.
 */
export function execByStage(
  plan: ExecPlan,
  { pidNamespace, isMoved }: ExecStage,
  channel: Channel<ToStage, FromStage>,
): never {
  try {
    // systemd moves only what is still the caller's own, as it sees it.
    if (isMoved) awaitMaker(channel);
    enterContainer({ ...plan, namespaces: plan.namespaces | pidNamespace });
    return reportBirth(channel, () =>
      spawn({ flags: CLONE_PARENT }, () => execInContainer(plan, () => {})),
    );
  } catch (error) {
    return failThrough(channel, error);
  }
}
