/** `restore`: makes a container of what `checkpoint` has saved, with criu. */
import { CLONE_NEWNET, O_DIRECTORY, O_RDONLY } from "#abi";
import type { ChosenCgroup } from "../cgroup/driver.ts";
import { Criu, FIRST_INHERITED, type Notification } from "../criu/client.ts";
import { type Options, RESTORE } from "../criu/messages.ts";
import { doing, Failure } from "../failure.ts";
import type { MountPlan } from "../init/mountPlan.ts";
import { planNamespaces } from "../init/namespaces.ts";
import { setSysctls, sysctlNamespace } from "../init/sysctl.ts";
import { close, open, openPath, using } from "../linux/fs.ts";
import { visitNamespace } from "../linux/namespaces.ts";
import { setLinkUp } from "../linux/net.ts";
import { cgroupOf } from "../linux/proc.ts";
import { type Child, pidfdOpen } from "../linux/process.ts";
import { openBundle } from "./bundle.ts";
import { checkMachine } from "./checks.ts";
import type { Construction } from "./construction.ts";
import type { Context } from "./context.ts";
import { sealRestored, withCriuRoot } from "./criuRoot.ts";
import { hostMounts, plannedMounts, restoredMounts, restoredNamespaces } from "./externals.ts";
import { checkRootSearches } from "./imageAccess.ts";
import {
  closePlaces,
  commonOptions,
  type ImageOptions,
  openPlaces,
  type Places,
  perform,
  refuseRootless,
} from "./images.ts";
import { checkKernel } from "./kernel.ts";
import { initialState, type Launched, notePid, runRuntimeHooks, undo } from "./launch.ts";
import { announceRestored, makeNotifyFolder } from "./notifySocket.ts";
import { chooseCgroup, limit, placeInCgroup } from "./placement.ts";
import { identityOf } from "./process.ts";
import { attend, orDiscard, prepareToAttend } from "./run.ts";
import { completeStart } from "./start.ts";
import { makeDirectories, StateDirectory } from "./store.ts";
import { readStreamKeys } from "./streamKeys.ts";
import { checkTerminal, passTerminal } from "./terminal.ts";

export interface RestoreOptions extends ImageOptions {
  id: string;
  /** The bundle's directory. */
  bundle: string;
  /** A unix socket that gets the master of the container's terminal. */
  consoleSocket: string | undefined;
  pidFile: string | undefined;
  /** Do not wait for the process. */
  detach: boolean;
  /** While waiting, be the parent of the orphans that the container's processes leave. */
  subreaper: boolean;
  lsmProfile: string | undefined;
  lsmMountContext: string | undefined;
}

const LOG = "restore.log";

/** Returns the exit status: the process's in the foreground (128 + n if signal n killed it), 0 when detached. */
export function restore(context: Context, options: RestoreOptions): number {
  if (!options.detach) prepareToAttend(options);
  const restored = bringBack(context, options);
  orDiscard(context, restored, options, () =>
    completeStart(context, restored.directory, restored.state),
  );
  if (context.notifySocket) announceRestored(context, restored.state, !options.detach);
  return options.detach ? 0 : attend(context, restored);
}

/** Restores a container up to the state "running". Throws a Failure, after undoing all that was done. */
function bringBack(context: Context, options: RestoreOptions): Launched {
  refuseRootless(context);
  checkKernel();
  const bundle = openBundle(options.bundle);
  checkMachine(bundle.config);
  checkTerminal(bundle.process.terminal ?? false, options.consoleSocket, !options.detach);
  const streams = readStreamKeys(options.imagePath);
  if (options.workPath !== undefined) makeDirectories(options.workPath);
  const created = {
    ...options,
    ...{ noPivot: false, noNewKeyring: false, preserveFds: 0, listenFds: 0 },
  };
  const construction: Construction = {
    context,
    options: created,
    bundle,
    namespaces: planNamespaces(bundle.config.linux?.namespaces ?? []),
    directory: StateDirectory.reserve(context.root, options.id),
    state: { ...initialState(created, bundle), isRestored: true },
    settings: [],
    seccomp: undefined,
  };
  try {
    return doing(`restoring the container ${options.id}`, undefined, () =>
      construct(construction, options, streams),
    );
  } catch (error) {
    // Processes of criu may be in its group as well, without the container's first one.
    construction.state.endsWithProcess = false;
    undo(construction);
    throw error;
  }
}

/** Descriptors for criu, by the keys that images have for what they stand for. */
type Inherited = readonly { key: string; fd: number }[];

function construct(
  construction: Construction,
  options: RestoreOptions,
  streams: Inherited,
): Launched {
  const { bundle, context, directory, namespaces, state } = construction;
  const cgroup = chooseCgroup(construction);
  const joined = restoredNamespaces(namespaces);
  const notify = context.notifySocket ? makeNotifyFolder(context, directory) : undefined;
  const plans = plannedMounts(bundle, context, namespaces, state.cgroup, notify);
  const mounts = hostMounts(plans, bundle, namespaces);
  const root = { rootfs: bundle.rootfs, place: directory.makeCriuRoot(), plans };
  const [criu, places] = withCriuRoot(root, () => {
    const inherited = joined.keyed.map(({ fd }) => fd);
    // Where criu works it also mounts: that is only possible in its own mount namespace.
    const places = openPlaces(options, LOG);
    checkRootSearches(places.images, options.imagePath, bundle.config);
    return [startCriu(construction, cgroup, inherited), places];
  });
  const restoration: Restoration = { construction, plans };
  haveRestored(restoration, criu, places, {
    ...commonOptions(options, places, bundle.config),
    ...labelOptions(options),
    root: root.place,
    ext_mnt: [
      ...using(openPath(bundle.rootfs, O_DIRECTORY), (fd) => restoredMounts(fd, mounts)),
      // What runc's images call the device that it masks files with.
      { key: "/dev/null", val: "/dev/null" },
    ],
    rst_sibling: true,
    evasive_devices: true,
    inherit_fd: [
      ...streams,
      ...joined.keyed.map(({ key }, i) => ({ key, fd: FIRST_INHERITED + i })),
    ],
    join_ns: joined.named,
    // Where criu stands itself, as with runc: the images name the group that the container had.
    cg_root: [{ ctrl: "", path: cgroupOf(criu.child.pid) ?? "/" }],
  });
  directory.removeCriuRoot();
  for (const { fd } of joined.keyed) close(fd);
  const child = construction.child as Child;
  notePid(construction, child.pid);
  return { directory, state, child, terminal: restoration.terminal };
}

/** A container while criu restores it. */
interface Restoration {
  /** Its `child` is criu's process until the container's is there, which is this one's child as well. */
  construction: Construction;
  plans: readonly MountPlan[];
  /** The master of its terminal, unless that went to a console socket. */
  terminal?: number | undefined;
}

/** criu begins in the container's group, and what it restores stays there. */
function startCriu(
  construction: Construction,
  cgroup: ChosenCgroup,
  inherited: readonly number[],
): Criu {
  let criu: Criu | undefined;
  const group = placeInCgroup(construction, cgroup, (groupFd) => {
    criu = Criu.start({ cgroup: groupFd, inherited });
    return criu.child;
  });
  if (group !== undefined) using(group, () => limit(construction, group));
  return criu as unknown as Criu;
}

const labelOptions = ({ lsmProfile, lsmMountContext }: RestoreOptions): Options => ({
  ...(lsmProfile === undefined ? {} : { lsm_profile: lsmProfile }),
  ...(lsmMountContext === undefined ? {} : { lsm_mount_context: lsmMountContext }),
});

function haveRestored(
  restoration: Restoration,
  criu: Criu,
  places: Places,
  options: Options,
): void {
  let ending: string | undefined;
  try {
    perform(restoration.construction.context, criu, RESTORE, options, places, (notification) =>
      hear(restoration, notification),
    );
  } finally {
    ending = criu.end();
    closePlaces(places);
  }
  if (ending !== undefined)
    throw new Failure(`criu ${ending}`, { hint: `its log is ${places.logPath}` });
}

/** What has to happen while criu restores. */
function hear(restoration: Restoration, { script, pid = 0, descriptors }: Notification): void {
  const { construction, plans } = restoration;
  const { bundle, directory, options, state } = construction;
  switch (script) {
    case "setup-namespaces":
      state.process = identityOf(pid);
      setNetworkUp(construction, pid);
      runRuntimeHooks(construction);
      break;
    case "orphan-pts-master":
      for (const master of descriptors)
        restoration.terminal = passTerminal(options.consoleSocket, master);
      break;
    // It is complete, and stands still until this is answered.
    case "post-restore":
      sealRestored(pid, bundle.config, plans);
      construction.child = { pid, pidfd: pidfdOpen(pid) };
      state.process = identityOf(pid);
      state.created = new Date().toISOString();
      directory.keepConfig(bundle.text);
      directory.write(state);
  }
}

/**
 * A network namespace comes back empty. Connections over its loopback device need that before they are restored; and what
 * config.json sets of its parameters holds again.
 */
function setNetworkUp({ namespaces, bundle }: Construction, pid: number): void {
  if ((namespaces.cloneFlags & CLONE_NEWNET) === 0) return;
  const sysctls = Object.entries(bundle.config.linux?.sysctl ?? {}).filter(
    ([name]) => sysctlNamespace(name) === "network",
  );
  using(open("/proc/self/ns/net", O_RDONLY), (own) =>
    using(open(`/proc/${pid}/ns/net`, O_RDONLY), (its) =>
      visitNamespace(own, its, CLONE_NEWNET, () => {
        setLinkUp("lo");
        setSysctls(sysctls);
      }),
    ),
  );
}
