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
  /** `idmap` or `ridmap`. */
  idmap?: IdmapOption;
  /** `tmpcopyup`: a tmpfs begins with a copy of what it covers. */
  copiesUp?: true;
  /** `remount`: what is mounted there already is changed. */
  remounts?: true;
  /** `nofail`: nothing is mounted where the source does not exist. */
  mayBeMissing?: true;
}

export interface IdmapOption {
  /** For all mounts below too. */
  recursive: boolean;
  /** What follows `idmap=`, in crun's notation. */
  mappings?: string;
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

/** Flags of the superblock, which fsconfig(2) takes by name; a bind mount leaves that as it is. */
export const SUPERBLOCK_FLAGS = new Set([
  "sync",
  "async",
  "dirsync",
  "mand",
  "nomand",
  "lazytime",
  "nolazytime",
]);
/**
 * mount(8)'s words for "nothing in particular". `silent` and `loud` mean nothing where the kernel's messages are read from
 * the context, and inode versions are the filesystem's own affair; the others are about fstab(5) and who may mount. `copy` and
 * `nocopy` are releases of Podman's word to themselves, left in what they hand to a runtime: how a new volume begins.
 */
const WITHOUT_EFFECT = new Set([
  ...["", "defaults", "silent", "loud", "iversion", "noiversion"],
  ...["auto", "noauto", "nouser", "_netdev"],
  ...["copy", "nocopy"],
]);
/** mount(8): these imply others, "unless overridden by subsequent options". */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  user: ["noexec", "nosuid", "nodev"],
  users: ["noexec", "nosuid", "nodev"],
  owner: ["nosuid", "nodev"],
  group: ["nosuid", "nodev"],
};
/** What mount(8) itself does about a mount. Missing places are always made here. */
const OF_MOUNT_PROGRAM = /^X-mount\.(?!mkdir(=|$))/;
/** "Comments" of mount(8). */
const COMMENT = /^([xX]-|comment=)/;

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
  if (option === "rbind") parsed.bind = option;
  // MS_BIND and MS_REC are flags: both stay, in whatever order.
  else if (option === "bind") parsed.bind ??= option;
  else if (Object.hasOwn(ATTRIBUTES, option))
    change(parsed.attributes, ATTRIBUTES[option] as Change);
  else if (Object.hasOwn(ATTRIBUTES, base))
    change(parsed.recursiveAttributes, ATTRIBUTES[base] as Change);
  else if (Object.hasOwn(PROPAGATION, option))
    parsed.propagation.push({ type: PROPAGATION[option] as number, recursive: false });
  else if (Object.hasOwn(PROPAGATION, base))
    parsed.propagation.push({ type: PROPAGATION[base] as number, recursive: true });
  else if (SUPERBLOCK_FLAGS.has(option)) parsed.parameters.push([option]);
  else if (!WITHOUT_EFFECT.has(option)) addRareOption(parsed, option);
}

function addRareOption(parsed: MountOptions, option: string): void {
  const idmap = /^(r?)idmap(?:=(.*))?$/s.exec(option);
  if (idmap)
    parsed.idmap = { recursive: idmap[1] === "r", ...(idmap[2] && { mappings: idmap[2] }) };
  else if (option === "tmpcopyup") parsed.copiesUp = true;
  else if (option === "remount") parsed.remounts = true;
  else if (option === "nofail") parsed.mayBeMissing = true;
  else if (Object.hasOwn(IMPLIED, option))
    for (const implied of IMPLIED[option] as string[]) addOption(parsed, implied);
  else if (OF_MOUNT_PROGRAM.test(option))
    throw new Error(`the option ${option} is one of mount(8) that tsrun does not have`);
  else if (!COMMENT.test(option)) parsed.parameters.push(parameter(option));
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

/** The names of all options that are no filesystem's own, in alphabetical order. */
export const knownMountOptions = (): string[] =>
  [
    ...["bind", "rbind", "idmap", "ridmap", "nofail", "remount", "tmpcopyup"],
    ...[...SUPERBLOCK_FLAGS, ...WITHOUT_EFFECT, ...Object.keys(IMPLIED)],
    ...[...Object.keys(ATTRIBUTES), ...Object.keys(PROPAGATION)].flatMap((n) => [n, `r${n}`]),
  ]
    .filter((name) => name !== "")
    .sort();
