/**
 * The container's own process, from its birth in the new namespaces to execve, in the order in which it happens.
 *
 * Which privilege is needed when: everything up to `limitBounding` needs the full capabilities of a privileged creator
 * (CAP_SYS_ADMIN for mounts and namespaces, CAP_MKNOD for devices, CAP_SYS_RESOURCE for limits, CAP_SETPCAP for the
 * bounding set), becoming the user CAP_SETUID and CAP_SETGID; `applyCapabilities` leaves what config.json asks for, and
 * nothing after it needs more.
 */

import type { Process, Spec, State } from "@opencontainers-types";
import {
  CLONE_NEWNET,
  CLOSE_RANGE_CLOEXEC,
  EACCES,
  O_DIRECTORY,
  O_PATH,
  O_WRONLY,
  PER_LINUX,
  PER_LINUX32,
  PR_SET_NO_NEW_PRIVS,
  SYS_getcwd,
  SYS_personality,
} from "#abi";
import { load, syscall } from "#host";
import { doing, Failure } from "../failure.ts";
import { joinSessionKeyring, setsid, umask } from "../linux/credentials.ts";
import { check, unless } from "../linux/errno.ts";
import { close, closeAllBut, closeFrom, openInRoot, stat, using } from "../linux/fs.ts";
import { fchdir, setDomainname, setHostname } from "../linux/namespaces.ts";
import { setLinkUp } from "../linux/net.ts";
import { openProcRoot, writeProc } from "../linux/proc.ts";
import { exit, getpid, prctl, prepareExec } from "../linux/process.ts";
import { resetSignalActions, unblockSignals } from "../linux/signals.ts";
import { accept, send } from "../linux/socket.ts";
import { decode, encode } from "../linux/text.ts";
import { applyCapabilities, type CapabilityPlan, limitBounding } from "./capabilities.ts";
import type { InitEnd, Message, ToInit } from "./channel.ts";
import type { Terminal } from "./console.ts";
import { makeConfiguredDevices, makeDefaultDevices, makeLinks } from "./devices.ts";
import { environmentOf, listenVariables } from "./environment.ts";
import { findExecutable } from "./executable.ts";
import { maskPaths, protectPaths } from "./hiddenPaths.ts";
import { runHooks } from "./hooks.ts";
import {
  applyRlimits,
  becomeUser,
  giveStandardStreams,
  isStream,
  raiseHardLimits,
} from "./identity.ts";
import { makeDirectoryInRoot } from "./inRoot.ts";
import { type MountPlan, makeMounts, sealDev } from "./mounts.ts";
import {
  enterNamespaces,
  makeNamespaces,
  makesUserNamespace,
  type NamespacePlan,
  type OpenedNamespace,
} from "./namespaces.ts";
import { enterRoot, makeRootReadonly, prepareRoot, shareRoot } from "./root.ts";
import {
  directSources,
  type OpenSource,
  receiveSources,
  type Source,
  type Sources,
} from "./sources.ts";
import { sysctlPath, sysctlPointer } from "./sysctl.ts";

/** All that was decided and opened before the fork. */
export interface InitPlan {
  config: Spec;
  process: Process;
  /** What hooks are told; the pid is filled in here. */
  state: State;
  /** The root filesystem's absolute path on the host. */
  rootfs: string;
  mounts: MountPlan[];
  namespaces: NamespacePlan;
  joins: OpenedNamespace[];
  /** What the creator opens for the root of a user namespace; all other processes open it themselves. */
  sources: Source[];
  /** Whether the creator moves the process into its cgroup, and says so. */
  awaitsPlacement: boolean;
  /** MS_* */
  propagation: number;
  capabilities: CapabilityPlan;
  noPivot: boolean;
  noNewKeyring: boolean;
  preserveFds: number;
  /** How many of these are sockets that were handed over (sd_listen_fds(3)). */
  listenFds: number;
  channel: InitEnd;
}

/** What is left to do when the container is created. */
interface Ready {
  /** Listens for `start`. */
  startSocket: number;
  execute: () => never;
}

/** Becomes the container. Never returns: it ends in execve, or in exit after telling the creator why. */
export function initContainer(plan: InitPlan): never {
  let ready: Ready;
  try {
    ready = prepare(plan);
    plan.channel.send({ type: "created" });
    resetSignalActions();
    // A creator that dies before it has recorded this container leaves nobody who knows of it.
    expectMessage(plan);
    close(plan.channel.fd);
  } catch (error) {
    return fail(plan.channel, error);
  }
  return waitForStart(plan, ready);
}

/**
 * Tells the creator why, and waits until it has heard: closing a socket with an unread message in it would reset the
 * connection, and the reason would be lost.
 */
function fail(channel: InitEnd, error: unknown): never {
  channel.send({ type: "failed", failure: Failure.of(error).toData() });
  while (channel.receive() !== undefined);
  return exit(1);
}

function prepare(plan: InitPlan): Ready {
  // The caller's and the creator's descriptors lead to the host: a path such as /proc/self/fd/9/sh in args would, too.
  closeAllBut(3 + plan.preserveFds, [plan.channel.fd, ...plan.joins.map(({ fd }) => fd)]);
  setsid();
  enterNamespaces(plan.joins);
  const sources = settleInUserNamespace(plan) ?? directSources;
  if (plan.awaitsPlacement) expectMessage(plan);
  makeNamespaces(plan.namespaces.unshareFlags);
  writeKernelSettings(plan);
  const root = prepareRoot(plan.rootfs, plan.propagation, sources.open);
  const bound = makeMounts(root, plan.mounts, sources.open);
  const terminal = populateDev(root, plan, bound, sources.open);
  sources.close();
  if (terminal) giveTerminal(plan, terminal);
  const startSocket = receiveHandover(plan);
  waitForRuntimeHooks(plan);
  runContainerHooks(plan, "createContainer", "creating");
  protectPaths(root, plan.config.linux?.readonlyPaths ?? []);
  maskPaths(root, plan.config.linux?.maskedPaths ?? []);
  const { cwd } = plan.process;
  doing(`making the working directory ${cwd}`, "/process/cwd", () =>
    close(makeDirectoryInRoot(root, cwd)),
  );
  enterRoot(root, plan.rootfs, plan.noPivot);
  shareRoot(root, plan.propagation);
  if (plan.config.root?.readonly) makeRootReadonly(root);
  return { startSocket, execute: becomeProcess(plan, root, terminal) };
}

/** The creator maps the ids of a new user namespace, and opens what the root of it cannot reach. */
function settleInUserNamespace(plan: InitPlan): Sources | undefined {
  if (!makesUserNamespace(plan.namespaces)) return undefined;
  const sources = receiveSources(plan.sources, plan.channel) ?? exit(1);
  load(import("./userNamespace.ts")).becomeNamespaceRoot();
  return sources;
}

/** What is set through the namespaces themselves and through the host's /proc, before the container's tree is there. */
function writeKernelSettings({ config, namespaces }: InitPlan): void {
  if ((namespaces.cloneFlags & CLONE_NEWNET) !== 0)
    doing("bringing the loopback interface up", undefined, () => setLinkUp("lo"));
  const { hostname, domainname } = config;
  if (hostname) doing(`setting the hostname ${hostname}`, "/hostname", () => setHostname(hostname));
  if (domainname)
    doing(`setting the domain name ${domainname}`, "/domainname", () => setDomainname(domainname));
  const sysctls = Object.entries(config.linux?.sysctl ?? {});
  if (sysctls.length === 0) return;
  using(openProcRoot(), (proc) => {
    for (const [name, value] of sysctls)
      doing(`setting the sysctl ${name} to ${value}`, sysctlPointer(name), () =>
        writeProc(proc, sysctlPath(name), value, O_WRONLY),
      );
  });
}

/** Fills /dev, unless it is a bind mount. Returns the terminal, if the process gets one. */
function populateDev(
  root: number,
  { config, process, mounts, namespaces }: InitPlan,
  bound: ReadonlySet<number>,
  openSource: OpenSource,
): Terminal | undefined {
  const terminal = process.terminal
    ? load(import("./console.ts")).openTerminal(root, process.consoleSize)
    : undefined;
  const callersMask = umask(0);
  using(makeDirectoryInRoot(root, "/dev"), (dev) => {
    if (bound.size > 0 && bound.has(stat(dev).mountId)) return;
    const devices = config.linux?.devices ?? [];
    const openHost = makesUserNamespace(namespaces) ? openSource : undefined;
    makeDefaultDevices(dev, devices, openHost);
    makeConfiguredDevices(root, devices, openHost);
    makeLinks(dev);
    if (terminal)
      doing("binding the terminal on /dev/console", undefined, () =>
        load(import("./console.ts")).mountConsole(dev, terminal.slave),
      );
    sealDev(dev, mounts);
  });
  umask(callersMask);
  return terminal;
}

function giveTerminal({ channel }: InitPlan, { master }: Terminal): void {
  channel.send({ type: "console" }, [master]);
  close(master);
}

const stateOf = ({ state }: InitPlan, status: State["status"]): State => ({
  ...state,
  status,
  pid: getpid(),
});

/** The creator has made these while this process mounted; the lock needs no more than to stay open. */
function receiveHandover(plan: InitPlan): number {
  return expectMessage(plan).descriptors[0] as number;
}

/** The creator's next message; without a creator there is nobody to be a container for. */
const expectMessage = ({ channel }: InitPlan): Message<ToInit> => channel.receive() ?? exit(1);

/** `prestart` and `createRuntime` hooks run in the runtime's namespaces: the creator runs them while this waits. */
function waitForRuntimeHooks(plan: InitPlan): void {
  const { prestart = [], createRuntime = [] } = plan.config.hooks ?? {};
  if (prestart.length + createRuntime.length === 0) return;
  plan.channel.send({ type: "mounted" });
  expectMessage(plan);
}

/**
 * The hooks that run in the container's namespaces, with its environment unless they have their own: the program may be
 * the image's, and the creator's environment is not for it.
 */
function runContainerHooks(
  plan: InitPlan,
  name: "createContainer" | "startContainer",
  status: State["status"],
): void {
  const hooks = plan.config.hooks?.[name];
  runHooks(name, hooks, stateOf(plan, status), () => plan.process.env ?? []);
}

/** Gives up what is not the user's, and returns the last step. */
function becomeProcess(plan: InitPlan, root: number, terminal: Terminal | undefined): () => never {
  const { config, process, capabilities } = plan;
  const user = process.user ?? { uid: 0, gid: 0 };
  if (!plan.noNewKeyring)
    doing("giving the process a session keyring of its own", undefined, () =>
      joinSessionKeyring(`_ses.${plan.state.id}`),
    );
  if (terminal) load(import("./console.ts")).adoptTerminal(terminal);
  giveStandardStreams(user.uid, isStream);
  setPersonality(config);
  if (!makesUserNamespace(plan.namespaces)) raiseHardLimits(process.rlimits ?? []);
  doing("limiting the bounding set", "/process/capabilities/bounding", () =>
    limitBounding(capabilities.bounding),
  );
  const env = environmentOf(
    [...(process.env ?? []), ...listenVariables(plan.listenFds)],
    root,
    user.uid,
  );
  const entered = enterWorkingDirectory(root, process.cwd, [EACCES]);
  becomeUser(user);
  if (!entered) enterWorkingDirectory(root, process.cwd, []);
  verifyWorkingDirectory(process.cwd);
  doing("setting the capabilities", "/process/capabilities", () => applyCapabilities(capabilities));
  if (process.noNewPrivileges) prctl(PR_SET_NO_NEW_PRIVS, 1);
  umask(user.umask ?? 0o022);
  const args = process.args ?? [];
  const path = findExecutable(args[0] as string, env);
  closeFrom(3 + plan.preserveFds, CLOSE_RANGE_CLOEXEC);
  const exec = prepareExec(path, args, env);
  return () => {
    applyRlimits(process.rlimits ?? []);
    return doing(`executing ${path}`, "/process/args/0", exec);
  };
}

function setPersonality({ linux }: Spec): void {
  if (!linux?.personality) return;
  const persona = linux.personality.domain === "LINUX32" ? PER_LINUX32 : PER_LINUX;
  doing("setting the personality", "/linux/personality", () =>
    check(syscall(SYS_personality, persona), "personality", linux.personality?.domain),
  );
}

/**
 * process.cwd, followed inside the root and through no magic link (CVE-2024-21626). First as root, then, where that is
 * closed to root (a network filesystem), as the user. False if one of `tolerated` stopped it.
 */
function enterWorkingDirectory(root: number, cwd: string, tolerated: readonly number[]): boolean {
  return doing(
    `entering the working directory ${cwd}`,
    "/process/cwd",
    () =>
      unless(tolerated, () => {
        using(openInRoot(root, cwd, O_PATH | O_DIRECTORY), fchdir);
        return true;
      }) ?? false,
  );
}

/** A working directory outside the root reads as `(unreachable)…` (getcwd(3)). */
function verifyWorkingDirectory(cwd: string): void {
  const buffer = new Uint8Array(4096);
  const length = check(syscall(SYS_getcwd, buffer, buffer.length), "getcwd");
  if (!decode(buffer.subarray(0, length)).startsWith("/"))
    throw new Failure(`the working directory ${cwd} is outside the container's root`, {
      pointer: "/process/cwd",
    });
}

/**
 * Waits for `start`, runs its hooks and the program. The connection closes by itself at execve (close-on-exec): silence
 * is success, a message is the error.
 */
function waitForStart(plan: InitPlan, { startSocket, execute }: Ready): never {
  const connection = accept(startSocket);
  try {
    runContainerHooks(plan, "startContainer", "created");
    unblockSignals();
    return execute();
  } catch (error) {
    send(connection, encode(JSON.stringify(Failure.of(error).toData())));
    return exit(1);
  }
}
