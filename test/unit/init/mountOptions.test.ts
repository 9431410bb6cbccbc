/** Every option of the specification's table of Linux mount options is honoured, or refused by its name. */
import { deepEqual, equal, throws } from "node:assert/strict";
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
import { type MountOptions, parseMountOptions } from "../../../src/init/mountOptions.ts";

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

  for (const option of ["defaults", "remount", ""])
    test(`${JSON.stringify(option)} changes nothing`, () => {
      deepEqual(parseMountOptions([option]), nothing);
    });

  for (const option of ["tmpcopyup", "idmap", "ridmap"])
    test(`${option} is refused`, () => {
      throws(() => parseMountOptions(["ro", option]), {
        message: `the option ${option} is not supported by this version of tsrun`,
      });
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
