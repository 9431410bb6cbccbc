import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, it, test } from "node:test";
import type { Spec } from "@opencontainers-types";
import { FaultyConfigError, readConfig } from "../../../spec/config.ts";
import { complete } from "./configs/complete.ts";
import { crio } from "./configs/crio.ts";
import { ctr } from "./configs/ctr.ts";
import { docker } from "./configs/docker.ts";
import { podman } from "./configs/podman.ts";
import { runcSpec } from "./configs/runc.ts";

/** The faults of a config that has to be refused, as the message's parts. */
function faultsOf(config: object | string): string[] {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  try {
    readConfig(text);
  } catch (error) {
    ok(error instanceof FaultyConfigError);
    equal(error.message.split("; ").length, error.faults.length);
    return error.message.split("; ");
  }
  throw new Error(`accepted: ${text}`);
}

const valid = { ociVersion: "1.0.2" };
const inLinux = (linux: object) => ({ ...valid, linux });
const inProcess = (process: object) => ({ ...valid, process: { cwd: "/", ...process } });
const inResources = (resources: object) => inLinux({ resources });

describe("configs as engines write them", () => {
  it("runc", () => {
    const config: Spec = readConfig(runcSpec);
    equal(config.process?.user?.uid, 0);
    equal(config.mounts?.length, 7);
    equal(config.linux?.namespaces?.[1]?.type, "network");
  });

  it("Docker", () => {
    const config = readConfig(docker);
    const infinite = {
      type: "RLIMIT_CORE",
      hard: 18446744073709551615n,
      soft: 18446744073709551615n,
    };
    deepEqual(config.process?.rlimits, [infinite]);
    equal(config.linux?.resources?.memory?.swappiness, 18446744073709551615n);
    equal(config.linux?.rootfsPropagation, "");
    equal(config.linux?.resources?.pids?.limit, -1);
  });

  it("containerd", () => {
    const config = readConfig(ctr);
    equal(config.linux?.resources?.memory?.limit, 9223372036854771712n);
    ok(!Object.keys(config).includes("annotations"));
  });

  it("Podman", () => {
    const config = readConfig(podman);
    const args = config.linux?.seccomp?.syscalls?.[0]?.args;
    equal(args?.[1]?.value, 18446744073709551615n);
    equal(args?.[1]?.valueTwo, 18446744073709551614n);
    equal(config.linux?.timeOffsets?.monotonic?.secs, -9223372036854775808n);
    equal(config.linux?.devices?.[0]?.fileMode, 8630);
    deepEqual(config.linux?.resources?.devices, [{ allow: false, type: "a", access: "rwm" }]);
    deepEqual(Object.keys(config.process?.capabilities ?? {}), [
      "bounding",
      "effective",
      "permitted",
    ]);
  });

  it("CRI-O", () => {
    const config = readConfig(crio);
    ok(!JSON.stringify(config).includes("null"));
    equal(config.process?.args?.[1], '--config={"a":12345678901234567890}');
    equal(config.mounts?.[1]?.destination, "var/tmp");
    equal(config.linux?.seccomp?.defaultAction, "");
  });

  it("everything that the specification has for Linux", () => {
    const config = readConfig(complete);
    equal(config.hooks?.prestart?.[0]?.timeout, 9223372036854775807n);
    equal(config.linux?.resources?.hugepageLimits?.[0]?.limit, 18446744073709551615n);
    equal(config.linux?.seccomp?.syscalls?.[0]?.args?.[0]?.valueTwo, 9007199254740993n);
  });
});

test("the least config is a version", () => {
  deepEqual(readConfig('{"ociVersion": "1.0.0", "process": null, "linux": {"seccomp": null}}'), {
    ociVersion: "1.0.0",
    linux: {},
  });
});

test("the version is checked", () => {
  const notSemVer = "expected a version by SemVer 2.0.0, like 1.0.2, found";
  const notSupported = "expected a version 1.x of the runtime specification, found";
  deepEqual(faultsOf({}), ["/ociVersion: expected a string, found nothing"]);
  deepEqual(faultsOf({ ociVersion: 1 }), ["/ociVersion: expected a string, found 1"]);
  deepEqual(faultsOf({ ociVersion: "" }), [`/ociVersion: ${notSemVer} ""`]);
  deepEqual(faultsOf({ ociVersion: "1.0" }), [`/ociVersion: ${notSemVer} "1.0"`]);
  deepEqual(faultsOf({ ociVersion: "0.6.0" }), [`/ociVersion: ${notSupported} "0.6.0"`]);
  deepEqual(faultsOf({ ociVersion: "2.0.0" }), [`/ociVersion: ${notSupported} "2.0.0"`]);
  for (const version of ["1.0.0-rc5", "1.0.2-dev", "1.4.0"])
    readConfig(`{"ociVersion":"${version}"}`);
});

test("a document that is no object is refused", () => {
  deepEqual(faultsOf("[]"), ["the document: expected an object, found an empty array"]);
  deepEqual(faultsOf("null"), ["the document: expected an object, found null"]);
  deepEqual(faultsOf('"a"'), ['the document: expected an object, found "a"']);
  deepEqual(faultsOf("18446744073709551615"), [
    "the document: expected an object, found 18446744073709551615",
  ]);
});

test("all faults are named at once, in the schema's order", () => {
  const config = {
    ociVersion: "3.0.0",
    mounts: [{ destination: "/a" }, { destination: "/b" }, { type: 1 }],
    process: { cwd: "tmp", rlimits: [{ type: "RLIMIT_CORE", soft: 1, hard: -1 }] },
    linux: { namespaces: [{ type: "pid" }, { type: "net" }] },
  };
  deepEqual(faultsOf(config), [
    '/ociVersion: expected a version 1.x of the runtime specification, found "3.0.0"',
    "/mounts/2/destination: expected a non-empty string, found nothing",
    "/mounts/2/type: expected a string, found 1",
    '/process/cwd: expected an absolute path, found "tmp"',
    "/process/rlimits/0/hard: expected a whole number from 0 to 18446744073709551615, found -1",
    '/linux/namespaces/1/type: expected one of pid, network, mount, ipc, uts, user, cgroup, time, found "net"',
  ]);
});

test("a null in a required place is missing", () => {
  deepEqual(faultsOf('{"ociVersion": "1.0.0", "root": {"path": null}}'), [
    "/root/path: expected a non-empty string, found nothing",
  ]);
});

test("pointers are escaped", () => {
  deepEqual(faultsOf({ ...valid, annotations: { "a/b~c": 1, "": "x" } }), [
    "/annotations/a~1b~0c: expected a string, found 1",
    '/annotations/: expected a non-empty key, found ""',
  ]);
});

test("what is found is shown shortly, on one line", () => {
  const found = (cwd: string) => faultsOf(`{"ociVersion": "1.0.0", "process": {"cwd": ${cwd}}}`)[0];
  const start = "/process/cwd: expected an absolute path, found ";
  equal(found('"a\\nb"'), `${start}"a\\nb"`);
  equal(found(`"${"x".repeat(100)}"`), `${start}"${"x".repeat(58)}…`);
  equal(found("true"), `${start}true`);
  equal(found("1.5"), `${start}1.5`);
  equal(found("1e30"), `${start}1e+30`);
  equal(found("1e999"), `${start}Infinity`);
  equal(found("[1]"), `${start}an array`);
  equal(found("{}"), `${start}an object`);
});

describe("numbers", () => {
  const cases: readonly (readonly [name: string, of: (n: string) => string, range: string])[] = [
    ["uint16", (n) => `"linux": {"resources": {"blockIO": {"weight": ${n}}}}`, "0 to 65535"],
    [
      "uint32",
      (n) => `"process": {"cwd": "/", "user": {"uid": ${n}, "gid": 0}}`,
      "0 to 4294967295",
    ],
    [
      "int32",
      (n) => `"process": {"cwd": "/", "scheduler": {"policy": "SCHED_RR", "nice": ${n}}}`,
      "-2147483648 to 2147483647",
    ],
    [
      "int64",
      (n) => `"linux": {"resources": {"memory": {"limit": ${n}}}}`,
      "-9223372036854775808 to 9223372036854775807",
    ],
    [
      "uint64",
      (n) => `"linux": {"resources": {"cpu": {"shares": ${n}}}}`,
      "0 to 18446744073709551615",
    ],
    ["a narrower range", (n) => `"process": {"cwd": "/", "oomScoreAdj": ${n}}`, "-1000 to 1000"],
    [
      "a narrower int64",
      (n) => `"hooks": {"poststop": [{"path": "/h", "timeout": ${n}}]}`,
      "1 to 9223372036854775807",
    ],
  ];
  for (const [name, member, range] of cases) {
    it(name, () => {
      const [min, max] = range.split(" to ").map(BigInt) as [bigint, bigint];
      const config = (n: string) => `{"ociVersion": "1.0.0", ${member(n)}}`;
      for (const n of [min, max, min + 1n, max - 1n]) readConfig(config(String(n)));
      for (const n of [
        String(min - 1n),
        String(max + 1n),
        "0.5",
        '"1"',
        "true",
        "1e25",
        "9".repeat(25),
        "[1]",
      ]) {
        const faults = faultsOf(config(n));
        equal(faults.length, 1);
        ok(faults[0]?.includes(`: expected a whole number from ${range}, found `), faults[0]);
      }
    });
  }
});

describe("each kind of value is checked", () => {
  const path = "expected an absolute path, found";
  const cases: readonly (readonly [name: string, config: object, fault: string])[] = [
    ["root", { ...valid, root: "rootfs" }, '/root: expected an object, found "rootfs"'],
    ["root path", { ...valid, root: {} }, "/root/path: expected a non-empty string, found nothing"],
    ["array", { ...valid, mounts: {} }, "/mounts: expected an array, found an object"],
    ["item", { ...valid, mounts: ["/a"] }, '/mounts/0: expected an object, found "/a"'],
    ["string", { ...valid, hostname: 1 }, "/hostname: expected a string, found 1"],
    ["map", inLinux({ sysctl: { a: 1 } }), "/linux/sysctl/a: expected a string, found 1"],
    [
      "boolean",
      inProcess({ terminal: "yes" }),
      '/process/terminal: expected true or false, found "yes"',
    ],
    ["args", inProcess({ args: ["a", 1] }), "/process/args/1: expected a string, found 1"],
    [
      "user",
      inProcess({ user: { uid: 0 } }),
      "/process/user/gid: expected a whole number from 0 to 4294967295, found nothing",
    ],
    [
      "capabilities",
      inProcess({ capabilities: ["CAP_KILL"] }),
      "/process/capabilities: expected an object, found an array",
    ],
    [
      "I/O class",
      inProcess({ ioPriority: { class: "", priority: 0 } }),
      '/process/ioPriority/class: expected one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE, found ""',
    ],
    [
      "I/O priority",
      inProcess({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 8 } }),
      "/process/ioPriority/priority: expected a whole number from 0 to 7, found 8",
    ],
    [
      "CPUs",
      inProcess({ execCPUAffinity: { initial: "a" } }),
      '/process/execCPUAffinity/initial: expected a list of CPUs like 0-3,7, found "a"',
    ],
    [
      "hook",
      { ...valid, hooks: { prestart: [{ path: "h" }] } },
      `/hooks/prestart/0/path: ${path} "h"`,
    ],
    [
      "timeout",
      { ...valid, hooks: { poststop: [{ path: "/h", timeout: 0 }] } },
      "/hooks/poststop/0/timeout: expected a whole number from 1 to 9223372036854775807, found 0",
    ],
    [
      "namespace",
      inLinux({ namespaces: [{ type: "pid", path: "ns" }] }),
      `/linux/namespaces/0/path: ${path} "ns"`,
    ],
    ["masked", inLinux({ maskedPaths: ["proc"] }), `/linux/maskedPaths/0: ${path} "proc"`],
    ["read-only", inLinux({ readonlyPaths: [""] }), `/linux/readonlyPaths/0: ${path} ""`],
    [
      "device path",
      inLinux({ devices: [{ type: "p", path: "x" }] }),
      `/linux/devices/0/path: ${path} "x"`,
    ],
    [
      "device type",
      inLinux({ devices: [{ type: "", path: "/x", major: 1, minor: 1 }] }),
      '/linux/devices/0/type: expected one of c, b, u, p, found ""',
    ],
    [
      "device number",
      inLinux({ devices: [{ type: "c", path: "/x", minor: 1 }] }),
      "/linux/devices/0/major: expected a whole number from -9223372036854775808 to 9223372036854775807, found nothing",
    ],
    [
      "propagation",
      inLinux({ rootfsPropagation: "none" }),
      '/linux/rootfsPropagation: expected one of private, rprivate, slave, rslave, shared, rshared, unbindable, runbindable, found "none"',
    ],
    [
      "time",
      inLinux({ timeOffsets: { monotonic: { nanosecs: -1 } } }),
      "/linux/timeOffsets/monotonic/nanosecs: expected a whole number from 0 to 4294967295, found -1",
    ],
    [
      "network device",
      inLinux({ netDevices: { eth0: "a" } }),
      '/linux/netDevices/eth0: expected an object, found "a"',
    ],
    [
      "allow",
      inResources({ devices: [{ access: "rwm" }] }),
      "/linux/resources/devices/0/allow: expected true or false, found nothing",
    ],
    [
      "access",
      inResources({ devices: [{ allow: true, access: "x" }] }),
      '/linux/resources/devices/0/access: expected a string of r, w and m, found "x"',
    ],
    [
      "page size",
      inResources({ hugepageLimits: [{ pageSize: "2M", limit: 0 }] }),
      '/linux/resources/hugepageLimits/0/pageSize: expected a size like 2MB, found "2M"',
    ],
    [
      "RDMA",
      inResources({ rdma: { a: { hcaHandles: -1 } } }),
      "/linux/resources/rdma/a/hcaHandles: expected a whole number from 0 to 4294967295, found -1",
    ],
    [
      "bandwidth",
      inLinux({ intelRdt: { memBwSchema: "L3:0" } }),
      '/linux/intelRdt/memBwSchema: expected a single line starting with MB:, found "L3:0"',
    ],
    [
      "one line",
      inLinux({ intelRdt: { schemata: ["a\nb"] } }),
      '/linux/intelRdt/schemata/0: expected a single line, found "a\\nb"',
    ],
    [
      "personality",
      inLinux({ personality: {} }),
      "/linux/personality/domain: expected one of LINUX, LINUX32, found nothing",
    ],
    [
      "no rule",
      inLinux({
        seccomp: {
          defaultAction: "SCMP_ACT_LOG",
          syscalls: [{ names: [], action: "SCMP_ACT_KILL" }],
        },
      }),
      "/linux/seccomp/syscalls/0/names: expected a non-empty array, found an empty array",
    ],
    [
      "no action",
      inLinux({ seccomp: { defaultAction: "SCMP_ACT_LOG", syscalls: [{ names: ["a"] }] } }),
      "/linux/seccomp/syscalls/0/action: expected one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY, found nothing",
    ],
    ["other platform", { ...valid, windows: 1 }, "/windows: expected an object, found 1"],
  ];
  for (const [name, config, fault] of cases) {
    it(name, () => deepEqual(faultsOf(config), [fault]));
  }
});

describe("strings that cannot be passed to the kernel", () => {
  const expected = "expected text without NUL and without half characters";

  it("are refused wherever they are, by their places", () => {
    const nul = "a\0b";
    const mounts = [{ destination: "/a", options: ["ro", nul] }];
    deepEqual(
      faultsOf({ ...inProcess({ args: ["sh", nul], env: [nul] }), hostname: nul, mounts }),
      [
        `/process/args/1: ${expected}, found "a\\u0000b"`,
        `/process/env/0: ${expected}, found "a\\u0000b"`,
        `/hostname: ${expected}, found "a\\u0000b"`,
        `/mounts/0/options/1: ${expected}, found "a\\u0000b"`,
      ],
    );
  });

  it("are refused as names, too", () => {
    const [fault] = faultsOf(inLinux({ sysctl: { "kernel.\0": "1" } }));
    ok(fault?.startsWith("/linux/sysctl/kernel."), fault);
  });

  it("may be halves of characters", () => {
    const text = (word: string) => `{"ociVersion": "1.0.2", "hostname": "${word}"}`;
    for (const word of ["\\ud83d", "\\uD83D x", "\\ude00\\ud83d"]) {
      const [fault] = faultsOf(text(word));
      ok(fault?.startsWith(`/hostname: ${expected}`), fault);
    }
    equal(readConfig(text("\\ud83d\\ude00")).hostname, "\u{1f600}");
  });

  it("are left alone where tsrun does not look, and a backslash is no escape", () => {
    const annotations = { a: "\0" };
    deepEqual(
      readConfig(JSON.stringify({ ...valid, annotations, windows: { a: "\0" } })).annotations,
      {
        a: "\0",
      },
    );
    equal(readConfig(JSON.stringify({ ...valid, hostname: "\\u0000" })).hostname, "\\u0000");
  });
});
