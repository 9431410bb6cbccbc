/** Groups in which a limit cannot be set: the error says which controller, which group, and what to do. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { makeBundle } from "./harness/bundle.ts";
import { eventually, failed, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** Of the controllers of cgroup v2 this one is there on hybrid machines, too. */
const limit = { hugepageLimits: [{ pageSize: "2MB", limit: 4 * 1024 * 1024 }] };
const file = "hugetlb.2MB.max";

const bundle = (cgroupsPath: string, resources: Record<string, unknown> = limit): string =>
  makeBundle(["true"], {
    edit: ({ linux }) => {
      linux.cgroupsPath = cgroupsPath;
      linux.resources = { ...linux.resources, ...resources };
    },
  }).path;

const run = (path: string) => tsrun.call(["run", "-b", path, newId()]);
const at = (path: string): string => join(cgroupRoot(), path);

let sleeper: ChildProcess | undefined;

/** Puts a process into a group. */
function occupy(path: string): void {
  sleeper = spawn("sleep", ["60"]);
  writeFileSync(join(at(path), "cgroup.procs"), String(sleeper.pid));
}

function vacate(path: string): void {
  sleeper?.kill("SIGKILL");
  eventually(`the group ${path} is empty`, () =>
    readFileSync(join(at(path), "cgroup.events"), "utf8").includes("populated 0"),
  );
}

afterEach(() => {
  sleeper?.kill("SIGKILL");
  sleeper = undefined;
});

/** A group of this test, removed with `below` after it. */
function inGroup(body: (path: string) => void, ...below: string[]): void {
  const path = `/${newId()}`;
  mkdirSync(at(path));
  try {
    body(path);
  } finally {
    sleeper?.kill("SIGKILL");
    for (const group of [...below.map((name) => `${path}/${name}`), path])
      eventually(`${group} can be removed`, () => {
        try {
          rmdirSync(at(group));
          return true;
        } catch {
          return false;
        }
      });
  }
}

test("every group on the way hands its controllers on", needs("hugetlb controller"), () => {
  inGroup((path) => {
    const id = newId();
    const there = `${path}/inner/${id}`;
    succeeded(tsrun.call(["create", "-b", bundle(there), id]), "create");
    assert.equal(
      readFileSync(join(at(there), file), "utf8"),
      `${limit.hugepageLimits[0]?.limit}\n`,
    );
    const available = readFileSync(join(cgroupRoot(), "cgroup.controllers"), "utf8");
    assert.equal(readFileSync(join(at(there), "cgroup.controllers"), "utf8"), available);
    succeeded(tsrun.call(["delete", "--force", id]), "delete");
  }, "inner");
});

test(
  "a group above that holds processes hands no controller on",
  needs("hugetlb controller"),
  () => {
    inGroup((path) => {
      occupy(path);
      failed(
        run(bundle(`${path}/container`)),
        new RegExp(`setting ${file} to "4194304" of the cgroup ${path}/container`),
        new RegExp(`the cgroup ${path} does not hand the hugetlb controller on.*EBUSY`),
        /config\.json \/linux\/resources\/hugepageLimits\/0/,
        new RegExp(`processes are in ${path}: move them`),
      );
      vacate(path);
    });
  },
);

test("without a limit that needs them, controllers may be missing", () => {
  inGroup((path) => {
    occupy(path);
    const resources = { hugepageLimits: [] };
    succeeded(run(bundle(`${path}/container`, resources)));
    vacate(path);
  });
});

test("below a threaded group there is no place for a container", () => {
  inGroup((path) => {
    mkdirSync(at(`${path}/threads`));
    writeFileSync(join(at(`${path}/threads`), "cgroup.type"), "threaded");
    // The group above has become the domain of those threads.
    failed(run(bundle(`${path}/container`, {})), /a group above it is threaded/, /cgroupsPath/);
    failed(run(bundle(`${path}/threads/container`, {})), /a group above it is threaded/);
  }, "threads");
});

test("a controller that is not there is named", () => {
  const resources = { unified: { "nonesuch.max": "1" } };
  failed(
    run(bundle(`/${newId()}`, resources)),
    /setting nonesuch\.max to "1" of the cgroup/,
    /no nonesuch controller/,
    /config\.json \/linux\/resources\/unified\/nonesuch\.max/,
  );
});

test("a file that the controller does not have is named", needs("hugetlb controller"), () => {
  const resources = { unified: { "hugetlb.nonesuch": "1" } };
  failed(
    run(bundle(`/${newId()}`, resources)),
    /hugetlb\.nonesuch/,
    /this kernel does not have hugetlb\.nonesuch/,
  );
});

test("a value that the kernel refuses is shown", needs("hugetlb controller"), () => {
  const resources = { unified: { [file]: "many" } };
  failed(
    run(bundle(`/${newId()}`, resources)),
    /to "many"/,
    /EINVAL/,
    /unified\/hugetlb\.2MB\.max/,
  );
});

test(
  "on a hybrid machine a limit says that a v1 hierarchy holds its controller",
  needs("hybrid"),
  () => {
    const resources = { memory: { limit: 64 * 1024 * 1024 } };
    failed(
      run(bundle(`/${newId()}`, resources)),
      /setting memory\.max to "67108864"/,
      /the memory controller is not in cgroup v2 here: a v1 hierarchy holds it/,
      /config\.json \/linux\/resources\/memory\/limit/,
      /cgroup_no_v1=all/,
    );
  },
);

test("a read-only tree is an error that says so", () => {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const readonly = new Runtime("tsrun", [
    ...["unshare", "--mount", "--propagation", "private"],
    ...["sh", "-c", script, cgroupRoot(), tsrunPath],
  ]);
  const outcome = readonly.call(["run", "-b", bundle(`/${newId()}`), newId()]);
  assert.equal(outcome.status, 1);
  assert.match(outcome.stderr, /making the cgroup .*EROFS.*mounted read-only.*--cgroup-manager/);
});

test("without a cgroup the limits are warned about", () => {
  const outcome = tsrun
    .with("--cgroup-manager=disabled")
    .call(["run", "-b", bundle(`/${newId()}`), newId()]);
  assert.equal(outcome.status, 0);
  assert.match(outcome.stderr, /warning: without a cgroup there is no hugetlb\.2MB\.max to set/);
  assert.match(outcome.stderr, /config\.json \/linux\/resources\/hugepageLimits\/0/);
});
