/** What a runtime must not leave behind: processes, mounts, cgroups and state directories. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { after, afterEach } from "node:test";
import { pause } from "./expect.ts";
import { cgroupRoot } from "./hierarchy.ts";
import { hasMachinePids, runName, scratch } from "./isolation.ts";

function folders(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [join(root, entry.name), ...folders(join(root, entry.name))]);
}

/** Every cgroup of this run's containers, parents first. */
export function cgroups(): string[] {
  return folders(cgroupRoot()).filter((path) => path.includes(runName));
}

/** Every process of the test's pid namespace, except zombies and the tests' own; of the machine's, those of this run. */
export function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && (!hasMachinePids || isOfThisRun(name)))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        // proc_pid_stat(5): field 3 is the state, field 20 the number of threads.
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        const isDead = ["Z", "X"].includes(fields[0] ?? "") && Number(fields[17]) <= 1;
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return isDead ? [] : [`${pid} ${command}`];
      } catch {
        return []; // it has ended meanwhile
      }
    });
}

/** It is in a container's group or in the one that the tests themselves are in. */
function isOfThisRun(pid: string): boolean {
  try {
    const group = readFileSync(`/proc/${pid}/cgroup`, "utf8");
    return group.includes(runName) || group === readFileSync("/proc/self/cgroup", "utf8");
  } catch {
    return false; // it has ended meanwhile
  }
}

/** The units that systemd was told to make, and has not forgotten: a failed one is here, too. */
const units = (): string[] =>
  entries("/run/systemd/transient").filter((path) => path.includes(runName));

function mounts(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/** Those of containers: the seccomp filters that tsrun and recent crun keep beside them are for the next ones. */
function stateDirectories(): string[] {
  return ["/run", join(scratch, "home/run")]
    .flatMap((folder) => ["tsrun", "runc", "crun"].flatMap((name) => entries(join(folder, name))))
    .filter((path) => !["@seccomp", ".cache"].includes(basename(path)));
}

function everything(): Record<string, string[]> {
  return {
    processes: processes(),
    mounts: mounts(),
    cgroups: cgroups(),
    units: units(),
    state: stateDirectories(),
    // /run/mount is mount(8)'s own, of the tests' wrapper, and criu keeps in its file what it knows of the kernel.
    "files in /run": entries("/run").filter(
      (path) =>
        ![
          ...[scratch, "/run/mount", "/run/tsrun", "/run/runc", "/run/crun", "/run/criu.kdat"],
        ].includes(path),
    ),
  };
}

function added(before: Record<string, string[]>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(everything())
      .map(([kind, now]) => [kind, now.filter((each) => !before[kind]?.includes(each))] as const)
      .filter(([, more]) => more.length > 0),
  );
}

/** Waits up to a second: a killed process is not gone at once. */
function settled(before: Record<string, string[]>): Record<string, string[]> {
  let more = added(before);
  for (let i = 0; i < 50 && Object.keys(more).length > 0; i++) {
    pause(20);
    more = added(before);
  }
  return more;
}

/** Runs `body` and fails when something of a container is there that was not there before. */
export function leavesNothing<T>(body: () => T): T {
  const before = everything();
  const result = body();
  assert.deepEqual(settled(before), {}, "left behind");
  return result;
}

/** Containers are forgotten by tests that fail: the tests after them shall not suffer from it. */
function cleanUp(before: Record<string, string[]>): void {
  for (const each of added(before)["processes"] ?? []) {
    try {
      process.kill(Number.parseInt(each, 10), "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  pause(50);
  for (const path of stateDirectories()) rmSync(path, { recursive: true, force: true });
  for (const path of cgroups().reverse()) {
    try {
      rmdirSync(path);
    } catch {
      // Still dying: the kernel keeps the directory, and the test has failed already.
    }
  }
}

/** To be called once by a test file: after each of its tests, nothing may be left. */
export function nothingIsLeftAtTheEnd(): void {
  const before = everything();
  const left: Record<string, Record<string, string[]>> = {};
  afterEach((context) => {
    const more = settled(before);
    if (Object.keys(more).length === 0) return;
    left[context.name] = more;
    cleanUp(before);
  });
  after(() => assert.deepEqual(left, {}, "left behind by these tests"));
}
