/** What a config with a user namespace must fulfil (userNamespaceChecks.ts). */
import { equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { Linux, Spec, User } from "@opencontainers-types";
import { checkConfig } from "../../../src/runtime/checks.ts";

const mappings = [{ containerID: 0, hostID: 100_000, size: 1000 }];
const valid: Spec = {
  ociVersion: "1.3.0",
  process: { cwd: "/", args: ["sh"] },
  root: { path: "rootfs" },
  linux: {
    namespaces: [{ type: "mount" }, { type: "user" }],
    uidMappings: mappings,
    gidMappings: mappings,
  },
};
const inLinux = (linux: Linux): Spec => ({ ...valid, linux: { ...valid.linux, ...linux } });
const asUser = (user: User): Spec => ({
  ...valid,
  process: { cwd: "/", args: ["sh"], user },
});
const withOptions = (...options: string[]): Spec => ({
  ...valid,
  mounts: [{ destination: "/a" }, { destination: "/dev/pts", type: "devpts", options }],
});

describe("a user namespace is accepted", () => {
  const accepted: [string, Spec][] = [
    ["with mappings", valid],
    ["with a user that is mapped", asUser({ uid: 999, gid: 999, additionalGids: [0, 5] })],
    ["with owners of a mount that are mapped", withOptions("gid=5", "uid=0", "mode=0620")],
    [
      "with a device, which keeps its owner",
      inLinux({ devices: [{ path: "/dev/a", type: "c", major: 1, minor: 3, uid: 1000 }] }),
    ],
    [
      "with an empty path, as engines write it",
      inLinux({ namespaces: [{ type: "mount" }, { type: "user", path: "" }] }),
    ],
  ];
  for (const [name, config] of accepted)
    test(name, () => {
      equal(checkConfig(config), config.process);
    });
});

describe("a user namespace is refused", () => {
  const onlyMount = [{ type: "mount" as const }];
  const shifted = [{ containerID: 1, hostID: 1, size: 1 }];
  const refused: [string, Spec, RegExp, string][] = [
    ["without uids", inLinux({ uidMappings: [] }), /uid 0 .* is not mapped/, "/linux/uidMappings"],
    ["without gids", inLinux({ gidMappings: [] }), /gid 0 .* is not mapped/, "/linux/gidMappings"],
    [
      "without its root",
      inLinux({ uidMappings: shifted }),
      /needs linux\.uidMappings with containerID 0/,
      "/linux/uidMappings",
    ],
    [
      "with a mapping that is none",
      inLinux({ gidMappings: [{ containerID: 0, hostID: 0, size: 0 }] }),
      /maps nothing/,
      "/linux/gidMappings/0/size",
    ],
    [
      "without its root and the user",
      {
        ...asUser({ uid: 1, gid: 1 }),
        linux: { ...inLinux({ uidMappings: shifted }).linux, gidMappings: [] },
      },
      /gid 0 .* is not mapped/,
      "/linux/gidMappings",
    ],
    [
      "with a user that is not mapped",
      asUser({ uid: 1000, gid: 0 }),
      /uid 1000 is not mapped/,
      "/process/user/uid",
    ],
    [
      "with a group that is not mapped",
      asUser({ uid: 0, gid: 1000 }),
      /gid 1000 is not mapped/,
      "/process/user/gid",
    ],
    [
      "with further groups that are not mapped",
      asUser({ uid: 0, gid: 0, additionalGids: [5, 2000] }),
      /gid 2000/,
      "/process/user/additionalGids/1",
    ],
    [
      "with a mount's group that is not mapped",
      withOptions("newinstance", "gid=1005"),
      /gid=1005/,
      "/mounts/1/options/1",
    ],
    [
      "with a mount's user that is not mapped",
      withOptions("uid=1000"),
      /uid=1000/,
      "/mounts/1/options/0",
    ],
    [
      "with a FIFO's owner that is not mapped",
      inLinux({
        devices: [
          { path: "/dev/a", type: "p" },
          { path: "/dev/b", type: "p", gid: 1000 },
        ],
      }),
      /gid 1000 of the FIFO \/dev\/b is not mapped/,
      "/linux/devices/1/gid",
    ],
  ];
  for (const [name, config, message, pointer] of refused)
    test(name, () => {
      throws(() => checkConfig(config), { name: "Failure", message, pointer });
    });

  for (const name of ["uidMappings", "gidMappings"] as const)
    test(`that is not there and has ${name}`, () => {
      const linux = { namespaces: onlyMount, [name]: mappings };
      throws(() => checkConfig({ ...valid, linux }), {
        message: new RegExp(`linux\\.${name} has no effect`),
        pointer: `/linux/${name}`,
      });
    });
});

test("one to join has its own mappings, which are not known yet", () => {
  const namespaces = [{ type: "mount" as const }, { type: "user" as const, path: "/u" }];
  const config = inLinux({ namespaces });
  equal(checkConfig(config), config.process);
});
