import { equal, throws } from "node:assert/strict";
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
  ];
  for (const [name, config, pointer] of missing)
    test(name, () => {
      equal(refusal(config).pointer, pointer);
    });
});

describe("without a mount namespace of its own", () => {
  const shared = { namespaces: withNamespaces("pid", "uts") };
  test("is how a container may be", () => {
    equal(checkConfig({ ...valid, linux: shared }), process);
    equal(checkConfig({ ociVersion: "1.3.0", process, root: { path: "rootfs" } }), process);
  });
  const refused: [string, Partial<Linux>, string][] = [
    ["masked paths", { maskedPaths: ["/proc/kcore"] }, "/linux/maskedPaths"],
    ["read-only paths", { readonlyPaths: ["/proc/sys"] }, "/linux/readonlyPaths"],
    ["a propagation", { rootfsPropagation: "private" }, "/linux/rootfsPropagation"],
    ["a user namespace", { namespaces: withNamespaces("user", "uts") }, "/linux/namespaces"],
  ];
  for (const [name, more, pointer] of refused)
    test(`${name} cannot be had`, () => {
      equal(refusal({ ...valid, linux: { ...shared, ...more } }).pointer, pointer);
    });
  test("but joined, paths can be protected", () => {
    const namespaces: LinuxNamespace[] = [{ type: "mount", path: "/m" }, { type: "uts" }];
    equal(checkConfig(inLinux({ namespaces, maskedPaths: ["/proc/kcore"] })), process);
    const shared = refusal(inLinux({ namespaces, rootfsPropagation: "shared" }));
    equal(shared.pointer, "/linux/rootfsPropagation");
  });
});

describe("clocks are moved in a new time namespace only", () => {
  const timeOffsets = { boottime: { secs: 1 } };
  const times: [string, LinuxNamespace[], boolean][] = [
    ["a new one", withNamespaces("mount", "time"), true],
    ["none", withNamespaces("mount"), false],
    ["a joined one", [{ type: "mount" }, { type: "time", path: "/t" }], false],
  ];
  for (const [name, namespaces, isAccepted] of times)
    test(name, () => {
      const config = { ...inLinux({ namespaces, timeOffsets }), hostname: "" };
      if (isAccepted) equal(checkConfig(config), process);
      else equal(refusal(config).pointer, "/linux/timeOffsets");
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
  test("one of more than 64 bytes, or with a NUL", () => {
    for (const name of ["x".repeat(65), "ü".repeat(33), "a\0b"]) {
      equal(refusal({ ...valid, hostname: name }).pointer, "/hostname");
      equal(refusal({ ...valid, domainname: name }).pointer, "/domainname");
    }
    for (const name of ["x".repeat(64), "ü".repeat(32)])
      equal(checkConfig({ ...valid, hostname: name, domainname: name }), process);
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
    ["user.max_user_namespaces", "/linux/sysctl/user.max_user_namespaces", /without a user/],
    ["kernel.hostname", "/linux/sysctl/kernel.hostname", /use that field/],
    ["kernel/hostname", "/linux/sysctl/kernel~1hostname", /use that field/],
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

  const inNames = (sysctl: Record<string, string>, domainname = "") => ({
    ...inLinux({ namespaces: withNamespaces("mount", "uts", "network"), sysctl }),
    domainname,
  });
  test("the domain name has a field, and must not be two names", () => {
    const sysctl = { "kernel.domainname": "a" };
    equal(checkConfig(inNames(sysctl)), process);
    equal(checkConfig(inNames(sysctl, "a")), process);
    equal(refusal(inNames(sysctl, "b")).pointer, "/linux/sysctl/kernel.domainname");
  });
  test("a parameter that is spelled in two ways is one parameter", () => {
    const failure = refusal(inNames({ "net.ipv4.ip_forward": "1", "net/ipv4/ip_forward": "0" }));
    equal(failure.pointer, "/linux/sysctl/net~1ipv4~1ip_forward");
  });
  test("a value is one line", () => {
    for (const value of ["1\n2", "1\0", "\n1"])
      equal(refusal(inNames({ "net.a.b": value })).pointer, "/linux/sysctl/net.a.b");
    for (const value of ["1", "1\n", "1 2\t3", ""])
      equal(checkConfig(inNames({ "net.a.b": value })), process);
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

  test("an error is of the class that people read", () => {
    throws(() => checkConfig({ ociVersion: "1.0.0" }), Failure);
  });
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
