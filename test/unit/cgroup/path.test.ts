import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { groupPath } from "../../../src/cgroup/path.ts";
import { Failure } from "../../../src/failure.ts";

const ownGroup = "/user.slice/user-0.slice/session-1.scope";

/** linux.cgroupsPath, the runtime's own group, the container's group. */
const decisions: [cgroupsPath: string | undefined, own: string, path: string][] = [
  // Absolute: from the mount.
  ["/docker/abc", ownGroup, "/docker/abc"],
  ["//kubepods//pod1/./abc/", ownGroup, "/kubepods/pod1/abc"],
  ["/a/../../../etc", ownGroup, "/etc"],
  // Relative: beside the runtime's own group.
  ["abc", ownGroup, "/user.slice/user-0.slice/abc"],
  ["pod/abc", ownGroup, "/user.slice/user-0.slice/pod/abc"],
  ["../../../abc", ownGroup, "/user.slice/user-0.slice/abc"],
  ["abc", "/", "/abc"],
  ["abc", "/session", "/abc"],
  // The runtime is outside of its cgroup namespace's root, or its group has been removed.
  ["abc", "/../../session", "/abc"],
  ["abc", "/gone/session (deleted)", "/gone/abc"],
  // The container's id.
  [undefined, ownGroup, "/user.slice/user-0.slice/the-id"],
  ["", ownGroup, "/user.slice/user-0.slice/the-id"],
  [undefined, "/", "/the-id"],
  // Not the systemd driver's form: a name like any other.
  ["system.slice:runc:abc", "/", "/system.slice:runc:abc"],
  ["/..abc/...", "/", "/..abc/..."],
];

for (const [cgroupsPath, own, path] of decisions)
  test(`cgroupsPath ${JSON.stringify(cgroupsPath)} in ${own} is ${path}`, () => {
    equal(
      groupPath(cgroupsPath, "the-id", () => own),
      path,
    );
  });

for (const cgroupsPath of ["/", "//", "/..", ".", "..", "a/.."])
  test(`cgroupsPath ${JSON.stringify(cgroupsPath)} is refused`, () => {
    throws(() => groupPath(cgroupsPath, "the-id", () => ownGroup), Failure);
  });

test("the runtime's own group is asked for only where it matters", () => {
  const unknown = () => {
    throw new Error("asked");
  };
  equal(groupPath("/abc", "the-id", unknown), "/abc");
  throws(() => groupPath("abc", "the-id", unknown), /asked/);
});
