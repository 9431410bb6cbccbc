/** Groups in the real cgroup2 tree. Needs root. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { O_DIRECTORY, O_RDONLY, O_WRONLY } from "#abi";
import { visitDescendants } from "../../../src/cgroup/descendants.ts";
import { type CgroupRequest, cgroupDrivers } from "../../../src/cgroup/driver.ts";
import { freeze, isFrozen, thaw } from "../../../src/cgroup/freezer.ts";
import {
  cgroupProcesses,
  createCgroup,
  groupWithin,
  killCgroup,
  removeCgroup,
} from "../../../src/cgroup/group.ts";
import { inGroup } from "../../../src/cgroup/hierarchy.ts";
import { mkdirAt, openAt, writeText } from "../../../src/linux/fs.ts";
import { descriptorCount } from "../linux/scratch.ts";

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

const request = (cgroupsPath: string): CgroupRequest => ({
  cgroupsPath,
  id: "id",
  settings: [],
  annotations: {},
  isOptional: () => false,
});

const make = (path: string): void => closeSync(createCgroup(path));

test("a group is made with those above it, and removed without them", () => {
  const path = `${base}/a/b/c`;
  const chosen = cgroupDrivers.cgroupfs(request(path));
  equal(chosen.path, path);
  equal(existsSync(at(`${base}/a`)), false);
  closeSync(chosen.place(() => sleepIn(path)) as number);
  deepEqual(
    cgroupProcesses(path),
    children.map(({ pid }) => pid),
  );
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
  equal(cgroupDrivers.cgroupfs(request(`${base}/prepared`)).path, `${base}/prepared`);
  make(`${base}/prepared`);
});

test("a group with processes in it or below it is refused, before and while making it", () => {
  make(`${base}/used/below`);
  sleepIn(`${base}/used/below`);
  const inUse = /cgroup \/tsrun-unit-\d+\/used is in use: 1 process/;
  throws(() => cgroupDrivers.cgroupfs(request(`${base}/used`)), inUse);
  throws(
    () => cgroupDrivers.cgroupfs(request(`${base}/used`)),
    /config\.json \/linux\/cgroupsPath/,
  );
  throws(() => createCgroup(`${base}/used`), inUse);
  equal(cgroupProcesses(`${base}/used`).length, 1);
});

test("a frozen group is refused", () => {
  make(`${base}/frozen`);
  write(`${base}/frozen`, "cgroup.freeze", "1");
  throws(() => cgroupDrivers.cgroupfs(request(`${base}/frozen`)), /frozen is frozen/);
});

test("a group below a threaded one is refused with the reason", () => {
  mkdirSync(at(`${base}/threaded`));
  write(`${base}/threaded`, "cgroup.type", "threaded");
  const path = `${base}/threaded/container`;
  const chosen = cgroupDrivers.cgroupfs(request(path));
  throws(() => chosen.place(() => sleepIn(path)), /a group above it is threaded/);
});

test("what cannot be made leaves nothing", () => {
  throws(() => createCgroup(`${base}/x/y/cgroup.procs`), /ENOTDIR/);
  equal(existsSync(at(`${base}/x`)), false);
  write(base, "cgroup.max.depth", "2");
  throws(() => createCgroup(`${base}/x/y/z`), /EAGAIN.*cgroup\.max\.descendants/);
  equal(existsSync(at(`${base}/x`)), false);
});

test("a start that fails leaves the error as it is and no group", () => {
  const failing = (): never => {
    throw new Error("no start");
  };
  throws(() => cgroupDrivers.cgroupfs(request(`${base}/c`)).place(failing), /^Error: no start$/);
  equal(existsSync(at(`${base}/c`)), false);
  throws(() => cgroupDrivers.disabled(request("/c")).place(failing), /^Error: no start$/);
});

test("killing and removing reach the groups that the container made", () => {
  // Made as a container would: groups that tsrun makes hand controllers on, and then take no processes.
  for (const name of ["c", "c/one", "c/two", "c/two/three"]) mkdirSync(at(`${base}/${name}`));
  const pids = ["c", "c/one", "c/two/three"].map((name) => sleepIn(`${base}/${name}`).pid);
  deepEqual(cgroupProcesses(`${base}/c`).toSorted(), pids.toSorted());
  killCgroup(`${base}/c`);
  removeCgroup(`${base}/c`);
  equal(existsSync(at(`${base}/c`)), false);
});

test("groups may have names that are not UTF-8", () => {
  make(`${base}/c`);
  const name = Buffer.concat([Buffer.from(at(`${base}/c/x`)), Buffer.from([0xff])]);
  mkdirSync(name);
  mkdirSync(Buffer.concat([name, Buffer.from("/below")]));
  const { pid } = sleepIn(`${base}/c`);
  writeFileSync(Buffer.concat([name, Buffer.from("/below/cgroup.procs")]), String(pid));
  deepEqual(cgroupProcesses(`${base}/c`), [pid]);
  inGroup(`${base}/c`, (group) => {
    const names: Uint8Array[] = [];
    visitDescendants(group, (_group, _above, each) => names.push(each));
    deepEqual(names, [Uint8Array.from(Buffer.from("below\0")), Uint8Array.of(0x78, 0xff, 0)]);
  });
  killCgroup(`${base}/c`);
  removeCgroup(`${base}/c`);
  equal(existsSync(at(`${base}/c`)), false);
});

/** So many that recursion, or a descriptor for each, would be noticed. */
const MANY = 2000;

/** Far more than it takes: what is quadratic takes longer. */
const LONG_MS = 30_000;

/** Of what happens there is enough time for it. */
function inTime(step: () => void): void {
  const start = performance.now();
  step();
  ok(performance.now() - start < LONG_MS);
}

/** Makes groups, each below the last one, with a process in the deepest. */
function nest(path: string, name: string): { pid: number } {
  const sleeper = sleepIn(path);
  let group = openAt(-1, at(path), O_RDONLY | O_DIRECTORY);
  for (let i = 0; i < MANY; i++) {
    mkdirAt(group, name, 0o755);
    const below = openAt(group, name, O_RDONLY | O_DIRECTORY);
    closeSync(group);
    group = below;
  }
  writeText("cgroup.procs", String(sleeper.pid), O_WRONLY, group);
  closeSync(group);
  return sleeper;
}

// The paths of the second are far longer than a system call takes.
for (const name of ["d", "n".repeat(255)])
  test(`groups may be nested deeply, with names of ${name.length} bytes`, () => {
    make(`${base}/c`);
    const { pid } = nest(`${base}/c`, name);
    inTime(() => deepEqual(cgroupProcesses(`${base}/c`), [pid]));
    inGroup(`${base}/c`, (group) => {
      const before = descriptorCount();
      let visited = 0;
      visitDescendants(group, () => {
        // Not each time: it takes long.
        if (visited++ % 100 === 0) ok(descriptorCount() <= before + 2);
      });
      equal(visited, MANY);
      ok(descriptorCount() <= before);
    });
    killCgroup(`${base}/c`);
    inTime(() => removeCgroup(`${base}/c`));
    equal(existsSync(at(`${base}/c`)), false);
  });

test("groups may be many beside each other", () => {
  make(`${base}/c`);
  const { pid } = sleepIn(`${base}/c`);
  for (let i = 0; i < MANY; i++) mkdirSync(at(`${base}/c/${i}`));
  write(`${base}/c/1234`, "cgroup.procs", String(pid));
  inTime(() => deepEqual(cgroupProcesses(`${base}/c`), [pid]));
  killCgroup(`${base}/c`);
  inTime(() => removeCgroup(`${base}/c`));
  equal(existsSync(at(`${base}/c`)), false);
});

test("groups that vanish while others are visited are left out", () => {
  for (const name of ["c", "c/a", "c/a/below", "c/b", "c/b/below"])
    mkdirSync(at(`${base}/${name}`));
  const names: string[] = [];
  inGroup(`${base}/c`, (group) =>
    visitDescendants(group, (_group, _above, name) => {
      names.push(Buffer.from(name).toString("utf8"));
      removeCgroup(`${base}/c`);
    }),
  );
  deepEqual(names[0], "below\0");
  equal(names.length, 2);
});

test("nobody goes where something else is mounted on a group", () => {
  make(`${base}/c/covered`);
  const covered = at(`${base}/c/covered`);
  execFileSync("mount", ["-t", "tmpfs", "none", covered]);
  try {
    mkdirSync(`${covered}/precious`);
    throws(() => cgroupProcesses(`${base}/c`), { code: "EXDEV" });
    throws(() => removeCgroup(`${base}/c`), /EXDEV/);
    ok(existsSync(`${covered}/precious`));
  } finally {
    execFileSync("umount", [covered]);
  }
});

test("the group of the container's first process is found, unless it is none of the container's", () => {
  make(`${base}/c`);
  const first = sleepIn(`${base}/c`).pid;
  equal(groupWithin(`${base}/c`, first), "/");
  mkdirSync(at(`${base}/c/init`));
  write(`${base}/c/init`, "cgroup.procs", String(first));
  equal(groupWithin(`${base}/c`, first), "/init");
  mkdirSync(at(`${base}/other`));
  write(`${base}/other`, "cgroup.procs", String(first));
  throws(
    () => groupWithin(`${base}/c`, first),
    /first process is in the cgroup .*\/other, not in .*\/c/,
  );
});

test("a frozen group is thawed", () => {
  make(`${base}/c`);
  const { pid } = sleepIn(`${base}/c`);
  inGroup(`${base}/c`, (group) => {
    equal(isFrozen(group), false);
    freeze(group);
    equal(isFrozen(group), true);
    match(readFileSync(`${at(`${base}/c`)}/cgroup.events`, "utf8"), /^frozen 1$/m);
    thaw(group);
    equal(isFrozen(group), false);
  });
  ok(existsSync(`/proc/${pid}`));
});

test("removing waits for processes that are about to end", () => {
  make(`${base}/c`);
  sleepIn(`${base}/c`, "0.4");
  const start = performance.now();
  removeCgroup(`${base}/c`);
  equal(existsSync(at(`${base}/c`)), false);
  ok(performance.now() - start > 200);
});
