/**
 * The root filesystem as criu wants it: a mount, and not on a place that is mounted over. It is made in a mount namespace
 * of criu's own, so that nobody else sees it and nothing of it is left, however criu ends.
 */
import type { Spec } from "@opencontainers-types";
import {
  AT_RECURSIVE,
  CLONE_NEWNS,
  MNT_DETACH,
  MS_PRIVATE,
  MS_REC,
  MS_SLAVE,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
} from "#abi";
import { doing } from "../failure.ts";
import { changeAttributes, cloneTree } from "../init/binds.ts";
import { isDirectory, makeDirectoryInRoot, makeFileInRoot } from "../init/inRoot.ts";
import type { MountPlan } from "../init/mountPlan.ts";
import { makeRootReadonly } from "../init/root.ts";
import { directSources } from "../init/sources.ts";
import { close, findInRoot, open, openAt, stat, using } from "../linux/fs.ts";
import { attachMount, cloneMount, mount, setMountAttributes, umount } from "../linux/mount.ts";
import { setns, unshare, visitMountNamespace } from "../linux/namespaces.ts";
import { openProcRoot } from "../linux/proc.ts";
import { hostSource } from "./externals.ts";

/** The root filesystem, and what is mounted in it. */
export interface CriuRoot {
  /** A directory of the host. */
  rootfs: string;
  /** The directory to mount it on. */
  place: string;
  plans: readonly MountPlan[];
}

/**
 * Runs `step` in a new mount namespace in which the root filesystem is mounted on its place, with a place in it for each
 * mount, as a creation makes them.
 */
export const withCriuRoot = <T>(root: CriuRoot, step: () => T): T =>
  visitMountNamespace(
    () => unshare(CLONE_NEWNS),
    () => {
      prepare(root);
      return step();
    },
  );

function prepare({ rootfs, place, plans }: CriuRoot): void {
  doing(`preparing the root filesystem ${rootfs}`, "/root/path", () => {
    mount(null, "/", null, MS_SLAVE | MS_REC);
    const root = mountOn(rootfs, place);
    for (const plan of plans)
      doing(`making ${plan.destination}`, plan.pointer, () => makePlace(root, plan, plans));
    close(root);
    // criu makes the mounts themselves.
    umount(place, MNT_DETACH);
    close(mountOn(rootfs, place));
  });
}

/**
 * Gives the mounts of the container with the process `pid` the attributes that config.json asks for: criu forgets them of
 * bind mounts, and that the root is read-only, where it finds other mounts of the same filesystem that have the same.
 */
export function sealRestored(pid: number, config: Spec, plans: readonly MountPlan[]): void {
  using(openProcRoot(), (proc) => {
    const [namespace, root] = [
      openAt(proc, `${pid}/ns/mnt`, O_RDONLY),
      openAt(proc, `${pid}/root`, O_PATH),
    ];
    visitMountNamespace(
      () => setns(namespace, CLONE_NEWNS),
      () => {
        for (const plan of plans) if (hostSource(plan) !== undefined) sealMount(root, plan);
        if (config.root?.readonly) makeRootReadonly(root);
      },
    );
    close(namespace);
    close(root);
  });
}

function sealMount(root: number, { destination, options }: MountPlan): void {
  const place = findInRoot(root, destination, O_PATH);
  if (place === undefined) return;
  using(place, () => {
    if (!stat(place).isMountRoot) return;
    // Not of what is below: that may be another mount of config.json.
    changeAttributes(place, options.recursiveAttributes);
    changeAttributes(place, options.attributes);
  });
}

function mountOn(rootfs: string, place: string): number {
  const root = using(directSources.open(rootfs), (source) => cloneMount(source, AT_RECURSIVE));
  setMountAttributes(root, { propagation: MS_PRIVATE }, true);
  using(open(place, O_PATH | O_DIRECTORY), (target) => attachMount(root, target));
  return root;
}

/** What lies in a filesystem that images hold comes with it; what lies in one of the host's is to be there beforehand. */
function makePlace(root: number, plan: MountPlan, plans: readonly MountPlan[]): void {
  const { destination, options } = plan;
  const isHeld = (above: MountPlan) =>
    hostSource(above) === undefined && destination.startsWith(`${above.destination}/`);
  if (options.remounts || destination === "/" || plans.some(isHeld)) return;
  const source = hostSource(plan);
  if (source === undefined) {
    close(makeDirectoryInRoot(root, destination));
    return;
  }
  using(directSources.open(source), (fd) =>
    using(cloneTree(fd, options.bind === "rbind"), (detached) => {
      const make = isDirectory(fd) ? makeDirectoryInRoot : makeFileInRoot;
      using(make(root, destination), (target) => attachMount(detached, target));
    }),
  );
}
