import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { Mount } from "@opencontainers-types";
import { MOUNT_ATTR_RDONLY } from "#abi";
import { type MountCircumstances, mountSources, planMounts } from "../../../src/init/mountPlan.ts";

const host: MountCircumstances = {
  bundle: "/bundle",
  linux: {},
  contextType: "context",
  hasUser: false,
  isPrivileged: true,
  warn: (message) => {
    throw new Error(`unexpected warning: ${message}`);
  },
};

const plan = (mount: Mount, more: Partial<MountCircumstances> = {}) =>
  planMounts([mount], { ...host, ...more })[0];

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
      host,
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
    const [cgroups, proc] = planMounts(mounts, {
      ...host,
      hostCgroups: () => "/host/cgroup2",
    });
    equal(cgroups?.source, "/host/cgroup2");
    equal(cgroups?.options.bind, "bind");
    equal(cgroups?.options.attributes.set, MOUNT_ATTR_RDONLY);
    equal(cgroups?.destination, "/sys/fs/cgroup");
    equal(proc?.options.bind, undefined);
    const nameless = { destination: "/cgroup", type: "cgroup2" };
    equal(plan(nameless, { hostCgroups: () => "/host/cgroup2" })?.source, "/host/cgroup2");
    equal(planMounts(mounts, host)[0]?.options.bind, undefined);
  });
});

describe("a mount is planned by its circumstances", () => {
  test("a relative destination is one below /, with a warning", () => {
    const warnings: string[] = [];
    const planned = plan(
      { destination: "a/b", type: "tmpfs" },
      { warn: (warning) => warnings.push(warning) },
    );
    equal(planned?.destination, "/a/b");
    deepEqual(warnings, [
      "the mount destination a/b is taken as relative to /, which is deprecated (/mounts/0/destination)",
    ]);
  });

  test("with nofail it is left out where its source does not exist, with a warning", () => {
    const warnings: string[] = [];
    const warn = (warning: string) => {
      warnings.push(warning);
    };
    const mount = { destination: "/a", source: "/none", options: ["bind", "nofail"] };
    equal(plan(mount, { warn }), undefined);
    equal(plan({ ...mount, source: "/" }, { warn })?.source, "/");
    equal(
      plan({ ...mount, type: "tmpfs", options: ["nofail"], source: "a" }, { warn })?.source,
      "/bundle/a",
    );
    deepEqual(warnings, ["nothing is mounted on /a: there is no /none"]);
  });

  test("a sysfs that is read-only can be replaced by the host's /sys, which is its source then", () => {
    const mount = { destination: "/sys", type: "sysfs", source: "sysfs" };
    const readonly = plan({ ...mount, options: ["nosuid", "ro"] });
    equal(readonly?.substitute, "/sys");
    deepEqual(mountSources(readonly ? [readonly] : []), [
      { path: "/sys", pointer: "/mounts/0/source" },
    ]);
    equal(plan({ ...mount, options: ["nosuid"] })?.substitute, undefined);
  });

  test("cgroup2 can be replaced by the container's own group", () => {
    const mount = { destination: "/sys/fs/cgroup", type: "cgroup2", options: ["ro"] };
    equal(plan(mount, { ownCgroup: () => "/host/cgroup2/id" })?.substitute, "/host/cgroup2/id");
    equal(plan(mount, { ownCgroup: () => undefined })?.substitute, undefined);
  });

  test("linux.mountLabel is for new filesystems", () => {
    const labelled = { linux: { mountLabel: "a:b:c:s0:c1,c2" } };
    deepEqual(plan({ destination: "/a", type: "tmpfs" }, labelled)?.label, {
      option: "context",
      context: "a:b:c:s0:c1,c2",
    });
    equal(plan({ destination: "/a", type: "bind", source: "/b" }, labelled)?.label, undefined);
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
      { destination: "/a" },
      "the mount on /a has no type (config.json /mounts/1/type); " +
        "a bind mount has the option bind or rbind",
    ],
    ...[
      { destination: "/a", type: "sysfs", options: ["tmpcopyup"] },
      { destination: "/a", source: "/b", options: ["bind", "tmpcopyup"] },
      { destination: "/", type: "tmpfs", options: ["tmpcopyup"] },
    ].map((mount): [Mount, string] => [
      mount,
      `tmpcopyup is for a new tmpfs below the root, and not for ${mount.destination} ` +
        "(config.json /mounts/1/options)",
    ]),
    [
      { destination: "/a", type: "tmpfs", options: ["X-mount.subdir=b"] },
      "reading the mount options: the option X-mount.subdir=b is one of mount(8) that tsrun " +
        "does not have (config.json /mounts/1/options)",
    ],
  ];
  for (const [mount, message] of refused)
    test(message, () => {
      const first = { destination: "/first", type: "tmpfs" };
      throws(() => planMounts([first, mount], host), { name: "Failure", message });
    });
});
