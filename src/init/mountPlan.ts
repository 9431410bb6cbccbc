/** The mounts of config.json, read and decided before there is a process to make them. */
import type { Linux, Mount } from "@opencontainers-types";
import { AT_FDCWD, MOUNT_ATTR_RDONLY, O_PATH } from "#abi";
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import { close, findAt } from "../linux/fs.ts";
import { cleanPath } from "../linux/path.ts";
import type { Idmap } from "./idmappedMounts.ts";
import { type MountOptions, parseMountOptions, SUPERBLOCK_FLAGS } from "./mountOptions.ts";
import type { Source } from "./sources.ts";

export interface MountPlan {
  mount: Mount;
  /** Absolute and clean, as seen in the container. */
  destination: string;
  /** For a bind: the absolute path on the host. */
  source: string;
  options: MountOptions;
  pointer: string;
  idmap?: Idmap;
  /** The SELinux context of what is mounted, and the mount option that sets it. */
  label?: { option: string; context: string };
  /** The directory of the host that is bound where a user namespace forbids a new filesystem. */
  substitute?: string;
}

/** What the mounts depend on beside their own entries. */
export interface MountCircumstances {
  /** The bundle's directory: relative sources begin there. */
  bundle: string;
  linux: Linux;
  /** The kind of context that linux.mountLabel is (mount(8), "context="). */
  contextType: string;
  /** Whether the container has another user namespace than its creator. */
  hasUser: boolean;
  /** Whether the creator has the host's privileges. */
  isPrivileged: boolean;
  /** Where the host's cgroup2 is mounted, for a container without a cgroup namespace. */
  hostCgroups?: (() => string) | undefined;
  /** The directory of the container's own group, for one that cannot mount cgroup2. */
  ownCgroup?: (() => string | undefined) | undefined;
  warn: (message: string) => void;
}

/** Reads the mounts of config.json. Throws a Failure. */
export const planMounts = (mounts: readonly Mount[], host: MountCircumstances): MountPlan[] =>
  mounts.flatMap((mount, i) => {
    const plan = planMount(mount, `/mounts/${i}`, host);
    return isLeftOut(plan, host) ? [] : [plan];
  });

function planMount(mount: Mount, pointer: string, host: MountCircumstances): MountPlan {
  const options = doing("reading the mount options", `${pointer}/options`, () =>
    parseMountOptions(mount.options ?? []),
  );
  if (!mount.destination.startsWith("/"))
    host.warn(
      `the mount destination ${mount.destination} is taken as relative to /, which is deprecated (${pointer}/destination)`,
    );
  const plan: MountPlan = {
    mount,
    destination: cleanPath(mount.destination),
    source: absolute(mount.source ?? "", host.bundle),
    options,
    pointer,
  };
  chooseSource(plan, host);
  if (options.bind) checkBind(plan, host);
  else planFilesystem(plan, host);
  const { uidMappings, gidMappings } = mount;
  if (options.idmap || uidMappings?.length || gidMappings?.length)
    plan.idmap = load(import("./idmappedMounts.ts")).planIdmap(plan, host);
  return plan;
}

const absolute = (path: string, bundle: string): string =>
  path.startsWith("/") ? path : `${bundle}/${path}`;

const isCgroup = ({ type }: Mount): boolean => type === "cgroup" || type === "cgroup2";

/** Whether it is a bind mount, and of what. */
function chooseSource(plan: MountPlan, { hostCgroups }: MountCircumstances): void {
  const { mount, options, pointer } = plan;
  if (isCgroup(mount) && !options.bind && hostCgroups) {
    // In the host's cgroup namespace a new cgroup2 mount would be the host's own mounted again: the kernel then resets its
    // options (nsdelegate, favordynmods) to those given now. A bind mount shows the same and changes nothing.
    options.bind = "bind";
    plan.source = hostCgroups();
    return;
  }
  if (mount.type === "bind") options.bind ??= "bind";
  if (options.bind && !options.remounts && !mount.source)
    throw new Failure(`the bind mount on ${mount.destination} has no source`, {
      pointer: `${pointer}/source`,
    });
}

/** A bind mount shows a filesystem that is there: the kernel ignores what is asked of it (mount(2)). */
function checkBind({ mount, options, pointer }: MountPlan, { warn }: MountCircumstances): void {
  if (options.copiesUp) refuseCopyUp(mount.destination, pointer);
  if (options.remounts) return;
  const own = options.parameters.filter(([key]) => !SUPERBLOCK_FLAGS.has(key));
  if (own.length === 0) return;
  const words = own.map((each) => each.join("=")).join(", ");
  if (isCgroup(mount))
    throw new Failure(`the mount on ${mount.destination} cannot have the option ${words}`, {
      pointer: `${pointer}/options`,
      hint: "without a cgroup namespace it is the host's, whose options stay",
    });
  warn(
    `${words} is ignored for the bind mount on ${mount.destination}: such options hold where the filesystem is mounted first (${pointer}/options)`,
  );
}

function planFilesystem(plan: MountPlan, host: MountCircumstances): void {
  const { mount, options, pointer } = plan;
  const { type, destination } = mount;
  if (!type && !options.remounts)
    throw new Failure(`the mount on ${destination} has no type`, {
      pointer: `${pointer}/type`,
      hint: "a bind mount has the option bind or rbind",
    });
  if (options.copiesUp && (type !== "tmpfs" || plan.destination === "/"))
    refuseCopyUp(destination, pointer);
  if (type === "overlay")
    options.parameters = load(import("./overlay.ts")).withAbsoluteLayers(
      options.parameters,
      host.bundle,
    );
  const context = host.linux.mountLabel;
  if (context) plan.label = { option: host.contextType, context };
  const isReadonly = (options.attributes.set & MOUNT_ATTR_RDONLY) !== 0;
  if (type === "sysfs" && isReadonly) plan.substitute = "/sys";
  const ownCgroup = isCgroup(mount) ? host.ownCgroup?.() : undefined;
  if (ownCgroup !== undefined) plan.substitute = ownCgroup;
}

function refuseCopyUp(destination: string, pointer: string): never {
  throw new Failure(`tmpcopyup is for a new tmpfs below the root, and not for ${destination}`, {
    pointer: `${pointer}/options`,
  });
}

/** `nofail`: "Do not report errors for this device if it does not exist" (mount(8)). */
function isLeftOut(plan: MountPlan, { warn }: MountCircumstances): boolean {
  const { mount, source, options, pointer } = plan;
  if (!options.mayBeMissing || (!options.bind && !mount.source?.startsWith("/"))) return false;
  const fd = doing(`looking for ${source}`, `${pointer}/source`, () =>
    findAt(AT_FDCWD, source, O_PATH),
  );
  if (fd === undefined) warn(`nothing is mounted on ${mount.destination}: there is no ${source}`);
  else close(fd);
  return fd === undefined;
}

/** What the mounts need of the host: for a process that cannot reach it by itself. */
export const mountSources = (plans: readonly MountPlan[]): Source[] =>
  plans.flatMap((plan) => {
    const { source, options, pointer, substitute, idmap } = plan;
    const path = options.bind ? source : substitute;
    if (path === undefined || options.remounts) return [];
    return [
      {
        path,
        pointer: `${pointer}/source`,
        ...(idmap && { idmap, recursive: options.bind === "rbind" }),
      },
    ];
  });
