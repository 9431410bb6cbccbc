import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { Mount } from "@opencontainers-types";
import { MOUNT_ATTR_RDONLY } from "#abi";
import { planMounts } from "../../../src/init/mounts.ts";

const plan = (mount: Mount) => planMounts([mount], "/bundle", undefined)[0];

describe("a mount is planned", () => {
  const binds: [Mount, string | undefined, string][] = [
    [{ destination: "/a", type: "bind", source: "/host" }, "bind", "/host"],
    [{ destination: "/a", type: "none", source: "/host", options: ["rbind"] }, "rbind", "/host"],
    [{ destination: "/a", type: "bind", source: "/host", options: ["rbind"] }, "rbind", "/host"],
    [{ destination: "/a", source: "/host", options: ["bind", "ro"] }, "bind", "/host"],
    [{ destination: "/a", type: "tmpfs", source: "/host", options: ["bind"] }, "bind", "/host"],
    [{ destination: "/a", type: "bind", source: "relative/dir" }, "bind", "/bundle/relative/dir"],
    [{ destination: "/a", type: "tmpfs", source: "tmpfs" }, undefined, "/bundle/tmpfs"],
  ];
  for (const [mount, bind, source] of binds)
    test(JSON.stringify(mount), () => {
      const planned = plan(mount);
      equal(planned?.options.bind, bind);
      if (bind) equal(planned?.source, source);
      equal(planned?.pointer, "/mounts/0");
    });

  const destinations: [string, string][] = [
    ["/a/b", "/a/b"],
    ["//a//b/", "/a/b"],
    ["/a/../../b", "/b"],
    ["/./a/.", "/a"],
    ["relative", "/relative"],
    ["/", "/"],
    ["/..", "/"],
    ["/a/...", "/a/..."],
  ];
  for (const [destination, clean] of destinations)
    test(`on ${destination}, which is ${clean}`, () => {
      equal(plan({ destination, type: "tmpfs" })?.destination, clean);
    });

  test("in the order of config.json, each with its pointer", () => {
    const plans = planMounts(
      ["/b", "/a", "/b"].map((destination) => ({ destination, type: "tmpfs" })),
      "/bundle",
      undefined,
    );
    deepEqual(
      plans.map(({ destination, pointer }) => [destination, pointer]),
      [
        ["/b", "/mounts/0"],
        ["/a", "/mounts/1"],
        ["/b", "/mounts/2"],
      ],
    );
  });

  test("cgroups, without a namespace of their own, are the host's", () => {
    const mounts = [
      { destination: "/sys/fs/cgroup/", type: "cgroup", source: "cgroup", options: ["ro"] },
      { destination: "/proc", type: "proc", source: "proc" },
    ];
    const [cgroups, proc] = planMounts(mounts, "/bundle", () => "/host/cgroup2");
    equal(cgroups?.source, "/host/cgroup2");
    equal(cgroups?.options.bind, "bind");
    equal(cgroups?.options.attributes.set, MOUNT_ATTR_RDONLY);
    equal(cgroups?.destination, "/sys/fs/cgroup");
    equal(proc?.options.bind, undefined);
    equal(planMounts(mounts, "/bundle", undefined)[0]?.options.bind, undefined);
  });
});

describe("a mount is refused", () => {
  const refused: [Mount, string][] = [
    [
      { destination: "/a", type: "bind" },
      "the bind mount on /a has no source (config.json /mounts/1/source)",
    ],
    [
      { destination: "/a", source: "", options: ["rbind"] },
      "the bind mount on /a has no source (config.json /mounts/1/source)",
    ],
    [
      { destination: "/a", type: "tmpfs", options: ["tmpcopyup"] },
      "reading the mount options: the option tmpcopyup is not supported by this version of tsrun " +
        "(config.json /mounts/1/options)",
    ],
  ];
  for (const [mount, message] of refused)
    test(message, () => {
      const first = { destination: "/first", type: "tmpfs" };
      throws(() => planMounts([first, mount], "/bundle", undefined), { name: "Failure", message });
    });
});
