/** Creating a container: from a checked bundle to a process that waits for `start`. */
import { AT_FDCWD, R_OK } from "#abi";
import { load } from "#host";
import { Failure } from "../failure.ts";
import { type NamespacePlan, planNamespaces } from "../init/namespaces.ts";
import { access, close } from "../linux/fs.ts";
import type { Child } from "../linux/process.ts";
import { bring } from "./birth.ts";
import { type Bundle, openBundle } from "./bundle.ts";
import type { Caller } from "./caller.ts";
import { checkMachine } from "./checks.ts";
import type { Construction } from "./construction.ts";
import type { Context, CreateOptions } from "./context.ts";
import { serve } from "./conversation.ts";
import { checkKernel } from "./kernel.ts";
import { ownStreams } from "./ownStreams.ts";
import { removePidFile, writePidFile } from "./pidFile.ts";
import { chooseCgroup } from "./placement.ts";
import { provide } from "./provision.ts";
import { hookState } from "./status.ts";
import { StateDirectory, type StoredState } from "./store.ts";
import { checkTerminal } from "./terminal.ts";

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
  const bundle = openBundle(options.bundle);
  if (bundle.config.annotations) load(import("./annotations.ts")).checkAnnotations(bundle.config);
  checkMachine(bundle.config);
  checkTerminal(bundle.process.terminal ?? false, options.consoleSocket, foreground);
  const namespaces = planNamespaces(bundle.config.linux?.namespaces ?? []);
  checkPrivilege(context.caller, namespaces);
  const profile = bundle.config.linux?.seccomp;
  const seccomp = profile && load(import("../seccomp/filter.ts")).planFilter(profile, context.root);
  const directory = StateDirectory.reserve(context.root, options.id);
  const construction: Construction = {
    context,
    options,
    bundle,
    namespaces,
    directory,
    state: initialState(options, bundle),
    settings: [],
    seccomp,
  };
  try {
    return construct(construction);
  } catch (error) {
    undo(construction);
    throw error;
  }
}

/**
 * Without privilege the first namespace would fail, with an errno that says nothing. And a created process, which must not
 * be looked into, would be out of its own user's sight where /proc hides such processes.
 */
function checkPrivilege({ isUser }: Caller, { hasUser }: NamespacePlan): void {
  if (!isUser) return;
  if (access(AT_FDCWD, "/proc/1/stat", R_OK, 0) !== 0)
    throw new Failure("/proc hides processes from users (hidepid, proc(5))", {
      hint: "mount it without hidepid, or with gid= of a group that this user is in",
    });
  if (!hasUser)
    throw new Failure("creating a container without a user namespace of its own needs root", {
      pointer: "/linux/namespaces",
      hint: 'add {"type": "user"} and ID mappings; `tsrun spec --rootless` writes such a configuration',
    });
}

/** What is known of a container before anything of it is made. */
export function initialState(
  { id, noNewKeyring }: CreateOptions,
  { config, path, rootfs, process }: Bundle,
): StoredState {
  const { poststart, poststop } = config.hooks ?? {};
  return {
    ociVersion: config.ociVersion,
    id,
    bundle: path,
    rootfs,
    annotations: config.annotations ?? {},
    endsWithProcess:
      config.linux?.namespaces?.some(({ type, path }) => type === "pid" && !path) ?? false,
    ...(noNewKeyring ? { noNewKeyring } : {}),
    ...(process.terminal ? {} : { streams: ownStreams() }),
    hooks: { ...(poststart ? { poststart } : {}), ...(poststop ? { poststop } : {}) },
  };
}

function construct(construction: Construction): Launched {
  const { options, bundle, directory, state } = construction;
  const cgroup = chooseCgroup(construction);
  const newborn = bring(construction, cgroup);
  const { channel } = newborn;
  provide(construction, cgroup, newborn);
  const { openFiles } = newborn.plan;
  if (openFiles !== undefined) load(import("../init/openFiles.ts")).restoreOpenFiles(openFiles);
  directory.keepConfig(bundle.text);
  // Its hooks may run for long: what they leave behind must be known to be this container's.
  if (bundle.config.hooks?.createContainer?.length) directory.write(state);
  const complete = { ...state, created: new Date().toISOString() };
  directory.stage(complete);
  // Not before the state has its room.
  construction.seccomp?.keep();
  const child = construction.child as Child;
  const newcomer = {
    child,
    channel,
    consoleSocket: options.consoleSocket,
    seccomp: bundle.config.linux?.seccomp,
    state: () => hookState(state, "creating"),
  };
  const terminal = serve(newcomer, () => {
    runRuntimeHooks(construction);
    directory.stage(complete);
    channel.send({ type: "proceed" });
  });
  const { process } = bundle;
  if (process.scheduler || process.ioPriority)
    load(import("./scheduling.ts")).applyScheduling(child.pid, process);
  if (options.pidfdSocket !== undefined)
    load(import("./pidfdSocket.ts")).passPidfd(options.pidfdSocket, child.pidfd);
  notePid(construction, child.pid);
  directory.commit();
  channel.send({ type: "recorded" });
  close(channel.fd);
  construction.netDevices?.close();
  return { directory, state: complete, child, terminal };
}

/** For --pid-file. */
export function notePid(construction: Construction, pid: number): void {
  const { pidFile } = construction.options;
  if (pidFile === undefined) return;
  writePidFile(pidFile, pid);
  construction.hasPidFile = true;
}

/** The hooks see the container as it is; so do commands that they run. */
export function runRuntimeHooks({ bundle, directory, state }: Construction): void {
  const { hooks, annotations } = bundle.config;
  const { runHooks, withHookOutput } = load(import("../init/hooks.ts"));
  directory.write(state);
  withHookOutput(annotations, (circumstances) => {
    const told = hookState(state, "creating");
    runHooks("prestart", hooks?.prestart, told, circumstances);
    runHooks("createRuntime", hooks?.createRuntime, told, circumstances);
  });
}

/** The first error is the one to report; what goes wrong in undoing is a warning. */
export function undo(construction: Construction): void {
  const { context, options, directory, state, netDevices } = construction;
  try {
    if (construction.hasPidFile) removePidFile(options.pidFile as string);
    const { destroy } = load(import("./destroy.ts"));
    const { runPoststopHooks } = load(import("./delete.ts"));
    for (const warning of netDevices?.giveBack() ?? []) context.warn(warning);
    for (const warning of destroy(directory, state)) context.warn(warning);
    runPoststopHooks(context, state);
  } catch (error) {
    context.warn(`cleaning up after the failed creation: ${(error as Error).message}`);
  } finally {
    directory.close();
  }
}
