/** Device filters in the real kernel: what it takes, what it then refuses, what an update replaces. Needs root. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { LinuxDeviceCgroup } from "@opencontainers-types";
import { BPF_CGROUP_DEVICE, BPF_PROG_TYPE_CGROUP_DEVICE } from "#abi";
import {
  applyDeviceFilter,
  deviceProgram,
  replaceDeviceFilter,
} from "../../../src/cgroup/devices/filter.ts";
import { readDeviceRules, withDefaults } from "../../../src/cgroup/devices/rules.ts";
import {
  attachToCgroup,
  loadProgram,
  openProgram,
  programName,
  programsOfCgroup,
} from "../../../src/linux/bpf.ts";
import { sequence } from "../../random.ts";

const mountPoint = readFileSync("/proc/self/mountinfo", "utf8")
  .split("\n")
  .find((line) => line.includes(" - cgroup2 "))
  ?.split(" ")[4] as string;

const path = `${mountPoint}/tsrun-unit-devices-${process.pid}`;
let group: number;
/** Device nodes: null, which every container may use, and the kernel's log, which none may by default. */
let nodes: string;

before(() => {
  // Not in /tmp, which may be mounted nodev.
  nodes = mkdtempSync("/var/tmp/tsrun-unit-");
  execFileSync("mknod", [`${nodes}/null`, "c", "1", "3"]);
  execFileSync("mknod", [`${nodes}/kmsg`, "c", "1", "11"]);
});
after(() => rmSync(nodes, { recursive: true }));
beforeEach(() => {
  mkdirSync(path);
  group = openSync(path, "r");
});
afterEach(() => {
  closeSync(group);
  rmdirSync(path);
});

const denyAll: LinuxDeviceCgroup = { allow: false, access: "rwm" };
const allowAll: LinuxDeviceCgroup = { allow: true, access: "rwm" };
const log = (access: string): LinuxDeviceCgroup[] => [
  denyAll,
  { allow: true, type: "c", major: 1, minor: 11, access },
];

/** How null and the log open to a process in a group: `rw -w` for instance. */
function opens(directory = path): string {
  const script = `echo $$ > "$0" || exit 1
    for node; do
      (: < "$node") 2>/dev/null && r=r || r=-
      (: >> "$node") 2>/dev/null && w=w || w=-
      echo $r$w
    done`;
  const args = ["-c", script, `${directory}/cgroup.procs`, `${nodes}/null`, `${nodes}/kmsg`];
  return execFileSync("sh", args, { encoding: "utf8" }).trim().replace("\n", " ");
}

/** The names of the group's programs. */
function attached(): string[] {
  return programsOfCgroup(group, BPF_CGROUP_DEVICE).map((id) => {
    const program = openProgram(id);
    try {
      return programName(program);
    } finally {
      closeSync(program);
    }
  });
}

/** Attaches a filter under a name, beside those that are there. */
function attach(name: string, ...devices: LinuxDeviceCgroup[]): void {
  const program = deviceProgram(withDefaults(readDeviceRules(devices))) as Uint32Array;
  const loaded = loadProgram(BPF_PROG_TYPE_CGROUP_DEVICE, name, program);
  attachToCgroup(group, loaded, BPF_CGROUP_DEVICE);
  closeSync(loaded);
}

describe("a filter", () => {
  for (const [name, devices, expected] of [
    ["without rules", [], "rw --"],
    ["that allows to read", log("r"), "rw r-"],
    ["that allows to write", log("w"), "rw -w"],
    ["that allows both", log("rw"), "rw rw"],
    ["that allows everything", [allowAll], "rw rw"],
  ] as const)
    test(`${name} refuses what its rules do, in the groups below too`, () => {
      applyDeviceFilter(group, devices);
      equal(opens(), expected);
      mkdirSync(`${path}/below`);
      equal(opens(`${path}/below`), expected);
      rmdirSync(`${path}/below`);
    });

  test("that cannot be attached is a failure that says where it comes from", () => {
    const closed = openSync(path, "r");
    closeSync(closed);
    throws(
      () => applyDeviceFilter(closed),
      (error: Error) => {
        match(
          error.message,
          /^limiting the container to its devices: bpf\("BPF_PROG_ATTACH".*EBADF/,
        );
        match(error.message, /config\.json \/linux\/resources\/devices/);
        return true;
      },
    );
  });
});

describe("a filter that replaces another", () => {
  test("is the only one", () => {
    applyDeviceFilter(group, log("r"));
    replaceDeviceFilter(group, log("w"));
    deepEqual(attached(), ["tsrun_devices"]);
    equal(opens(), "rw -w");
  });

  test("may be the first", () => {
    replaceDeviceFilter(group, log("w"));
    deepEqual(attached(), ["tsrun_devices"]);
    equal(opens(), "rw -w");
  });

  test("leaves none when it allows everything", () => {
    applyDeviceFilter(group);
    replaceDeviceFilter(group, [allowAll]);
    deepEqual(attached(), []);
    replaceDeviceFilter(group, [allowAll]);
    equal(opens(), "rw rw");
  });

  test("leaves the filters of others, which go on refusing", () => {
    attach("sd_devices", ...log("r"));
    applyDeviceFilter(group);
    attach("engine", ...log("rw"));
    replaceDeviceFilter(group, log("rw"));
    deepEqual(attached().sort(), ["engine", "sd_devices", "tsrun_devices"]);
    equal(opens(), "rw r-");
    replaceDeviceFilter(group, [allowAll]);
    deepEqual(attached(), ["sd_devices", "engine"]);
  });

  test("takes the place of all that were left behind", () => {
    for (const access of ["r", "w", "rw"]) attach("tsrun_devices", ...log(access));
    equal(opens(), "rw --");
    replaceDeviceFilter(group, log("rw"));
    deepEqual(attached(), ["tsrun_devices"]);
    equal(opens(), "rw rw");
  });

  test("leaves what holds when its rules are wrong", () => {
    applyDeviceFilter(group, log("r"));
    throws(() => replaceDeviceFilter(group, [{ allow: true, access: "x" }]), /devices\/0\/access/);
    equal(opens(), "rw r-");
  });

  test("leaves no moment without a filter, and refuses nothing that both allow", async () => {
    applyDeviceFilter(group);
    const replace = (): void => {
      const end = performance.now() + 500;
      while (performance.now() < end) replaceDeviceFilter(group, [denyAll]);
    };
    const [allowed, refused] = (await whileTrying(replace, `${nodes}/null`)) as [number, number];
    ok(allowed > 1000 && refused === 0, `null: ${allowed} times opened, ${refused} refused`);
    const [leaked, kept] = (await whileTrying(replace, `${nodes}/kmsg`)) as [number, number];
    ok(kept > 1000 && leaked === 0, `kmsg: ${leaked} times opened, ${kept} refused`);
  });
});

/** Runs a step while a process in the group opens a node as often as it can: how often it could, and could not. */
async function whileTrying(step: () => void, node: string): Promise<number[]> {
  const script = `import os, signal, sys
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
print("ready", flush=True)
sys.stdin.readline()
counts = [0, 0]
while not stopped:
    try:
        os.close(os.open(sys.argv[1], os.O_RDONLY))
        counts[0] += 1
    except PermissionError:
        counts[1] += 1
print(*counts)`;
  const child: ChildProcess = spawn("python3", ["-c", script, node], {
    stdio: ["pipe", "pipe", 2],
  });
  try {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    await once(child.stdout as NonNullable<typeof child.stdout>, "data");
    writeFileSync(`${path}/cgroup.procs`, String(child.pid));
    child.stdin?.write("\n");
    step();
    child.kill("SIGTERM");
    await once(child, "close");
    return output.replace("ready\n", "").trim().split(" ").map(Number);
  } finally {
    child.kill("SIGKILL");
  }
}

describe("the kernel's verifier", () => {
  const load = (rules: LinuxDeviceCgroup[]): void => {
    const program = deviceProgram(withDefaults(readDeviceRules(rules)));
    if (program !== undefined)
      closeSync(loadProgram(BPF_PROG_TYPE_CGROUP_DEVICE, "tsrun_test", program));
  };

  test("takes generated rules", () => {
    const next = sequence(5_14);
    const one = <T>(values: readonly T[]): T => values[next(values.length)] as T;
    for (let round = 0; round < 300; round++)
      load(
        Array.from({ length: next(40) }, () => ({
          allow: next(2) === 1,
          type: one(["a", "b", "c"] as const),
          major: one([-1, 1, 7, 0xffffffff]),
          minor: one([-1, 0, 3, 0x80000000]),
          access: one(["r", "w", "m", "rw", "rwm"]),
        })),
      );
  });

  const many = (length: number, rule: (i: number) => Partial<LinuxDeviceCgroup>) =>
    Array.from(
      { length },
      (_, i): LinuxDeviceCgroup => ({
        allow: true,
        type: "c",
        major: 300,
        minor: i,
        access: "rwm",
        ...rule(i),
      }),
    );

  for (const [name, rules] of [
    ["8000 devices of one major number", many(8000, () => ({}))],
    ["4000 devices of 4000 major numbers", many(4000, (i) => ({ major: i, minor: 0 }))],
    ["4000 devices in part", many(4000, (i) => ({ access: i % 2 ? "r" : "wm" }))],
    [
      "2000 devices, in part and of both types",
      many(2000, (i) => ({
        type: i % 2 ? "b" : "c",
        major: i,
        access: "r",
      })),
    ],
  ] as const)
    test(`takes ${name}, and soon`, () => {
      const start = performance.now();
      load(rules);
      ok(performance.now() - start < 1000);
    });

  test("is not asked for more than it takes", () => {
    throws(
      () =>
        applyDeviceFilter(
          group,
          many(3000, (i) => ({ major: i, access: "r" })),
        ),
      /over 8192 comparisons \(config\.json \/linux\/resources\/devices\); use fewer rules/,
    );
    deepEqual(attached(), []);
  });
});

test("in a user namespace, where no filter may be loaded, there is none", () => {
  const script = `
    const { applyDeviceFilter } = await import("./src/cgroup/devices/filter.ts");
    const { loadProgram } = await import("./src/linux/bpf.ts");
    applyDeviceFilter(3);
    try { loadProgram(${BPF_PROG_TYPE_CGROUP_DEVICE}, "x", new Uint32Array(2)); }
    catch (error) { console.log(error.code); }`;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync("unshare", ["--user", "--map-root-user", ...node], {
    stdio: ["ignore", "pipe", "pipe", group],
    encoding: "utf8",
  });
  equal(stdout, "EPERM\n", stderr);
  deepEqual(attached(), []);
});

test("without the privilege there is a failure that says what it takes", () => {
  const script = `
    const { applyDeviceFilter } = await import("./src/cgroup/devices/filter.ts");
    try { applyDeviceFilter(3); } catch (error) { console.log(error.message); }`;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", script];
  const { stdout } = spawnSync("setpriv", ["--bounding-set=-all", ...node], {
    stdio: ["ignore", "pipe", "inherit", group],
    encoding: "utf8",
  });
  match(stdout, /"BPF_PROG_LOAD".*EPERM\) .*; that takes CAP_BPF and CAP_NET_ADMIN/);
});
