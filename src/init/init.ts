/**
 * The container's own process, from its birth in the new namespaces to execve, in the order in which it happens.
 *
 * Which privilege is needed when: everything up to `limitBounding` (process.ts) needs the full capabilities of a privileged
 * creator (CAP_SYS_ADMIN for mounts and namespaces, CAP_MKNOD for devices, CAP_SYS_RESOURCE for limits, CAP_SETPCAP for the
 * bounding set), becoming the user CAP_SETUID and CAP_SETGID; `applyCapabilities` leaves what config.json asks for, and
 * CAP_SYS_ADMIN until execve where a seccomp filter takes that; nothing after it needs more.
 */

import type { Spec, State } from "@opencontainers-types";
import { CLONE_NEWNET } from "#abi";
import { load } from "#host";
import { doing } from "../failure.ts";
import { freeAffinity } from "../linux/affinity.ts";
import { setsid, umask } from "../linux/credentials.ts";
import { close, closeAllBut, stat, using } from "../linux/fs.ts";
import { setDomainname, setHostname } from "../linux/namespaces.ts";
import { setLinkUp } from "../linux/net.ts";
import { exit, getpid } from "../linux/process.ts";
import { resetSignalActions } from "../linux/signals.ts";
import { accept } from "../linux/socket.ts";
import { failThrough, type InitEnd, type Message, type ToInit } from "./channel.ts";
import type { Terminal } from "./console.ts";
import {
  makeConfiguredDevices,
  makeDefaultDevices,
  makeDevicesBesideDev,
  makeLinks,
} from "./devices.ts";
import { maskPaths, protectPaths } from "./hiddenPaths.ts";
import type { HookOutput } from "./hooks.ts";
import { raiseHardLimits } from "./identity.ts";
import { makeDirectoryInRoot } from "./inRoot.ts";
import type { MountPlan } from "./mountPlan.ts";
import { type Mounted, makeMounts, sealMounts } from "./mounts.ts";
import {
  enterNamespaces,
  makeNamespaces,
  type NamespacePlan,
  type OpenedNamespace,
} from "./namespaces.ts";
import {
  becomeProcess,
  executeTelling,
  openLabels,
  type ProcessPlan,
  type Ready,
} from "./process.ts";
import { enterRoot, makeRootReadonly, prepareRoot, shareRoot } from "./root.ts";
import {
  directSources,
  type OpenSource,
  openSources,
  receiveSources,
  type Source,
  type Sources,
} from "./sources.ts";
import { setSysctls } from "./sysctl.ts";

/** All that was decided and opened before the fork. */
export interface InitPlan extends ProcessPlan {
  config: Spec;
  /** What hooks are told; the pid is filled in here. */
  state: State;
  /** The root filesystem's absolute path on the host. */
  rootfs: string;
  /** For the hooks that run in the container, if there are any. */
  hookOutput: HookOutput | undefined;
  /** The mount of the root filesystem, if its creator has made it: in the mount namespace of both. */
  sharedRoot: number | undefined;
  mounts: MountPlan[];
  namespaces: NamespacePlan;
  joins: OpenedNamespace[];
  /** Descriptors of user namespaces, for their mappings of ids (idmappedMounts.ts). */
  idmaps: number[];
  /** Devices that the creator has made for it, as detached mounts by their paths. */
  devices: ReadonlyMap<string, number>;
  /** What the creator opens for the root of a user namespace; all other processes open it themselves. */
  sources: Source[];
  /** Whether a process with a user namespace opens these itself, too: a user's reaches no less than its creator. */
  opensSources: boolean;
  /** Whether the creator moves the process into its cgroup, and says so. */
  awaitsPlacement: boolean;
  /** MS_* */
  propagation: number;
  noPivot: boolean;
  channel: InitEnd;
}

/** A created container's process. */
interface Created extends Ready {
  /** Listens for `start`. */
  startSocket: number;
}

/** Becomes the container. Never returns: it ends in execve, or in exit after telling the creator why. */
export function initContainer(plan: InitPlan): never {
  let created: Created;
  try {
    created = prepare(plan);
    if (plan.seccomp) load(import("./seccomp.ts")).loadWithListener(plan.seccomp, plan.channel);
    plan.channel.send({ type: "created" });
    resetSignalActions();
    // A creator that dies before it has recorded this container leaves nobody who knows of it.
    expectMessage(plan);
    close(plan.channel.fd);
  } catch (error) {
    return failThrough(plan.channel, error);
  }
  return waitForStart(plan, created);
}

function prepare(plan: InitPlan): Created {
  // The caller's and the creator's descriptors lead to the host: a path such as /proc/self/fd/9/sh in args would, too.
  const joined = plan.joins.map(({ fd }) => fd);
  closeAllBut(3 + plan.preserveFds, [
    plan.channel.fd,
    ...joined,
    ...(plan.sharedRoot === undefined ? [] : [plan.sharedRoot]),
    ...plan.idmaps,
    ...plan.devices.values(),
    ...(plan.hookOutput ? load(import("./hooks.ts")).descriptorsOf(plan.hookOutput) : []),
  ]);
  setsid();
  // What the creator's caller was tied to is not for the container, whose CPUs its cgroup says; so do recent peers.
  freeAffinity();
  const labels = openLabels(plan.process);
  enterNamespaces(plan.joins);
  const sources = settleInUserNamespace(plan) ?? directSources;
  if (plan.awaitsPlacement) expectMessage(plan);
  makeNamespaces(plan.namespaces.unshareFlags);
  waitForNetDevices(plan);
  writeKernelSettings(plan);
  const mounted = makeMounts(openRoot(plan, sources.open), plan.mounts, sources);
  const { root } = mounted;
  const terminal = populateDev(plan, mounted, sources.open);
  sources.close();
  if (terminal) load(import("./console.ts")).giveTerminal(plan.channel, terminal);
  const startSocket = receiveHandover(plan);
  waitForRuntimeHooks(plan);
  runContainerHooks(plan, "createContainer", "creating");
  protectPaths(root, plan.config.linux?.readonlyPaths ?? []);
  maskPaths(root, plan.config.linux?.maskedPaths ?? [], plan.config.linux?.mountLabel);
  const { cwd } = plan.process;
  doing(`making the working directory ${cwd}`, "/process/cwd", () =>
    close(makeDirectoryInRoot(root, cwd)),
  );
  sealMounts(mounted);
  goIntoRoot(root, plan);
  if (plan.config.root?.readonly) makeRootReadonly(root);
  if (!plan.namespaces.hasUser) raiseHardLimits(plan.process.rlimits ?? []);
  return { startSocket, ...becomeProcess(plan, root, terminal, labels) };
}

/** Mounts the root filesystem on itself. In its own mount namespace the creator has done so. */
function openRoot(
  { rootfs, namespaces, propagation, sharedRoot }: InitPlan,
  openSource: OpenSource,
): number {
  switch (namespaces.mounts) {
    case "own":
      return prepareRoot(rootfs, propagation, openSource);
    case "joined":
      return load(import("./sharedMounts.ts")).mountSharedRoot(rootfs, openSource);
    case "creators":
      return sharedRoot as number;
  }
}

function goIntoRoot(root: number, { rootfs, namespaces, noPivot, propagation }: InitPlan): void {
  if (namespaces.mounts === "own") {
    enterRoot(root, rootfs, noPivot);
    shareRoot(root, propagation);
  } else load(import("./sharedMounts.ts")).enterSharedRoot(root);
}

/** The creator maps the ids of a new user namespace, and opens what the root of it cannot reach. */
function settleInUserNamespace(plan: InitPlan): Sources | undefined {
  if (!plan.namespaces.hasUser) return undefined;
  if (plan.opensSources) expectMessage(plan);
  const sources = plan.opensSources
    ? openSources(plan.sources)
    : (receiveSources(plan.sources, plan.channel) ?? exit(1));
  load(import("./userNamespace.ts")).becomeNamespaceRoot(
    plan.process.user ?? { uid: 0, gid: 0 },
    plan.keepsGroups,
  );
  return sources;
}

/** The creator moves them: it may take them from the host. */
function waitForNetDevices(plan: InitPlan): void {
  if (Object.keys(plan.config.linux?.netDevices ?? {}).length === 0) return;
  plan.channel.send({ type: "networked" });
  expectMessage(plan);
}

/** What is set through the namespaces themselves and through the host's /proc, before the container's tree is there. */
function writeKernelSettings({ config, namespaces }: InitPlan): void {
  if ((namespaces.cloneFlags & CLONE_NEWNET) !== 0)
    doing("bringing the loopback interface up", undefined, () => setLinkUp("lo"));
  const { hostname, domainname } = config;
  if (hostname) doing(`setting the hostname ${hostname}`, "/hostname", () => setHostname(hostname));
  if (domainname)
    doing(`setting the domain name ${domainname}`, "/domainname", () => setDomainname(domainname));
  setSysctls(Object.entries(config.linux?.sysctl ?? {}));
}

/** Fills /dev, unless it is a bind mount. Returns the terminal, if the process gets one. */
function populateDev(
  { config, process, namespaces, devices: made }: InitPlan,
  { root, bound }: Mounted,
  openSource: OpenSource,
): Terminal | undefined {
  const terminal = process.terminal
    ? load(import("./console.ts")).openTerminal(root, process.consoleSize)
    : undefined;
  const callersMask = umask(0);
  using(makeDirectoryInRoot(root, "/dev"), (dev) => {
    const devices = config.linux?.devices ?? [];
    const host = { open: openSource, areNeeded: namespaces.hasUser, made };
    if (bound.size > 0 && bound.has(stat(dev).mountId))
      return makeDevicesBesideDev(root, devices, host);
    makeDefaultDevices(dev, devices, host);
    makeConfiguredDevices(root, devices, host);
    makeLinks(dev);
    if (terminal)
      doing("binding the terminal on /dev/console", undefined, () =>
        load(import("./console.ts")).mountConsole(dev, terminal.slave),
      );
  });
  umask(callersMask);
  return terminal;
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
  env: readonly string[] = plan.process.env ?? [],
): void {
  const hooks = plan.config.hooks?.[name];
  const { hookOutput: output } = plan;
  if (!hooks?.length || !output) return;
  const { runHooks } = load(import("./hooks.ts"));
  runHooks(name, hooks, stateOf(plan, status), { output, inherited: () => env });
}

/** Waits for `start`, runs its hooks and the program. */
function waitForStart(plan: InitPlan, created: Created): never {
  const connection = accept(created.startSocket);
  executeTelling(connection, created, plan.seccomp?.voice, () =>
    runContainerHooks(plan, "startContainer", "created", created.env),
  );
}
