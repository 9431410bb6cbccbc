/** The mappings of a mount's ids: whose they are, and what is refused (specification, "POSIX-platform Mounts"). */
import { deepEqual, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxIDMapping, Mount } from "@opencontainers-types";
import { parseMappings } from "../../../src/init/idmappedMounts.ts";
import { type MountCircumstances, planMounts } from "../../../src/init/mountPlan.ts";

const range = (containerID: number, hostID: number, size: number): LinuxIDMapping => ({
  containerID,
  hostID,
  size,
});

const plan = (mount: Partial<Mount>, more: Partial<MountCircumstances> = {}) =>
  planMounts([{ destination: "/a", source: "/b", ...mount }], {
    bundle: "/bundle",
    linux: {},
    contextType: "context",
    hasUser: false,
    isPrivileged: true,
    warn: () => {},
    ...more,
  })[0]?.idmap;

const ids = { uidMappings: [range(0, 1000, 1)], gidMappings: [range(0, 2000, 5)] };
const mappings = { uid: ids.uidMappings, gid: ids.gidMappings };
const container = {
  hasUser: true,
  linux: { uidMappings: [range(0, 100_000, 10)], gidMappings: [] },
};

describe("the ids of a mount are mapped", () => {
  test("by its own mappings, with or without the option", () => {
    deepEqual(plan({ options: ["bind"], ...ids }), { recursive: false, mappings });
    deepEqual(plan({ options: ["rbind", "idmap"], ...ids }), { recursive: false, mappings });
    deepEqual(plan({ options: ["rbind", "ridmap"], ...ids }), { recursive: true, mappings });
    deepEqual(plan({ options: ["bind", "idmap"], ...ids }, container), {
      recursive: false,
      mappings,
    });
  });

  test("by the container's user namespace without any", () => {
    deepEqual(plan({ options: ["bind", "idmap"] }, container), { recursive: false });
    deepEqual(plan({ options: ["bind", "ridmap"], uidMappings: [], gidMappings: [] }, container), {
      recursive: true,
    });
  });

  test("by what follows idmap=, in crun's notation", () => {
    const options = ["bind", "idmap=uids=0-1000-1;gids=0-2000-5"];
    deepEqual(plan({ options }), { recursive: false, mappings });
  });

  test("not at all without option and mappings", () => {
    deepEqual(plan({ options: ["bind"] }, container), undefined);
    deepEqual(plan({ options: ["bind"], uidMappings: [], gidMappings: [] }), undefined);
  });
});

describe("mapping the ids of a mount is refused", () => {
  const refused: [string, Partial<Mount>, RegExp, Partial<MountCircumstances>?][] = [
    [
      "of a new filesystem",
      { type: "tmpfs", ...ids },
      /only a bind mount .*\/mounts\/0\/uidMappings/,
    ],
    [
      "of a new filesystem by option",
      { type: "tmpfs", options: ["idmap"] },
      /\/mounts\/0\/options/,
    ],
    ["without gids", { options: ["bind"], uidMappings: ids.uidMappings }, /no gidMappings/],
    ["without uids", { options: ["bind"], gidMappings: ids.gidMappings }, /no uidMappings/],
    [
      "without mappings and user namespace",
      { options: ["bind", "idmap"] },
      /no mappings .*user namespace/,
    ],
    [
      "with mappings that overlap",
      { options: ["bind"], ...ids, gidMappings: [range(0, 1, 2), range(1, 9, 1)] },
      /overlaps.*\/mounts\/0\/gidMappings\/1\/containerID/,
    ],
    ["with uids only", { options: ["bind", "idmap=uids=0-1-2"] }, /no gidMappings/],
    ["for a user", { options: ["bind"], ...ids }, /only root/, { isPrivileged: false }],
  ];
  for (const [name, mount, message, more] of refused)
    test(name, () => {
      throws(() => plan(mount, more), message);
    });
});

describe("crun's notation of mappings", () => {
  const none = { uid: [], gid: [] };
  test("has several ranges", () => {
    deepEqual(parseMappings("uids=0-1-10#10-11-10;gids=0-100-10", none), {
      uid: [range(0, 1, 10), range(10, 11, 10)],
      gid: [range(0, 100, 10)],
    });
  });

  test("may be relative to the container", () => {
    const container = { uid: [range(0, 1000, 5), range(5, 3000, 5)], gid: [range(0, 2000, 1)] };
    deepEqual(parseMappings("uids=@7-6-2;gids=@0-0-1#1-1-1", container), {
      uid: [range(7, 3001, 2)],
      gid: [range(0, 2000, 1), range(1, 1, 1)],
    });
  });

  const wrong: [string, RegExp][] = [
    ["ids=0-1-2", /ids=0-1-2 is neither/],
    ["uids=0-1", /0-1 is no range/],
    ["uids=0-1-2#", /is no range/],
    ["uids=a-1-2", /a-1-2 is no range/],
    ["uids=@0-1-2", /has no id 1/],
  ];
  for (const [text, message] of wrong)
    test(`is not ${text}`, () => {
      throws(() => parseMappings(text, none), message);
    });
});
