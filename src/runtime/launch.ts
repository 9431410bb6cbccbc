/** Creating a container: from a checked bundle to a process that waits for `start`. */
import type { Process } from "@opencontainers-types";
import { ENOSPC, O_WRONLY, PR_SET_DUMPABLE, SOCK_SEQPACKET } from "#abi";
import { load } from "#host";
import type { ChosenCgroup } from "../cgroup/driver.ts";
import { doing, Failure } from "../failure.ts";
import { type CreatorEnd, openChannel } from "../init/channel.ts";
import { runHooks } from "../init/hooks.ts";
import { type InitPlan, initContainer } from "../init/init.ts";
import {
  enterNamespaces,
  makesUserNamespace,
  type OpenedNamespace,
  openNamespaces,
  planNamespaces,
} from "../init/namespaces.ts";
import { geteuid } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import { close, using } from "../linux/fs.ts";
import { NAMESPACES } from "../linux/namespaces.ts";
import { openProcRoot, writeProc } from "../linux/proc.ts";
import { type Child, exitStatus, prctl, spawn, wait } from "../linux/process.ts";
import { listenAt } from "../linux/socket.ts";
import { type Bundle, openBundle } from "./bundle.ts";
import { checkJoined } from "./checks.ts";
import type { Construction } from "./construction.ts";
import type { Context, CreateOptions } from "./context.ts";
import { runPoststopHooks } from "./delete.ts";
import { destroy } from "./destroy.ts";
import { planInit } from "./initPlan.ts";
import { checkKernel } from "./kernel.ts";
import { writePidFile } from "./pidFile.ts";
import { chooseCgroup, limit, placeInCgroup } from "./placement.ts";
import { hookState } from "./status.ts";
import { StateDirectory, type StoredState } from "./store.ts";
import { checkTerminal, passTerminal } from "./terminal.ts";

/** A created container, still locked by its creator. */
export interface Launched {
  directory: StateDirectory;
  state: StoredState;
  child: Child;
  /** The master of its terminal, unless that went to a console socket. */
  terminal: number | undefined;
}

/**
 * Creates the container of a bundle up to the state "created"; `foreground` is for a caller that relays the terminal
 * itself. Throws a Failure, after undoing all that was done and running the `poststop` hooks.
 */
export function launch(context: Context, options: CreateOptions, foreground: boolean): Launched {
  checkKernel();
  checkPrivilege();
  const bundle = openBundle(options.bundle);
  checkTerminal(bundle.process.terminal ?? false, options.consoleSocket, foreground);
  const namespaces = planNamespaces(bundle.config.linux?.namespaces ?? []);
  const directory = StateDirectory.reserve(context.root, options.id);
  const construction: Construction = {
    context,
    options,
    bundle,
    namespaces,
    directory,
    state: initialState(options.id, bundle),
    settings: [],
  };
  try {
    return construct(construction);
  } catch (error) {
    undo(construction);
    throw error;
  }
}

/** Without root the first mount would fail, with an errno that says nothing. */
function checkPrivilege(): void {
  if (geteuid() !== 0)
    throw new Failure("creating a container needs root", {
      hint: "rootless containers are not supported by this version of tsrun",
    });
}

function initialState(id: string, { config, path, rootfs }: Bundle): StoredState {
  const { poststart, poststop } = config.hooks ?? {};
  return {
    ociVersion: config.ociVersion,
    id,
    bundle: path,
    rootfs,
    annotations: config.annotations ?? {},
    endsWithProcess:
      config.linux?.namespaces?.some(({ type, path }) => type === "pid" && !path) ?? false,
    hooks: { ...(poststart ? { poststart } : {}), ...(poststop ? { poststop } : {}) },
  };
}

function construct(construction: Construction): Launched {
  const { options, bundle, directory, state } = construction;
  const cgroup = chooseCgroup(construction);
  const channel = startInit(construction, cgroup);
  // Its hooks may run for long: what they leave behind must be known to be this container's.
  if (bundle.config.hooks?.createContainer?.length) directory.write(state);
  const complete = { ...state, created: new Date().toISOString() };
  directory.stage(complete);
  serve(construction, channel, complete);
  const child = construction.child as Child;
  if (options.pidFile !== undefined) writePidFile(options.pidFile, child.pid);
  directory.commit();
  channel.send({ type: "recorded" });
  close(channel.fd);
  return { directory, state: complete, child, terminal: construction.terminal };
}

/**
 * Makes the container's process in its cgroup. What it does not need at once is made while it sets itself up. Returns the
 * creator's end of their channel.
 */
function startInit(construction: Construction, cgroup: ChosenCgroup): CreatorEnd {
  const { bundle, namespaces, directory } = construction;
  const channel = openChannel();
  const plan = planInit(construction, channel.init, cgroup.movesProcess);
  const joins = openNamespaces(namespaces.creatorJoins);
  checkJoined(bundle.config, [...joins, ...plan.joins]);
  // Whoever shares a namespace with the new process must not look into it before it is the user's program.
  prctl(PR_SET_DUMPABLE, 0);
  const group = placeInCgroup(construction, cgroup, (groupFd) =>
    inCreatorNamespaces(joins, () => spawnInit(plan, groupFd)),
  );
  for (const fd of [channel.init.fd, ...plan.joins.map(({ fd }) => fd)]) close(fd);
  const { pid } = construction.child as Child;
  adjustOomScore(pid, bundle.process);
  if (makesUserNamespace(namespaces))
    load(import("./userNamespace.ts")).settleUserNamespace(
      pid,
      bundle,
      plan.sources,
      channel.creator,
    );
  if (cgroup.movesProcess) channel.creator.send({ type: "placed" });
  // Its hooks run after the handover and keep to the limits; a process without them need not wait for those.
  const hooked = Boolean(bundle.config.hooks?.createContainer?.length);
  if (hooked) limitGroup(construction, group);
  handOver(directory, channel.creator);
  if (!hooked) limitGroup(construction, group);
  return channel.creator;
}

function limitGroup(construction: Construction, group: number | undefined): void {
  if (group !== undefined) using(group, () => limit(construction, group));
}

function spawnInit(plan: InitPlan, group: number | undefined): Child {
  const flags = plan.namespaces.cloneFlags;
  try {
    return spawn({ flags, cgroup: group }, () => initContainer(plan));
  } catch (cause) {
    throw new Failure("making the container's process and its namespaces", {
      cause,
      hint: isErrno(cause, ENOSPC)
        ? "this host allows no more namespaces of a kind: see /proc/sys/user/max_*_namespaces"
        : undefined,
    });
  }
}

/** By the creator: /proc/<pid> of a process that must not be looked into is root's, not that of a user namespace's root. */
function adjustOomScore(pid: number, { oomScoreAdj }: Process): void {
  if (oomScoreAdj === undefined) return;
  doing(`setting oom_score_adj to ${oomScoreAdj}`, "/process/oomScoreAdj", () =>
    using(openProcRoot(), (proc) =>
      writeProc(proc, `${pid}/oom_score_adj`, String(oomScoreAdj), O_WRONLY),
    ),
  );
}

/** Gives the process the socket on which it will wait for `start`, and the lock that it holds until execve. */
function handOver(directory: StateDirectory, channel: CreatorEnd): void {
  const descriptors = [listenAt(directory.socketPath(), SOCK_SEQPACKET), directory.holdExecLock()];
  channel.send({ type: "handover" }, descriptors);
  descriptors.forEach(close);
}

/** Makes a child in namespaces that a process must be born into, and comes back: hooks run in the creator's own. */
function inCreatorNamespaces(joins: OpenedNamespace[], make: () => Child): Child {
  const own = openNamespaces(
    joins.map(({ join }) => ({ ...join, path: `/proc/self/ns/${NAMESPACES[join.type].file}` })),
  );
  try {
    enterNamespaces(joins);
    return make();
  } finally {
    enterNamespaces(own);
  }
}

/** Answers the container's process until it is ready. */
function serve(construction: Construction, channel: CreatorEnd, complete: StoredState): void {
  for (;;) {
    const received = channel.receive();
    if (received === undefined) throw endedEarly(construction.child as Child);
    const { message, descriptors } = received;
    if (message.type === "failed") throw Failure.from(message.failure);
    if (message.type === "created") break;
    if (message.type === "console") passTerminal(construction, descriptors[0] as number);
    else {
      runRuntimeHooks(construction);
      construction.directory.stage(complete);
      channel.send({ type: "proceed" });
    }
  }
}

function endedEarly({ pidfd }: Child): Failure {
  const ending = wait(pidfd);
  const how = ending ? `status ${exitStatus(ending)}` : "no status";
  return new Failure(`the container's process ended with ${how} before it was ready`, {
    hint: "was it killed, or is memory short?",
  });
}

/** The hooks see the container as it is; so do commands that they run. */
function runRuntimeHooks({ bundle, directory, state }: Construction): void {
  const { hooks } = bundle.config;
  directory.write(state);
  runHooks("prestart", hooks?.prestart, hookState(state, "creating"));
  runHooks("createRuntime", hooks?.createRuntime, hookState(state, "creating"));
}

/** The first error is the one to report; what goes wrong in undoing is a warning. */
function undo({ context, directory, state }: Construction): void {
  try {
    for (const warning of destroy(directory, state)) context.warn(warning);
    runPoststopHooks(context, state);
  } catch (error) {
    context.warn(`cleaning up after the failed creation: ${(error as Error).message}`);
  } finally {
    directory.close();
  }
}
