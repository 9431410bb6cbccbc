/** Creating a container: from a checked bundle to a process that waits for `start`. */
import type { Process, Spec } from "@opencontainers-types";
import { ENOSPC, O_WRONLY, PR_SET_DUMPABLE, SOCK_SEQPACKET, SOCK_STREAM } from "#abi";
import { applyDeviceFilter } from "../cgroup/deviceFilter.ts";
import { type ChosenCgroup, cgroupDrivers } from "../cgroup/driver.ts";
import { hierarchyMountPoint } from "../cgroup/hierarchy.ts";
import { giveGroup } from "../cgroup/ownership.ts";
import { planResources } from "../cgroup/resources.ts";
import type { Setting } from "../cgroup/setting.ts";
import { doing, Failure } from "../failure.ts";
import { planCapabilities } from "../init/capabilities.ts";
import { type ChannelEnds, type CreatorEnd, openChannel } from "../init/channel.ts";
import { runHooks } from "../init/hooks.ts";
import { applyRlimits, giveStandardStreams } from "../init/identity.ts";
import { hostId } from "../init/idMappings.ts";
import { type InitPlan, initContainer } from "../init/init.ts";
import { planMounts } from "../init/mounts.ts";
import {
  enterNamespaces,
  makesUserNamespace,
  type NamespacePlan,
  type OpenedNamespace,
  openNamespaces,
  planNamespaces,
} from "../init/namespaces.ts";
import { rootPropagation } from "../init/root.ts";
import { sendSources } from "../init/sources.ts";
import { planSources, writeIdMaps } from "../init/userNamespace.ts";
import { geteuid } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import { close, stat, using } from "../linux/fs.ts";
import { NAMESPACES } from "../linux/namespaces.ts";
import { openProcRoot, processStatus, writeProc } from "../linux/proc.ts";
import { type Child, exitStatus, ownEnvironment, prctl, spawn, wait } from "../linux/process.ts";
import { connectTo, listenAt, send } from "../linux/socket.ts";
import { encode } from "../linux/text.ts";
import { type Bundle, openBundle } from "./bundle.ts";
import { cgroupOwner } from "./cgroupOwner.ts";
import { checkJoined } from "./checks.ts";
import type { Context, CreateOptions } from "./context.ts";
import { runPoststopHooks } from "./delete.ts";
import { destroy } from "./destroy.ts";
import { checkKernel } from "./kernel.ts";
import { writePidFile } from "./pidFile.ts";
import { limitGroup } from "./resources.ts";
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
  namespaces: NamespacePlan;
  directory: StateDirectory;
  state: StoredState;
  settings: Setting[];
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
  const { options, bundle, namespaces, directory, state } = construction;
  const cgroup = chooseCgroup(construction);
  const channel = startInit(construction, cgroup);
  const complete = { ...state, created: new Date().toISOString() };
  directory.stage(complete);
  serve(construction, channel, complete);
  const child = construction.child as Child;
  if (makesUserNamespace(namespaces)) applyRlimits(bundle.process.rlimits ?? [], child.pid);
  if (options.pidFile !== undefined) writePidFile(options.pidFile, child.pid);
  directory.commit();
  channel.send({ type: "recorded" });
  close(channel.fd);
  return { directory, state: complete, child, terminal: construction.terminal };
}

/** Chooses the container's group, and what is set in it. */
function chooseCgroup(construction: Construction): ChosenCgroup {
  const { context, options, bundle, directory, state } = construction;
  const { cgroupsPath, resources } = bundle.config.linux ?? {};
  const { settings, warnings } = planResources(resources);
  construction.settings = settings;
  warnings.forEach(context.warn);
  const cgroup = cgroupDrivers[context.cgroupManager]({
    cgroupsPath,
    id: options.id,
    settings,
    annotations: bundle.config.annotations ?? {},
  });
  if (cgroup.path === undefined) {
    for (const { file, pointer } of settings)
      context.warn(`without a cgroup there is no ${file} to set (config.json ${pointer})`);
    return cgroup;
  }
  state.cgroup = cgroup.path;
  if (cgroup.scope) state.scope = cgroup.scope;
  if (resources) state.resources = resources;
  // Written before the group is made, which a creator killed from now on would leave behind.
  directory.write(state);
  return cgroup;
}

/**
 * Makes the container's process in its cgroup. What it does not need at once is made while it sets itself up. Returns the
 * creator's end of their channel.
 */
function startInit(construction: Construction, cgroup: ChosenCgroup): CreatorEnd {
  const { bundle, namespaces, directory } = construction;
  const channel = openChannel();
  const plan = planInit(construction, channel, cgroup.movesProcess);
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
  if (makesUserNamespace(namespaces)) {
    writeIdMaps(pid, bundle.config.linux ?? {});
    giveHostStreams(bundle);
    sendSources(pid, plan.sources, channel.creator);
  }
  if (cgroup.movesProcess) channel.creator.send({ type: "placed" });
  handOver(directory, channel.creator);
  if (group !== undefined) using(group, () => limit(construction, group));
  return channel.creator;
}

/** Decides all that can be decided before there is a process. Throws a Failure. */
function planInit(
  { bundle, context, namespaces, options, state }: Construction,
  channel: ChannelEnds,
  awaitsPlacement: boolean,
): InitPlan {
  const { config } = bundle;
  const hasOwnCgroups = config.linux?.namespaces?.some(({ type }) => type === "cgroup");
  const hostCgroups = hasOwnCgroups ? undefined : hierarchyMountPoint;
  const capabilities = planCapabilities(config.process?.capabilities);
  const mounts = planMounts(config.mounts ?? [], bundle.path, hostCgroups);
  for (const name of capabilities.unknown)
    context.warn(`the capability ${name} is unknown and ignored (/process/capabilities)`);
  return {
    config,
    process: bundle.process,
    state: hookState(state, "creating"),
    rootfs: bundle.rootfs,
    mounts,
    namespaces,
    joins: openNamespaces(namespaces.joins),
    sources: makesUserNamespace(namespaces)
      ? planSources(bundle.rootfs, mounts, config.linux?.devices ?? [])
      : [],
    awaitsPlacement,
    propagation: rootPropagation(config.linux?.rootfsPropagation),
    capabilities,
    noPivot: options.noPivot,
    noNewKeyring: options.noNewKeyring,
    preserveFds: options.preserveFds,
    listenFds: options.listenFds,
    hookEnvironment: hookEnvironment(config),
    channel: channel.init,
  };
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

function hookEnvironment({ hooks }: Spec): Uint8Array[] {
  const { createContainer = [], startContainer = [] } = hooks ?? {};
  return [...createContainer, ...startContainer].some(({ env }) => !env) ? ownEnvironment() : [];
}

/**
 * The standard streams belong to users of the host: who is root of a user namespace only could not give them to the
 * container's user.
 */
function giveHostStreams({ config, process }: Bundle): void {
  const owner = hostId(config.linux?.uidMappings ?? [], process.user?.uid ?? 0);
  if (!process.terminal && owner !== undefined) giveStandardStreams(owner);
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

/** Makes the process in its group; returns the group's directory. */
function placeInCgroup(
  construction: Construction,
  cgroup: ChosenCgroup,
  make: (group: number | undefined) => Child,
): number | undefined {
  const { state } = construction;
  try {
    return cgroup.place((group) => {
      const child = make(group);
      construction.child = child;
      state.process = { pid: child.pid, startTime: processStatus(child.pid)?.startTime ?? 0 };
      return child;
    });
  } catch (error) {
    // If the group is there now, it is somebody else's: it must not be cleaned up as ours.
    delete state.cgroup;
    delete state.scope;
    throw error;
  }
}

/** The limits are for the program; but the process that becomes it, and its hooks, keep to them already, as with runc. */
function limit({ bundle, settings, state }: Construction, group: number): void {
  state.cgroupInode = stat(group).ino;
  limitGroup(state, group, settings);
  applyDeviceFilter(group, bundle.config.linux?.resources?.devices ?? []);
  const owner = cgroupOwner(bundle.config);
  if (owner !== undefined) giveGroup(group, owner);
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
