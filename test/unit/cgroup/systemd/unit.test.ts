import { deepEqual, match, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { scopeName } from "../../../../src/cgroup/systemd/unit.ts";

describe("the unit of a container", () => {
  const table: [
    what: string,
    cgroupsPath: string | undefined,
    user: boolean,
    expected: string[],
  ][] = [
    [
      "slice:prefix:name",
      "machine.slice:libpod:abc",
      false,
      ["libpod-abc.scope", "machine.slice", "/machine.slice/libpod-abc.scope"],
    ],
    [
      "a slice in slices",
      "kubepods-burstable-pod1_2.slice:cri-containerd:c1",
      false,
      [
        "cri-containerd-c1.scope",
        "kubepods-burstable-pod1_2.slice",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-c1.scope",
      ],
    ],
    ["the root slice", "-.slice:p:n", false, ["p-n.scope", "-.slice", "/p-n.scope"]],
    ["no slice", ":p:n", false, ["p-n.scope", "system.slice", "/system.slice/p-n.scope"]],
    ["no slice, the user's", ":p:n", true, ["p-n.scope", "user.slice", "/user.slice/p-n.scope"]],
    ["no prefix", "a.slice::n", false, ["-n.scope", "a.slice", "/a.slice/-n.scope"]],
    [
      "nothing",
      undefined,
      false,
      ["tsrun-i.d\\x2b1.scope", "system.slice", "/system.slice/tsrun-i.d\\x2b1.scope"],
    ],
    [
      "an empty path",
      "",
      true,
      ["tsrun-i.d\\x2b1.scope", "user.slice", "/user.slice/tsrun-i.d\\x2b1.scope"],
    ],
    [
      "names that the kernel has",
      "memory.slice:cgroup.x:n",
      false,
      ["cgroup.x-n.scope", "memory.slice", "/_memory.slice/_cgroup.x-n.scope"],
    ],
    [
      "names of what systemd does by eBPF",
      "devices.slice:bpf-firewall.x:n",
      false,
      ["bpf-firewall.x-n.scope", "devices.slice", "/_devices.slice/_bpf-firewall.x-n.scope"],
    ],
    [
      "names of controllers of cgroup v1",
      "blkio.slice:cpuacct.x:n",
      false,
      ["cpuacct.x-n.scope", "blkio.slice", "/_blkio.slice/_cpuacct.x-n.scope"],
    ],
    [
      "names that only begin as the kernel's",
      "bpf-devices.slice:iox.y:n",
      false,
      ["iox.y-n.scope", "bpf-devices.slice", "/bpf.slice/_bpf-devices.slice/iox.y-n.scope"],
    ],
    [
      "names that begin as systemd's own",
      "_a-b.slice:.x:n",
      false,
      [".x-n.scope", "_a-b.slice", "/__a.slice/__a-b.slice/_.x-n.scope"],
    ],
  ];
  for (const [what, cgroupsPath, user, [unit, slice, path]] of table)
    test(what, () => deepEqual(scopeName(cgroupsPath, "i.d+1", user), { unit, slice, path }));

  const malformed: [cgroupsPath: string, message: RegExp][] = [
    [
      "/system.slice/x",
      /cannot make the cgroup "\/system.slice\/x"; write it as slice:prefix:name/,
    ],
    ["system.slice", /slice:prefix:name/],
    ["system.slice:x", /slice:prefix:name/],
    ["a.slice:b:c:d", /slice:prefix:name/],
    ["a.slice:b:", /slice:prefix:name/],
    ["a.slice:b:c.slice", /c\.slice is a slice, in which systemd puts no process/],
    ["a:b:c", /"a" is no systemd slice/],
    ["a.scope:b:c", /no systemd slice/],
    [".slice:b:c", /no systemd slice/],
    ["-a.slice:b:c", /no systemd slice/],
    ["a--b.slice:b:c", /no systemd slice/],
    ["a-.slice:b:c", /no systemd slice/],
    ["a/b.slice:b:c", /no systemd slice/],
    ["../x.slice:b:c", /no systemd slice/],
    ["a@b.slice:b:c", /no systemd slice/],
    [`${"a".repeat(250)}.slice:b:c`, /no systemd slice/],
    ["a.slice:b:c/d", /"b-c\/d.scope" is no name for a systemd unit/],
    ["a.slice:b:c d", /is no name/],
    ["a.slice:b:c+d", /is no name/],
    ["a.slice:b:é", /is no name/],
    ["a.slice:b:c@d", /is no name/],
  ];
  for (const [cgroupsPath, message] of malformed)
    test(`${cgroupsPath.slice(-30)} is malformed`, () => {
      throws(() => scopeName(cgroupsPath, "id", false), { message });
    });

  test("has a name of at most 255 characters", () => {
    const length = 255 - "tsrun-.scope".length;
    ok(scopeName(undefined, "x".repeat(length), false));
    throws(() => scopeName(undefined, "x".repeat(length + 1), false), {
      message: /too long; 255 characters are possible: set linux\.cgroupsPath/,
    });
  });

  test("is never asked for with another name than its group's", () => {
    match(scopeName("a.slice:b:..", "id", false).path, /^\/a\.slice\/b-\.\.\.scope$/);
  });
});
