/** `exec`: one more process in a container. */
import type { Process } from "@opencontainers-types";
import { ECHILD, SIGKILL } from "#abi";
import { load } from "#host";
import { planCapabilities } from "../init/capabilities.ts";
import { openChannel } from "../init/channel.ts";
import { keepsGroups } from "../init/identity.ts";
import { keyringOf } from "../init/process.ts";
import { unless } from "../linux/errno.ts";
import { openProcRoot, processStatus } from "../linux/proc.ts";
import { type Child, exitStatus, sendSignal, wait } from "../linux/process.ts";
import { blockSignals } from "../linux/signals.ts";
import type { Context } from "./context.ts";
import { serve } from "./conversation.ts";
import { bearExec } from "./execBirth.ts";
import { type ExecutedProcess, placed, processOf } from "./execProcess.ts";
import { type ExecTarget, openTarget, openTargetGroup } from "./execTarget.ts";
import { awaitExecution } from "./execution.ts";
import { checkKernel } from "./kernel.ts";
import { removePidFile, writePidFile } from "./pidFile.ts";
import { checkProcess } from "./processChecks.ts";
import { hookState } from "./status.ts";
import type { StoredState } from "./store.ts";
import { checkTerminal } from "./terminal.ts";

/** The options of `exec`, in runc's words. */
export interface ExecOptions {
  process: ExecutedProcess;
  /** A unix socket that gets the master of the process's terminal. */
  consoleSocket: string | undefined;
  /** A unix socket that gets the process's pidfd. */
  pidfdSocket: string | undefined;
  pidFile: string | undefined;
  /** Do not wait for the process. */
  detach: boolean;
  /** How many descriptors, from 3 on, the process keeps. */
  preserveFds: number;
  /** One of the container's own groups below its cgroup, to begin in. */
  cgroup: string | undefined;
  /** Make the process in a paused container as well: it goes on when that does. */
  ignorePaused: boolean;
}

/**
 * Runs a process in a container. Returns its exit status in the foreground (128 + n if signal n killed it), and 0 when
 * detached. Throws a Failure if it does not come as far as its program.
 */
export function exec(context: Context, id: string, options: ExecOptions): number {
  checkKernel();
  // Signals that come from now on are for the process; they wait until there is one.
  if (!options.detach) blockSignals();
  const { child, terminal } = enter(context, id, options);
  if (options.detach) return 0;
  return exitStatus(load(import("./supervise.ts")).supervise(child, terminal));
}

function enter(context: Context, id: string, options: ExecOptions): Launched {
  const target = openTarget(context, id, options.ignorePaused);
  try {
    return launch(context, target, options);
  } catch (error) {
    throw placed(error, options.process);
  }
}

interface Launched {
  child: Child;
  /** The master of its terminal, unless that went to a console socket. */
  terminal: number | undefined;
}

function launch(context: Context, target: ExecTarget, options: ExecOptions): Launched {
  const { state, config } = target;
  const { linux = {} } = config;
  const process = processOf(config, options.process);
  check(process, target, options);
  const seccomp =
    linux.seccomp && load(import("../seccomp/filter.ts")).planFilter(linux.seccomp, context.root);
  const capabilities = planCapabilities(process.capabilities);
  for (const name of capabilities.unknown)
    context.warn(`the capability ${name} is unknown and ignored`);
  const { creator, child: end } = openChannel();
  const plan = {
    process,
    linux,
    capabilities,
    seccomp: seccomp?.filter,
    keyring: state.noNewKeyring ? undefined : keyringOf(state.id),
    keepsGroups: keepsGroups(config.annotations),
    preserveFds: options.preserveFds,
    openFiles: undefined,
    variables: [],
    container: target.pidfd,
    namespaces: target.namespaces,
    root: target.root,
    proc: process.apparmorProfile || process.selinuxLabel ? openProcRoot() : undefined,
    hasUser: target.ids !== undefined,
    channel: end,
  };
  const child = bearExec(plan, target, openTargetGroup(state, options.cgroup));
  let isTold = false;
  try {
    const { consoleSocket } = options;
    const isKnown = { child, channel: creator, consoleSocket, seccomp: linux.seccomp };
    const terminal = serve({ ...isKnown, state: () => hookState(state, "running") });
    seccomp?.keep();
    settle(child, process, state, options);
    isTold = true;
    creator.send({ type: "recorded" });
    // Its pid is no other's until it is waited for.
    awaitExecution(creator.fd, () => processStatus(child.pid)?.hasExecuted ?? false);
    return { child, terminal };
  } catch (error) {
    if (isTold && options.pidFile !== undefined) removePidFile(options.pidFile);
    // Nobody else would: a process that has ended and is not waited for stays in the container's PID namespace. One that
    // ended by itself may have been waited for (ECHILD).
    sendSignal(child.pidfd, SIGKILL);
    unless([ECHILD], () => wait(child.pidfd));
    throw error;
  }
}

function check(process: Process, { ids }: ExecTarget, options: ExecOptions): void {
  checkProcess(process);
  checkTerminal(process.terminal ?? false, options.consoleSocket, !options.detach);
  if (process.apparmorProfile || process.selinuxLabel)
    load(import("./labelChecks.ts")).checkLabels(process);
  if (ids)
    load(import("./userNamespaceChecks.ts")).checkUser(
      process.user ?? { uid: 0, gid: 0 },
      ids.uids,
      ids.gids,
    );
}

/** What its maker does for a process that is ready: it must not have executed anything yet. */
function settle(child: Child, process: Process, state: StoredState, options: ExecOptions): void {
  const { pidFile, pidfdSocket } = options;
  if (state.resctrl)
    load(import("./intelRdt.ts")).enterIntelRdt(state.id, state.resctrl, child.pid);
  if (process.scheduler || process.ioPriority)
    load(import("./scheduling.ts")).applyScheduling(child.pid, process);
  if (pidfdSocket !== undefined)
    load(import("./pidfdSocket.ts")).passPidfd(pidfdSocket, child.pidfd, "setns");
  if (pidFile !== undefined) writePidFile(pidFile, child.pid);
}
