/** Every option of the specification's table of Linux mount options is honoured, or refused by its name. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
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
import {
  knownMountOptions,
  type MountOptions,
  parseMountOptions,
} from "../../../src/init/mountOptions.ts";

const nothing: MountOptions = {
  bind: undefined,
  attributes: { set: 0, clear: 0 },
  recursiveAttributes: { set: 0, clear: 0 },
  propagation: [],
  parameters: [],
};

const set = (flag: number) => ({ set: flag, clear: 0 });
const clear = (flag: number) => ({ set: 0, clear: flag });
/** The three ways of access times are one field, which has to be cleared first (mount_setattr(2)). */
const atime = (flag: number) => ({ set: flag, clear: MOUNT_ATTR__ATIME });

const ATTRIBUTES: Record<string, { set: number; clear: number }> = {
  ro: set(MOUNT_ATTR_RDONLY),
  rw: clear(MOUNT_ATTR_RDONLY),
  nosuid: set(MOUNT_ATTR_NOSUID),
  suid: clear(MOUNT_ATTR_NOSUID),
  nodev: set(MOUNT_ATTR_NODEV),
  dev: clear(MOUNT_ATTR_NODEV),
  noexec: set(MOUNT_ATTR_NOEXEC),
  exec: clear(MOUNT_ATTR_NOEXEC),
  nodiratime: set(MOUNT_ATTR_NODIRATIME),
  diratime: clear(MOUNT_ATTR_NODIRATIME),
  nosymfollow: set(MOUNT_ATTR_NOSYMFOLLOW),
  symfollow: clear(MOUNT_ATTR_NOSYMFOLLOW),
  noatime: atime(MOUNT_ATTR_NOATIME),
  atime: atime(MOUNT_ATTR_RELATIME),
  relatime: atime(MOUNT_ATTR_RELATIME),
  norelatime: atime(MOUNT_ATTR_STRICTATIME),
  strictatime: atime(MOUNT_ATTR_STRICTATIME),
  nostrictatime: atime(MOUNT_ATTR_RELATIME),
};

const PROPAGATION: Record<string, number> = {
  shared: MS_SHARED,
  slave: MS_SLAVE,
  private: MS_PRIVATE,
  unbindable: MS_UNBINDABLE,
};

/** Of the superblock: fsconfig(2) takes them by name. */
const SUPERBLOCK = ["sync", "async", "dirsync", "mand", "nomand", "lazytime", "nolazytime"];

describe("an option of the mount", () => {
  for (const [option, change] of Object.entries(ATTRIBUTES)) {
    test(option, () => {
      deepEqual(parseMountOptions([option]), { ...nothing, attributes: change });
    });
    test(`r${option}`, () => {
      deepEqual(parseMountOptions([`r${option}`]), { ...nothing, recursiveAttributes: change });
    });
  }

  for (const [option, type] of Object.entries(PROPAGATION)) {
    test(option, () => {
      const propagation = [{ type, recursive: false }];
      deepEqual(parseMountOptions([option]), { ...nothing, propagation });
    });
    test(`r${option}`, () => {
      const propagation = [{ type, recursive: true }];
      deepEqual(parseMountOptions([`r${option}`]), { ...nothing, propagation });
    });
  }

  for (const bind of ["bind", "rbind"] as const)
    test(bind, () => {
      deepEqual(parseMountOptions([bind]), { ...nothing, bind });
    });

  test("of bind and rbind, rbind stays", () => {
    for (const both of [
      ["bind", "rbind"],
      ["rbind", "bind"],
    ])
      deepEqual(parseMountOptions(both), { ...nothing, bind: "rbind" });
  });

  for (const option of ["defaults", "silent", "loud", "iversion", "noiversion", "nocopy", ""])
    test(`${JSON.stringify(option)} changes nothing`, () => {
      deepEqual(parseMountOptions([option]), nothing);
    });

  for (const option of [
    "auto",
    "noauto",
    "_netdev",
    "nouser",
    "x-systemd.automount",
    "X-mount.mkdir=755",
    "comment=a",
  ])
    test(`${option} is for other programs`, () => {
      deepEqual(parseMountOptions([option]), nothing);
    });

  for (const option of ["X-mount.subdir=a", "X-mount.owner=a", "X-mount.idmap=a", "X-mount.mkdirs"])
    test(`${option} is refused`, () => {
      throws(() => parseMountOptions(["ro", option]), {
        message: `the option ${option} is one of mount(8) that tsrun does not have`,
      });
    });

  const noexec = MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  const implying: [string[], { set: number; clear: number }][] = [
    [["user"], set(noexec)],
    [["users"], set(noexec)],
    [["owner"], set(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)],
    [["group"], set(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)],
    [["user", "exec"], { set: MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, clear: MOUNT_ATTR_NOEXEC }],
  ];
  for (const [options, attributes] of implying)
    test(`${options} implies others, as in mount(8)`, () => {
      deepEqual(parseMountOptions(options), { ...nothing, attributes });
    });

  const rare: [string, Partial<MountOptions>][] = [
    ["remount", { remounts: true }],
    ["tmpcopyup", { copiesUp: true }],
    ["nofail", { mayBeMissing: true }],
    ["idmap", { idmap: { recursive: false } }],
    ["ridmap", { idmap: { recursive: true } }],
    ["idmap=", { idmap: { recursive: false } }],
    ["ridmap=uids=0-1-2", { idmap: { recursive: true, mappings: "uids=0-1-2" } }],
  ];
  for (const [option, found] of rare)
    test(option, () => {
      deepEqual(parseMountOptions([option]), { ...nothing, ...found });
    });
});

describe("the known options", () => {
  // config.md, "Linux mount options".
  const table = [
    ...["async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion"],
    ...["lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec", "noiversion"],
    ...["nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private"],
    ...["ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "rnoatime"],
    ...["rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro"],
    ...["rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid"],
    ...["rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid"],
    ...["symfollow", "sync", "tmpcopyup", "unbindable", "idmap", "ridmap", "rnodev"],
  ];
  const known = knownMountOptions();

  test("are sorted, each once", () => {
    deepEqual(known, [...new Set(known)].sort());
  });
  for (const option of table)
    test(`have ${option} of the specification's table`, () => {
      ok(known.includes(option));
    });
});

describe("an option of the filesystem", () => {
  for (const option of SUPERBLOCK)
    test(option, () => {
      deepEqual(parseMountOptions([option]), { ...nothing, parameters: [[option]] });
    });

  const parameters: [string, readonly string[]][] = [
    ["size=64m", ["size", "64m"]],
    ["mode=1777", ["mode", "1777"]],
    ["newinstance", ["newinstance"]],
    ["context=a=b,c", ["context", "a=b,c"]],
    ["lowerdir=/a:/b", ["lowerdir", "/a:/b"]],
    ["empty=", ["empty", ""]],
    // Not the options that they resemble.
    ["RO", ["RO"]],
    ["rsync", ["rsync"]],
    ["rrro", ["rrro"]],
    ["rbind=1", ["rbind", "1"]],
    ["idmapped", ["idmapped"]],
    ["user=me", ["user", "me"]],
    ["noacl", ["noacl"]],
    ["constructor", ["constructor"]],
    ["rconstructor", ["rconstructor"]],
  ];
  for (const [option, parameter] of parameters)
    test(option, () => {
      deepEqual(parseMountOptions([option]), { ...nothing, parameters: [parameter] });
    });
});

describe("several options", () => {
  test("of each kind, in their order", () => {
    deepEqual(
      parseMountOptions([
        "rbind",
        "nosuid",
        "size=1m",
        "rprivate",
        "ro",
        "rnodev",
        "mode=755",
        "shared",
      ]),
      {
        bind: "rbind",
        attributes: set(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID),
        recursiveAttributes: set(MOUNT_ATTR_NODEV),
        propagation: [
          { type: MS_PRIVATE, recursive: true },
          { type: MS_SHARED, recursive: false },
        ],
        parameters: [
          ["size", "1m"],
          ["mode", "755"],
        ],
      },
    );
  });

  const overruled: [string[], { set: number; clear: number }][] = [
    [["ro", "rw"], clear(MOUNT_ATTR_RDONLY)],
    [["rw", "ro"], set(MOUNT_ATTR_RDONLY)],
    [["noexec", "exec", "noexec"], set(MOUNT_ATTR_NOEXEC)],
    [["noatime", "relatime"], atime(MOUNT_ATTR_RELATIME)],
    [["relatime", "noatime"], atime(MOUNT_ATTR_NOATIME)],
    [["noatime", "strictatime"], atime(MOUNT_ATTR_STRICTATIME)],
    [["strictatime", "nostrictatime"], atime(MOUNT_ATTR_RELATIME)],
    [
      ["ro", "noatime", "suid"],
      { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME | MOUNT_ATTR_NOSUID },
    ],
    [["ro", "ro"], set(MOUNT_ATTR_RDONLY)],
  ];
  for (const [options, change] of overruled)
    test(`${options.join(",")}: the last one wins`, () => {
      deepEqual(parseMountOptions(options).attributes, change);
      const recursive = options.map((option) => `r${option}`);
      deepEqual(parseMountOptions(recursive).recursiveAttributes, change);
      equal(parseMountOptions(recursive).attributes.set, 0);
    });
});
