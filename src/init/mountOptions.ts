/** The mount options of config.json, sorted by who understands them (specification, "Linux mount options"; mount(8)). */
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "#abi";
import type { FsParameter } from "../linux/mount.ts";

/** Attributes of a mount to set and to clear, as mount_setattr(2) takes them. */
export interface AttributeChange {
  set: number;
  clear: number;
}

export interface Propagation {
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE. */
  type: number;
  recursive: boolean;
}

export interface MountOptions {
  /** Bind the source, with (`rbind`) or without what is mounted below it. */
  bind: "bind" | "rbind" | undefined;
  attributes: AttributeChange;
  /** For all mounts below too: `rro`, `rnosuid`, …. */
  recursiveAttributes: AttributeChange;
  propagation: Propagation[];
  /** For the filesystem itself, such as `size=64m`. */
  parameters: FsParameter[];
}

/** [what to set, what to clear]. */
type Change = readonly [set: number, clear: number];

const ATTRIBUTES: Readonly<Record<string, Change>> = {
  ro: [MOUNT_ATTR_RDONLY, 0],
  rw: [0, MOUNT_ATTR_RDONLY],
  nosuid: [MOUNT_ATTR_NOSUID, 0],
  suid: [0, MOUNT_ATTR_NOSUID],
  nodev: [MOUNT_ATTR_NODEV, 0],
  dev: [0, MOUNT_ATTR_NODEV],
  noexec: [MOUNT_ATTR_NOEXEC, 0],
  exec: [0, MOUNT_ATTR_NOEXEC],
  nodiratime: [MOUNT_ATTR_NODIRATIME, 0],
  diratime: [0, MOUNT_ATTR_NODIRATIME],
  // The three are one field: setting one means clearing the field first.
  relatime: [MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME],
  noatime: [MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME],
  strictatime: [MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME],
  norelatime: [MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME],
  atime: [MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME],
  nostrictatime: [MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME],
  nosymfollow: [MOUNT_ATTR_NOSYMFOLLOW, 0],
  symfollow: [0, MOUNT_ATTR_NOSYMFOLLOW],
};

const PROPAGATION: Readonly<Record<string, number>> = {
  shared: MS_SHARED,
  slave: MS_SLAVE,
  private: MS_PRIVATE,
  unbindable: MS_UNBINDABLE,
};

/** Flags of the superblock, which fsconfig(2) takes by name. */
const SUPERBLOCK_FLAGS = new Set([
  "sync",
  "async",
  "dirsync",
  "mand",
  "nomand",
  "lazytime",
  "nolazytime",
]);
/**
 * mount(8)'s words for "nothing in particular"; `remount` means nothing for a mount that is being made, `silent` and
 * `loud` nothing where the kernel's messages are read from the context, and inode versions are the filesystem's own
 * affair.
 */
const WITHOUT_EFFECT = new Set([
  "defaults",
  "remount",
  "acl",
  "noacl",
  "silent",
  "loud",
  "iversion",
  "noiversion",
  "",
]);
/** Options that mean something which a later version brings; refused, never ignored. */
const UNSUPPORTED = /^(tmpcopyup|r?idmap)$/;

/** Sorts the options of one mount. Throws an Error naming an option that cannot be honoured. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const parsed: MountOptions = {
    bind: undefined,
    attributes: { set: 0, clear: 0 },
    recursiveAttributes: { set: 0, clear: 0 },
    propagation: [],
    parameters: [],
  };
  for (const option of options) addOption(parsed, option);
  return parsed;
}

function addOption(parsed: MountOptions, option: string): void {
  const base = option.startsWith("r") ? option.slice(1) : "";
  if (UNSUPPORTED.test(option))
    throw new Error(`the option ${option} is not supported by this version of tsrun`);
  if (option === "bind" || option === "rbind") parsed.bind = option;
  else if (Object.hasOwn(ATTRIBUTES, option))
    change(parsed.attributes, ATTRIBUTES[option] as Change);
  else if (Object.hasOwn(ATTRIBUTES, base))
    change(parsed.recursiveAttributes, ATTRIBUTES[base] as Change);
  else if (Object.hasOwn(PROPAGATION, option))
    parsed.propagation.push({ type: PROPAGATION[option] as number, recursive: false });
  else if (Object.hasOwn(PROPAGATION, base))
    parsed.propagation.push({ type: PROPAGATION[base] as number, recursive: true });
  else if (SUPERBLOCK_FLAGS.has(option)) parsed.parameters.push([option]);
  else if (!WITHOUT_EFFECT.has(option)) parsed.parameters.push(parameter(option));
}

/** A later option wins over an earlier one. */
function change(into: AttributeChange, [set, clear]: Change): void {
  into.set = (into.set & ~clear) | set;
  into.clear = (into.clear & ~set) | clear;
}

/** A change as several, one for each flag that may be locked (mount_namespaces(7)): the access times are one. */
export function severalChanges({ set, clear }: AttributeChange): AttributeChange[] {
  const times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
  const flags = [MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC];
  return [...flags, MOUNT_ATTR_NOSYMFOLLOW, times]
    .map((part) => ({ set: set & part, clear: clear & part }))
    .filter((part) => part.set !== 0 || part.clear !== 0);
}

function parameter(option: string): FsParameter {
  const equals = option.indexOf("=");
  return equals < 0 ? [option] : [option.slice(0, equals), option.slice(equals + 1)];
}
