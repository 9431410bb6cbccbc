/**
 * What new filesystems are told. For linux.mountLabel this takes the place of a kernel with SELinux, which no test machine
 * has: which filesystems get the context, and how.
 */
import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";
import type { Mount } from "@opencontainers-types";
import { parametersOf } from "../../../src/init/filesystems.ts";
import { planMounts } from "../../../src/init/mountPlan.ts";

const LABEL = "system_u:object_r:container_file_t:s0:c1,c2";

/** A place that is made for the mount, so that nothing is asked of it. */
const PLACE = { fd: -1, existed: false };

function parameters(
  mount: Partial<Mount> & { type: string },
  mountLabel?: string,
  contextType = "context",
) {
  const [plan] = planMounts([{ destination: "/a", ...mount }], {
    bundle: "/bundle",
    linux: mountLabel === undefined ? {} : { mountLabel },
    contextType,
    hasUser: false,
    isPrivileged: true,
    warn: () => {},
  });
  return plan ? parametersOf(plan, mount.type, PLACE) : [];
}

describe("linux.mountLabel is the context of", () => {
  for (const type of ["tmpfs", "devpts", "ext4"])
    test(type, () => {
      deepEqual(parameters({ type, source: "x" }, LABEL), [
        ["source", "x"],
        ["context", LABEL],
      ]);
    });

  test("of another kind, as crun's annotation says", () => {
    deepEqual(parameters({ type: "tmpfs", options: ["context=mine"] }, LABEL, "rootcontext"), [
      ["source", "tmpfs"],
      ["context", "mine"],
      ["rootcontext", LABEL],
    ]);
  });

  // runc's exceptions: shared with the host, or labelled by their files.
  for (const type of ["proc", "sysfs", "mqueue", "cgroup2"])
    test(`no ${type}`, () => {
      deepEqual(parameters({ type }, LABEL), [["source", type]]);
    });

  test("no mount that has a context of its own", () => {
    deepEqual(parameters({ type: "tmpfs", options: ["context=mine"] }, LABEL), [
      ["source", "tmpfs"],
      ["context", "mine"],
    ]);
  });

  test("none without it", () => {
    deepEqual(parameters({ type: "tmpfs" }, ""), [["source", "tmpfs"]]);
  });
});

describe("a mount that is read-only", () => {
  test("has a disk that is not written to", () => {
    deepEqual(parameters({ type: "ext4", source: "/dev/sda", options: ["ro"] }), [
      ["source", "/dev/sda"],
      ["ro"],
    ]);
  });

  test("leaves filesystems alone that are in memory, and may be the host's", () => {
    deepEqual(parameters({ type: "sysfs", options: ["ro"] }), [["source", "sysfs"]]);
  });
});
