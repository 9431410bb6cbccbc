/** Groups and their device filters in the real cgroup2 tree. Needs root. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { applyDeviceFilter } from "../../../src/cgroup/deviceFilter.ts";
import { cgroupDrivers } from "../../../src/cgroup/driver.ts";
import {
  cgroupProcesses,
  createCgroup,
  killCgroup,
  removeCgroup,
} from "../../../src/cgroup/group.ts";

const mountPoint = readFileSync("/proc/self/mountinfo", "utf8")
  .split("\n")
  .find((line) => line.includes(" - cgroup2 "))
  ?.split(" ")[4] as string;

/** Every test's groups are below this one. */
const base = `/tsrun-unit-${process.pid}`;
const at = (path: string): string => mountPoint + path;
const write = (path: string, file: string, value: string): void =>
  writeFileSync(`${at(path)}/${file}`, value);

let children: ChildProcess[] = [];

beforeEach(() => {
  mkdirSync(at(base));
});

afterEach(async () => {
  killCgroup(base);
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map(ended));
  children = [];
  removeCgroup(base);
  equal(existsSync(at(base)), false);
});

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
};

/** A process that sleeps in a group; it cannot begin there, because Node cannot clone into one. */
function sleepIn(path: string, seconds = "60"): { pid: number } {
  const child = spawn("sleep", [seconds]);
  children.push(child);
  write(path, "cgroup.procs", String(child.pid));
  return { pid: child.pid as number };
}

const make = (path: string): void => closeSync(createCgroup(path));

test("a group is made with those above it, and removed without them", () => {
  const path = `${base}/a/b/c`;
  const chosen = cgroupDrivers.cgroupfs(path, "id");
  equal(chosen.path, path);
  equal(existsSync(at(`${base}/a`)), false);
  const { child, group } = chosen.place(() => sleepIn(path));
  closeSync(group as number);
  deepEqual(cgroupProcesses(path), [child.pid]);
  killCgroup(path);
  removeCgroup(path);
  equal(existsSync(at(path)), false);
  ok(existsSync(at(`${base}/a/b`)));
});

test("what is not there needs no killing and no removing", () => {
  for (const path of [`${base}/nothing`, `${base}/no/thing`]) {
    killCgroup(path);
    removeCgroup(path);
    deepEqual(cgroupProcesses(path), []);
  }
});

test("a vacant group is used", () => {
  mkdirSync(at(`${base}/prepared`));
  equal(cgroupDrivers.cgroupfs(`${base}/prepared`, "id").path, `${base}/prepared`);
  make(`${base}/prepared`);
});

test("a group with processes in it or below it is refused, before and while making it", () => {
  make(`${base}/used/below`);
  sleepIn(`${base}/used/below`);
  const inUse = /cgroup \/tsrun-unit-\d+\/used is in use: 1 process/;
  throws(() => cgroupDrivers.cgroupfs(`${base}/used`, "id"), inUse);
  throws(() => cgroupDrivers.cgroupfs(`${base}/used`, "id"), /config\.json \/linux\/cgroupsPath/);
  throws(() => createCgroup(`${base}/used`), inUse);
  equal(cgroupProcesses(`${base}/used`).length, 1);
});

test("a frozen group is refused", () => {
  make(`${base}/frozen`);
  write(`${base}/frozen`, "cgroup.freeze", "1");
  throws(() => cgroupDrivers.cgroupfs(`${base}/frozen`, "id"), /frozen is frozen/);
});

test("a group below a threaded one is refused with the reason", () => {
  make(`${base}/threaded`);
  write(`${base}/threaded`, "cgroup.type", "threaded");
  const path = `${base}/threaded/container`;
  const chosen = cgroupDrivers.cgroupfs(path, "id");
  throws(() => chosen.place(() => sleepIn(path)), /a group above it is threaded/);
});

test("what cannot be made leaves nothing", () => {
  throws(() => createCgroup(`${base}/x/y/cgroup.procs`), /ENOTDIR/);
  equal(existsSync(at(`${base}/x`)), false);
  write(base, "cgroup.max.depth", "2");
  throws(() => createCgroup(`${base}/x/y/z`), /EAGAIN.*cgroup\.max\.descendants/);
  equal(existsSync(at(`${base}/x`)), false);
});

test("a start that fails leaves the error as it is and the group to be removed", () => {
  const failing = (): never => {
    throw new Error("no start");
  };
  throws(() => cgroupDrivers.cgroupfs(`${base}/c`, "id").place(failing), /^Error: no start$/);
  ok(existsSync(at(`${base}/c`)));
  throws(() => cgroupDrivers.disabled("/c", "id").place(failing), /^Error: no start$/);
});

test("killing and removing reach the groups that the container made", () => {
  for (const name of ["c", "c/one", "c/two/three"]) make(`${base}/${name}`);
  const pids = ["c", "c/one", "c/two/three"].map((name) => sleepIn(`${base}/${name}`).pid);
  deepEqual(cgroupProcesses(`${base}/c`).toSorted(), pids.toSorted());
  killCgroup(`${base}/c`);
  removeCgroup(`${base}/c`);
  equal(existsSync(at(`${base}/c`)), false);
});

test("removing waits for processes that are about to end", () => {
  make(`${base}/c`);
  sleepIn(`${base}/c`, "0.4");
  const start = performance.now();
  removeCgroup(`${base}/c`);
  equal(existsSync(at(`${base}/c`)), false);
  ok(performance.now() - start > 200);
});

/** Which of the device nodes a process in a group can open, as `r` and `w` per node. */
function opens(group: string, ...nodes: string[]): string[] {
  const script = `echo $$ > "$0" || exit 1
    for node; do
      (: < "$node") 2>/dev/null && r=r || r=-
      (: >> "$node") 2>/dev/null && w=w || w=-
      echo $r$w
    done`;
  const procs = `${at(group)}/cgroup.procs`;
  return execFileSync("sh", ["-c", script, procs, ...nodes], { encoding: "utf8" })
    .trim()
    .split("\n");
}

test("a filter refuses what its rules do, in the groups below too", () => {
  // Not in /tmp, which may be mounted nodev.
  const directory = mkdtempSync("/var/tmp/tsrun-unit-");
  try {
    const [nothing, log] = [`${directory}/null`, `${directory}/kmsg`];
    execFileSync("mknod", [nothing, "c", "1", "3"]);
    execFileSync("mknod", [log, "c", "1", "11"]);
    deepEqual(opens(base, nothing, log), ["rw", "rw"]);

    const rules = (access: string) => [
      { allow: false, access: "rwm" },
      { allow: true, type: "c" as const, major: 1, minor: 11, access },
    ];
    for (const [name, devices, expected] of [
      ["default", undefined, ["rw", "--"]],
      ["read", rules("r"), ["rw", "r-"]],
      ["write", rules("w"), ["rw", "-w"]],
      ["both", rules("rw"), ["rw", "rw"]],
      ["open", [{ allow: true, access: "rwm" }], ["rw", "rw"]],
    ] as const) {
      const path = `${base}/${name}`;
      const group = createCgroup(path);
      applyDeviceFilter(group, devices);
      closeSync(group);
      deepEqual(opens(path, nothing, log), expected, name);
      make(`${path}/below`);
      deepEqual(opens(`${path}/below`, nothing, log), expected, `below ${name}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a filter that cannot be attached is a failure that says where it comes from", () => {
  const group = createCgroup(`${base}/c`);
  closeSync(group);
  throws(
    () => applyDeviceFilter(group),
    (error: Error) => {
      match(error.message, /^limiting the container to its devices: bpf\("BPF_PROG_ATTACH".*EBADF/);
      match(error.message, /config\.json \/linux\/resources\/devices/);
      return true;
    },
  );
});
