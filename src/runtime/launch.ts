/** Creating a container: from a checked bundle to a process that waits for `start`. */
import { PR_SET_DUMPABLE, SOCK_SEQPACKET, SOCK_STREAM } from "#abi";
import { applyDeviceFilter } from "../cgroup/deviceFilter.ts";
import { type ChosenCgroup, cgroupDrivers, type Placed } from "../cgroup/driver.ts";
import { hierarchyMountPoint } from "../cgroup/hierarchy.ts";
import { doing, Failure } from "../failure.ts";
import { planCapabilities } from "../init/capabilities.ts";
import { type ChannelEnds, type CreatorEnd, openChannel } from "../init/channel.ts";
import { runHooks } from "../init/hooks.ts";
import { type InitPlan, initContainer } from "../init/init.ts";
import { planMounts } from "../init/mounts.ts";
import {
  enterNamespaces,
  type OpenedNamespace,
  openNamespaces,
  planNamespaces,
} from "../init/namespaces.ts";
import { rootPropagation } from "../init/root.ts";
import { geteuid } from "../linux/credentials.ts";
import { close, stat, using } from "../linux/fs.ts";
import { NAMESPACES } from "../linux/namespaces.ts";
import { processStatus } from "../linux/proc.ts";
import { type Child, exitStatus, prctl, spawn, wait } from "../linux/process.ts";
import { connectTo, listenAt, send } from "../linux/socket.ts";
import { encode } from "../linux/text.ts";
import { type Bundle, openBundle } from "./bundle.ts";
import { checkJoined } from "./checks.ts";
import type { Context, CreateOptions } from "./context.ts";
import { runPoststopHooks } from "./delete.ts";
import { destroy } from "./destroy.ts";
import { checkKernel } from "./kernel.ts";
import { writePidFile } from "./pidFile.ts";
import { hookState } from "./status.ts";
import { StateDirectory, type StoredState } from "./store.ts";

/** A created container, still locked by its creator. */
export interface Launched {
  directory: StateDirectory;
  state: StoredState;
  child: Child;
  /** The master of its terminal, unless that went to a console socket. */
  terminal: number | undefined;
}

/** What is known of a container while it is being created. */
interface Construction {
  context: Context;
  options: CreateOptions;
  bundle: Bundle;
  directory: StateDirectory;
  state: StoredState;
  child?: Child;
  terminal?: number;
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
  const directory = StateDirectory.reserve(context.root, options.id);
  const construction: Construction = {
    context,
    options,
    bundle,
    directory,
    state: initialState(options.id, bundle),
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

/** A terminal needs somebody at its other end, and a console socket needs a terminal. */
function checkTerminal(
  terminal: boolean,
  consoleSocket: string | undefined,
  foreground: boolean,
): void {
  const pointer = "/process/terminal";
  if (terminal && !foreground && consoleSocket === undefined)
    throw new Failure("the container wants a terminal and nobody would be at its other end", {
      pointer,
      hint: "pass --console-socket, run it in the foreground, or set process.terminal to false",
    });
  if (consoleSocket !== undefined && (foreground || !terminal))
    throw new Failure(`the console socket ${consoleSocket} would get no terminal`, {
      ...(terminal ? {} : { pointer }),
      hint: "--console-socket goes with process.terminal and a container that is created or detached",
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
  const { context, options, bundle, directory, state } = construction;
  const cgroup = cgroupDrivers[context.cgroupManager](bundle.config.linux?.cgroupsPath, options.id);
  if (cgroup.path !== undefined) {
    state.cgroup = cgroup.path;
    // Written before the group is made, which a creator killed from now on would leave behind.
    directory.write(state);
  }
  const channel = startInit(construction, cgroup);
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
  const { bundle, directory } = construction;
  const channel = openChannel();
  const plan = planInit(construction, channel);
  const joins = openNamespaces(plan.namespaces.creatorJoins);
  checkJoined(bundle.config, [...joins, ...plan.joins]);
  // Whoever shares a namespace with the new process must not look into it before it is the user's program.
  prctl(PR_SET_DUMPABLE, 0);
  const { child, group } = placeInCgroup(construction, cgroup, (groupFd) =>
    inCreatorNamespaces(joins, () =>
      spawn({ flags: plan.namespaces.cloneFlags, cgroup: groupFd }, () => initContainer(plan)),
    ),
  );
  construction.child = child;
  for (const fd of [channel.init.fd, ...plan.joins.map(({ fd }) => fd)]) close(fd);
  handOver(directory, channel.creator);
  // The rules are for the program; the hooks that run before it are the operator's.
  if (group !== undefined) {
    construction.state.cgroupInode = stat(group).ino;
    using(group, () => applyDeviceFilter(group, bundle.config.linux?.resources?.devices ?? []));
  }
  const startTime = processStatus(child.pid)?.startTime ?? 0;
  construction.state.process = { pid: child.pid, startTime };
  return channel.creator;
}

/** Decides all that can be decided before there is a process. Throws a Failure. */
function planInit(
  { bundle, context, options, state }: Construction,
  channel: ChannelEnds,
): InitPlan {
  const { config } = bundle;
  const namespaces = planNamespaces(config.linux?.namespaces ?? []);
  const hasOwnCgroups = config.linux?.namespaces?.some(({ type }) => type === "cgroup");
  const hostCgroups = hasOwnCgroups ? undefined : hierarchyMountPoint;
  const capabilities = planCapabilities(config.process?.capabilities);
  for (const name of capabilities.unknown)
    context.warn(`the capability ${name} is unknown and ignored (/process/capabilities)`);
  return {
    config,
    process: bundle.process,
    state: hookState(state, "creating"),
    rootfs: bundle.rootfs,
    mounts: planMounts(config.mounts ?? [], bundle.path, hostCgroups),
    namespaces,
    joins: openNamespaces(namespaces.joins),
    propagation: rootPropagation(config.linux?.rootfsPropagation),
    capabilities,
    noPivot: options.noPivot,
    noNewKeyring: options.noNewKeyring,
    preserveFds: options.preserveFds,
    listenFds: options.listenFds,
    channel: channel.init,
  };
}

/** Gives the process the socket on which it will wait for `start`, and the lock that it holds until execve. */
function handOver(directory: StateDirectory, channel: CreatorEnd): void {
  const descriptors = [listenAt(directory.socketPath(), SOCK_SEQPACKET), directory.holdExecLock()];
  channel.send({ type: "handover" }, descriptors);
  descriptors.forEach(close);
}

/** Makes the process in its group. */
function placeInCgroup(
  { state }: Construction,
  cgroup: ChosenCgroup,
  make: (group: number | undefined) => Child,
): Placed<Child> {
  let made = false;
  try {
    return cgroup.place((group) => {
      made = true;
      return make(group);
    });
  } catch (error) {
    // A group that could not be made is somebody else's, if it is there at all: it must not be cleaned up as ours.
    if (!made) delete state.cgroup;
    throw error;
  }
}

/** Makes a child in namespaces that a process must be born into, and comes back: hooks run in the creator's own. */
function inCreatorNamespaces(joins: OpenedNamespace[], make: () => Child): Child {
  const own = openNamespaces(
    joins.map(({ join }) => ({ ...join, path: `/proc/self/ns/${NAMESPACES[join.type].file}` })),
  );
  enterNamespaces(joins);
  try {
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

/** Sends the master to whoever listens at --console-socket, as engines expect it: one message with one descriptor. */
function passTerminal(construction: Construction, master: number): void {
  const { consoleSocket } = construction.options;
  if (consoleSocket === undefined) {
    construction.terminal = master;
    return;
  }
  doing(`sending the terminal to the console socket ${consoleSocket}`, undefined, () =>
    using(connectTo(consoleSocket, SOCK_STREAM), (socket) =>
      send(socket, encode("/dev/ptmx"), [master]),
    ),
  );
  close(master);
}

/** The first error is the one to report; what goes wrong in undoing is a warning. */
function undo({ context, directory, state }: Construction): void {
  try {
    destroy(directory, state);
    runPoststopHooks(context, state);
  } catch (error) {
    context.warn(`cleaning up after the failed creation: ${(error as Error).message}`);
  } finally {
    directory.close();
  }
}
