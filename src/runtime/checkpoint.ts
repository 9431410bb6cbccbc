/** `checkpoint`: saves the processes of a container with criu, and ends them. */
import { O_DIRECTORY, O_RDONLY, O_RDWR, SYS_write } from "#abi";
import { syscall } from "#host";
import { hierarchyMountPoint } from "../cgroup/hierarchy.ts";
import { Criu, type Notification } from "../criu/client.ts";
import { DUMP, type Options, PRE_DUMP } from "../criu/messages.ts";
import { doing, Failure } from "../failure.ts";
import { planNamespaces } from "../init/namespaces.ts";
import { close, open, openAt, using } from "../linux/fs.ts";
import { mountInfo } from "../linux/proc.ts";
import type { Context } from "./context.ts";
import { discard } from "./delete.ts";
import { dumpedMounts, dumpedNamespaces, hostMounts, plannedMounts } from "./externals.ts";
import { letRootSearch } from "./imageAccess.ts";
import {
  closePlaces,
  commonOptions,
  type ImageOptions,
  openPlaces,
  type Places,
  perform,
  refuseRootless,
} from "./images.ts";
import { notifyMount } from "./notifySocket.ts";
import { ownCgroup } from "./ownGroup.ts";
import { livingProcess } from "./process.ts";
import { openForChange } from "./status.ts";
import { makeDirectories, type StateDirectory, type StoredState } from "./store.ts";
import { isFileKey, streamKeys, writeStreamKeys } from "./streamKeys.ts";

export interface PageServer {
  address: string;
  port: number;
}

export interface CheckpointOptions extends ImageOptions {
  /** The images of an earlier pre-dump, relative to the images' directory. */
  parentPath: string | undefined;
  leaveRunning: boolean;
  tcpSkipInFlight: boolean;
  linkRemap: boolean;
  /** Only memory is saved, and the container goes on. */
  preDump: boolean;
  /** A descriptor that a NUL is written to when memory can be fetched (lazyPages). */
  statusFd: number | undefined;
  pageServer: PageServer | undefined;
}

const LOG = "dump.log";

/**
 * Saves a container that runs or is paused, and deletes it, unless it is to go on. Throws a Failure; then it goes on, too.
 */
export function checkpoint(context: Context, id: string, options: CheckpointOptions): void {
  refuseRootless(context);
  const { directory, state, status } = openForChange(context.root, id);
  doing(`checkpointing the container ${id}`, undefined, () => {
    if (!state || (status !== "running" && status !== "paused"))
      throw new Failure(`it is ${status}, not running or paused`);
    // Images hold all that was in the container's memory: what is made for them is for root only.
    const isNew = makeDirectories(options.imagePath);
    if (options.workPath !== undefined) makeDirectories(options.workPath);
    checkParentPath(options);
    const places = openPlaces(options, LOG);
    try {
      if (isNew && state.process) letRootSearch(places.images, state.process.pid);
      // The bundle's may be another one by now.
      dump(context, { directory, state }, options, places);
    } finally {
      closePlaces(places);
    }
  });
  // The images are complete, whatever becomes of the rest.
  if (state && !options.leaveRunning && !options.preDump) discard(context, directory, state);
  directory.close();
}

function checkParentPath({ imagePath, parentPath }: CheckpointOptions): void {
  if (parentPath === undefined) return;
  if (parentPath.startsWith("/"))
    throw new Failure(`--parent-path ${parentPath} must be relative to the images' directory`);
  doing("opening --parent-path, which is relative to the images' directory", undefined, () =>
    using(open(imagePath, O_RDONLY | O_DIRECTORY), (images) =>
      close(openAt(images, parentPath, O_RDONLY | O_DIRECTORY)),
    ),
  );
}

function dump(
  context: Context,
  { directory, state }: { directory: StateDirectory; state: StoredState },
  options: CheckpointOptions,
  places: Places,
): void {
  const config = directory.keptConfig();
  const pid = livingProcess(state);
  if (pid === undefined) throw new Failure("its process has just ended");
  const all = {
    ...commonOptions(options, places, config),
    ...memoryOptions(options),
    pid,
    root: state.rootfs,
    leave_running: options.leaveRunning,
    tcp_skip_in_flight: options.tcpSkipInFlight,
    link_remap: options.linkRemap,
    ...freezer(state),
  };
  const namespaces = planNamespaces(config.linux?.namespaces ?? []);
  const externals = dumpedNamespaces(pid, namespaces);
  withCriu((criu) => {
    checkFeatures(criu, options);
    const listen = (notification: Notification) => tellStatus(notification, options);
    if (options.preDump) {
      perform(context, criu, PRE_DUMP, { ...all, external: externals }, places, listen);
      return;
    }
    const mounted = mountInfo(`/proc/${pid}/mountinfo`);
    const silent = { ...context, warn: () => {} };
    const bundle = { config, path: state.bundle };
    const notify = notifyMount(context, directory);
    const plans = plannedMounts(bundle, silent, namespaces, state.cgroup, notify);
    const keys = streamKeys(pid, state.streams ?? [], mounted);
    writeStreamKeys(places.images, keys);
    const opts: Options = {
      ...all,
      external: [...externals, ...keys.filter(isFileKey)],
      ext_mnt: dumpedMounts(pid, hostMounts(plans, bundle, namespaces), mounted),
    };
    perform(context, criu, DUMP, opts, places, listen);
  });
}

/** criu has nothing to read, and what it writes beside its log nobody reads. */
function withCriu(use: (criu: Criu) => void): void {
  const nothing = open("/dev/null", O_RDWR);
  const criu = using(nothing, () => Criu.start({ streams: [nothing, nothing, nothing] }));
  try {
    use(criu);
  } finally {
    criu.end();
  }
}

const memoryOptions = ({ parentPath, preDump, pageServer }: CheckpointOptions): Options => ({
  ...(parentPath === undefined ? {} : { parent_img: parentPath }),
  ...(parentPath === undefined && !preDump ? {} : { track_mem: true }),
  ...(pageServer ? { ps: pageServer } : {}),
});

/** Without a group criu stops the processes one by one (ptrace(2)), and new ones may get away. */
function freezer(state: StoredState): Options {
  const group = ownCgroup(state);
  return group === undefined ? {} : { freeze_cgroup: hierarchyMountPoint() + group };
}

function checkFeatures(criu: Criu, { preDump, lazyPages }: CheckpointOptions): void {
  if (preDump && !criu.has("mem_track"))
    throw new Failure("--pre-dump takes a kernel that tracks changes of memory", {
      hint: "CONFIG_MEM_SOFT_DIRTY; see `criu check --feature mem_dirty_track`",
    });
  if (lazyPages && !criu.has("lazy_pages"))
    throw new Failure("--lazy-pages takes a kernel with userfaultfd(2)", {
      hint: "see `criu check --feature uffd-noncoop`",
    });
}

/** Whoever waits at the other end may have gone. */
function tellStatus({ script }: Notification, { statusFd }: CheckpointOptions): void {
  if (script !== "status-ready" || statusFd === undefined) return;
  syscall(SYS_write, statusFd, new Uint8Array(1), 1);
  close(statusFd);
}
