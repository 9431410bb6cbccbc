import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxNamespace, POSIXRlimit, Spec } from "@opencontainers-types";
import { Failure } from "../../../src/failure.ts";
import { checkConfig } from "../../../src/runtime/checks.ts";

type Linux = NonNullable<Spec["linux"]>;
type Process = NonNullable<Spec["process"]>;

const process: Process = { cwd: "/", args: ["sh"] };
const namespaces: LinuxNamespace[] = [{ type: "pid" }, { type: "mount" }, { type: "uts" }];
const valid: Spec = {
  ociVersion: "1.3.0",
  process,
  root: { path: "rootfs" },
  hostname: "name",
  linux: { namespaces },
};
const inLinux = (linux: Linux): Spec => ({ ...valid, linux: { namespaces, ...linux } });
const inProcess = (more: Partial<Process>): Spec => ({
  ...valid,
  process: { ...process, ...more },
});
const withNamespaces = (...types: LinuxNamespace["type"][]): LinuxNamespace[] =>
  types.map((type) => ({ type }));

/** The failure of a config that has to be refused. */
function refusal(config: Spec): Failure {
  try {
    checkConfig(config);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(config)}`);
}

test("a config that can be run gives its process", () => {
  equal(checkConfig(valid), process);
});

describe("parts that must be there", () => {
  const { process: _process, ...withoutProcess } = valid;
  const { root: _root, ...withoutRoot } = valid;
  const missing: [string, Spec, string][] = [
    ["no process", withoutProcess, "/process"],
    ["no args", { ...valid, process: { cwd: "/" } }, "/process/args"],
    ["empty args", inProcess({ args: [] }), "/process/args"],
    ["an empty program", inProcess({ args: ["", "x"] }), "/process/args"],
    ["no root", withoutRoot, "/root"],
    ["an empty root", { ...valid, root: { path: "" } }, "/root"],
    ["no linux", { ociVersion: "1.3.0", process, root: { path: "/" } }, "/linux/namespaces"],
    [
      "no mount namespace",
      inLinux({ namespaces: withNamespaces("pid", "uts") }),
      "/linux/namespaces",
    ],
  ];
  for (const [name, config, pointer] of missing)
    test(name, () => {
      equal(refusal(config).pointer, pointer);
    });
});

describe("names of the host stay as they are", () => {
  const onlyMount = inLinux({ namespaces: withNamespaces("mount") });
  test("hostname", () => {
    equal(refusal(onlyMount).pointer, "/hostname");
    equal(
      refusal(onlyMount).message,
      "a hostname would change the host's without a UTS namespace (config.json /hostname); " +
        'add {"type": "uts"} to linux.namespaces, or remove the name',
    );
  });
  test("domainname", () => {
    equal(refusal({ ...onlyMount, hostname: "", domainname: "d" }).pointer, "/domainname");
  });
  test("empty ones are none", () => {
    equal(checkConfig({ ...onlyMount, hostname: "", domainname: "" }), process);
  });
});

describe("sysctls", () => {
  const refused: [string, string, RegExp][] = [
    ["vm.swappiness", "/linux/sysctl/vm.swappiness", /^the sysctl vm\.swappiness is not one of/],
    ["net.ipv4.ip_forward", "/linux/sysctl/net.ipv4.ip_forward", /without a network namespace/],
    ["kernel.shmmax", "/linux/sysctl/kernel.shmmax", /without a ipc namespace|without an ipc/],
    ["net/ipv4/ip_forward", "/linux/sysctl/net~1ipv4~1ip_forward", /without a network namespace/],
    ["a~b/c", "/linux/sysctl/a~0b~1c", /is not one of a namespace/],
  ];
  for (const [name, pointer, message] of refused)
    test(`${name} is refused`, () => {
      const failure = refusal(inLinux({ sysctl: { [name]: "1" } }));
      equal(failure.pointer, pointer);
      equal(message.test(failure.message), true, failure.message);
    });

  test("of a namespace that is the container's are accepted", () => {
    const all = withNamespaces("mount", "uts", "ipc", "network");
    const sysctl = { "net.ipv4.ip_forward": "1", "kernel.shmmax": "1", "fs.mqueue.msg_max": "9" };
    equal(checkConfig(inLinux({ namespaces: all, sysctl })), process);
  });
});

describe("what this version does not do is refused, never ignored", () => {
  const idMapping = [{ containerID: 0, hostID: 0, size: 1 }];
  const unsupported: [string, Spec][] = [
    ["/process/apparmorProfile", inProcess({ apparmorProfile: "p" })],
    ["/process/selinuxLabel", inProcess({ selinuxLabel: "l" })],
    ["/process/scheduler", inProcess({ scheduler: { policy: "SCHED_OTHER" } })],
    ["/process/ioPriority", inProcess({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 1 } })],
    ["/process/execCPUAffinity", inProcess({ execCPUAffinity: { initial: "0" } })],
    [
      "/linux/namespaces/2",
      inLinux({ namespaces: [...withNamespaces("mount", "uts"), { type: "user", path: "/u" }] }),
    ],
    ["/linux/namespaces/0", inLinux({ namespaces: withNamespaces("time", "mount", "uts") })],
    ["/linux/timeOffsets", inLinux({ timeOffsets: { monotonic: { secs: 1 } } })],
    ["/linux/netDevices", inLinux({ netDevices: { eth0: {} } })],
    ["/linux/seccomp", inLinux({ seccomp: { defaultAction: "SCMP_ACT_ALLOW" } })],
    ["/linux/intelRdt", inLinux({ intelRdt: { closID: "a" } })],
    ["/linux/memoryPolicy", inLinux({ memoryPolicy: { mode: "MPOL_DEFAULT", nodes: "" } })],
    ["/linux/mountLabel", inLinux({ mountLabel: "l" })],
    [
      "/mounts/1/uidMappings",
      { ...valid, mounts: [{ destination: "/a" }, { destination: "/b", uidMappings: idMapping }] },
    ],
  ];
  for (const [pointer, config] of unsupported)
    test(pointer, () => {
      equal(
        refusal(config).message,
        `config.json asks for what this version of tsrun does not do: ${pointer}`,
      );
    });

  test("all of it at once", () => {
    const config = { ...inLinux({ mountLabel: "l", timeOffsets: { boottime: { secs: 1 } } }) };
    config.process = { ...process, selinuxLabel: "x" };
    equal(
      refusal(config).message,
      "config.json asks for what this version of tsrun does not do: " +
        "/process/selinuxLabel, /linux/timeOffsets, /linux/mountLabel",
    );
  });

  test("what is empty asks for nothing", () => {
    const config = inLinux({
      uidMappings: [],
      gidMappings: [],
      timeOffsets: {},
      netDevices: {},
      mountLabel: "",
      resources: {},
    });
    config.process = { ...process, apparmorProfile: "", selinuxLabel: "" };
    equal(checkConfig(config), config.process);
  });
});

describe("process", () => {
  test("a limit that is given twice is refused", () => {
    const limit: POSIXRlimit = { type: "RLIMIT_CORE", soft: 0, hard: 0 };
    const failure = refusal(
      inProcess({ rlimits: [limit, { ...limit, type: "RLIMIT_CPU" }, limit] }),
    );
    equal(failure.pointer, "/process/rlimits/2");
  });

  test("a NUL in what becomes a C string is refused", () => {
    const pointers = [inProcess({ args: ["sh", "a\0b"] }), inProcess({ env: ["A=1", "B=\0"] })].map(
      (config) => refusal(config).pointer,
    );
    deepEqual(pointers, ["/process/args/1", "/process/env/1"]);
  });

  test("an error is of the class that people read", () => {
    throws(() => checkConfig({ ociVersion: "1.0.0" }), Failure);
  });
});
