/** list: the containers of a root, as runc shows them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { becomes, failed, type State, stateOf, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const waiting = shellBundle(WAITS, {
  edit: (config) => {
    config.annotations = { "org.example.key": "value" };
  },
});
const brief = makeBundle(["true"]);

/** The same runtime with a root of its own that is there. */
function withRoot(runtime: Runtime = tsrun): { runtime: Runtime; root: string } {
  const root = newFolder("root");
  return { runtime: runtime.with("--root", root), root };
}

/** Has a created, a running and a stopped container, and deletes them. */
function withThree(runtime: Runtime, look: () => void): void {
  for (const [id, command] of [
    ["b-created", "create"],
    ["a-running", "run"],
  ] as const) {
    const detach = command === "run" ? ["--detach"] : [];
    succeeded(runtime.call([command, ...detach, "--bundle", waiting.path, id], { input: "" }));
  }
  succeeded(runtime.call(["run", "--detach", "--bundle", brief.path, "c+stopped"], { input: "" }));
  becomes("c+stopped", "stopped", runtime);
  look();
  for (const id of ["a-running", "b-created", "c+stopped"])
    succeeded(runtime.call(["delete", "--force", id]));
}

const listOf = (runtime: Runtime): State[] =>
  JSON.parse(succeeded(runtime.call(["list", "--format", "json"])).stdout) as State[];

test("the table is runc's: its columns, their widths, the order", () => {
  /** What differs from run to run has the same length. */
  const comparable = (runtime: Runtime): string[] => {
    const pids = listOf(runtime).map(({ pid }) => pid);
    const { stdout } = succeeded(runtime.call(["list"]));
    assert.ok(
      pids.every((pid) => stdout.includes(` ${pid} `)),
      stdout,
    );
    return stdout
      .split("\n")
      .map((line) =>
        line
          .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z */, "TIME ")
          .replace(/(?<=^\S+ +)[1-9]\d* */, "PID "),
      );
  };
  const tables = [tsrun, runc].map((each) => {
    const { runtime } = withRoot(each);
    let table: string[] = [];
    withThree(runtime, () => {
      table = comparable(runtime);
    });
    return table.map((line) => line.replace(/CREATED +/, "CREATED "));
  });
  const [ours, theirs] = tables as [string[], string[]];
  assert.deepEqual(ours, theirs);
  assert.match(ours[0] as string, /^ID {10}PID {9}STATUS {6}BUNDLE +CREATED OWNER$/);
  assert.match(ours[1] as string, /^a-running {3}PID running {5}\S+ {3}TIME root$/);
  assert.match(ours[3] as string, /^c\+stopped {3}0 {11}stopped {5}/);
});

test("json: what state says of each, and the owner; --quiet: the ids", () => {
  const { runtime } = withRoot();
  withThree(runtime, () => {
    const listed = listOf(runtime);
    const ids = ["a-running", "b-created", "c+stopped"];
    assert.deepEqual(
      listed,
      ids.map((id) => ({ ...stateOf(id, runtime), owner: "root" })),
    );
    assert.deepEqual(
      listed.map(({ status }) => status),
      ["running", "created", "stopped"],
    );
    assert.deepEqual(listed[0]?.annotations, { "org.example.key": "value" });
    for (const flag of ["-q", "--quiet"])
      assert.equal(succeeded(runtime.call(["list", flag])).stdout, `${ids.join("\n")}\n`);
  });
});

test("runc's JSON has the same members", () => {
  const members = [tsrun, runc].map((each) => {
    const { runtime } = withRoot(each);
    let found: string[][] = [];
    withThree(runtime, () => {
      found = listOf(runtime).map((listed) => Object.keys(listed));
    });
    return found;
  });
  assert.deepEqual(members[0], members[1]);
});

test("no containers: a header, null, and nothing, as with runc", () => {
  for (const each of [tsrun, runc]) {
    const { runtime } = withRoot(each);
    assert.match(succeeded(runtime.call(["list"])).stdout, /^ID +PID .*OWNER\n$/);
    assert.equal(succeeded(runtime.call(["list", "--format=json"])).stdout, "null\n");
    assert.equal(succeeded(runtime.call(["list", "--quiet"])).stdout, "");
  }
  // As with recent runc.
  failed(tsrun.with("--root", "/run/nowhere").call(["list"]), /no directory \/run\/nowhere/);
});

test("what is no container, or a damaged one, does not spoil the list", () => {
  const { runtime, root } = withRoot();
  withThree(runtime, () => {
    mkdirSync(join(root, "@seccomp"), { recursive: true });
    writeFileSync(join(root, "file"), "");
    symlinkSync("a-running", join(root, "link"));
    mkdirSync(join(root, "half"));
    for (const [id, text] of Object.entries({
      damaged: "{",
      "of-another": readFileSync(join(root, "a-running/state.json"), "utf8"),
    })) {
      mkdirSync(join(root, id));
      writeFileSync(join(root, id, "state.json"), text);
    }
    const { status, stdout, stderr } = runtime.call(["list", "-q"]);
    assert.equal(status, 0);
    assert.equal(stdout, "a-running\nb-created\nc+stopped\n");
    const warnings = stderr.trimEnd().split("\n");
    assert.match(warnings[0] as string, /listing damaged: reading \S+\/damaged\/state\.json/);
    assert.match(warnings[1] as string, /container half has not .*delete --force half/);
    assert.match(warnings[2] as string, /listing of-another: .* not the state of the container/);
    assert.equal(warnings.length, 3);
    for (const id of ["damaged", "half", "of-another"])
      assert.equal(runtime.call(["delete", "--force", id]).status, 0, id);
  });
});

test("root sees whose containers they are, and is neither kept waiting nor misled by them", () => {
  const { runtime, root } = withRoot();
  withThree(runtime, () => {
    const folder = join(root, "a-running");
    chownSync(folder, 54_321, 54_321);
    assert.deepEqual(
      listOf(runtime).map(({ owner }) => owner),
      ["#54321", "root", "root"],
    );
    chownSync(folder, 0, 0);
    const state = JSON.parse(readFileSync(join(folder, "state.json"), "utf8")) as object;
    const hostile = { ...state, bundle: "/a\u001b[2J\n/b" };
    writeFileSync(join(folder, "state.json"), JSON.stringify(hostile));
    assert.match(succeeded(runtime.call(["list"])).stdout, / \/a\?\[2J\?\/b /);
    writeFileSync(join(folder, "state.json"), JSON.stringify(state));
  });
  mkdirSync(join(root, "piped"));
  spawnSync("mkfifo", [join(root, "piped/state.json")]);
  const { status, stderr } = runtime.call(["list"]);
  assert.equal(status, 0);
  assert.match(stderr, /listing piped: reading /);
  rmSync(join(root, "piped"), { recursive: true });
});

/** What a user may write for root to read. */
const WRONG: Record<string, unknown> = {
  created: null,
  bundle: 5,
  rootfs: null,
  ociVersion: {},
  annotations: { a: 1 },
  cgroup: null,
  cgroupInode: "1",
  scope: { unit: 1 },
  process: null,
  hooks: { poststop: [5] },
  resources: [],
  rootMount: -1,
  endsWithProcess: "yes",
};

test("a member that is not what it should be spoils only its own container", () => {
  const { runtime, root } = withRoot();
  withThree(runtime, () => {
    const file = join(root, "b-created/state.json");
    const sound = readFileSync(file, "utf8");
    const names = [...Object.keys(WRONG), "process"];
    const values = [...Object.values(WRONG), { pid: 0, startTime: 1 }];
    names.forEach((name, i) => {
      writeFileSync(file, JSON.stringify({ ...JSON.parse(sound), [name]: values[i] }));
      const { status, stdout, stderr } = runtime.call(["list", "-q"]);
      assert.equal(status, 0, name);
      assert.equal(stdout, "a-running\nc+stopped\n");
      assert.match(stderr, new RegExp(`listing b-created: .*: its ${name} is `));
    });
    writeFileSync(file, sound);
  });
});

test("an unknown format is refused", () => {
  failed(tsrun.call(["list", "--format", "xml"]), /--format is "xml": expected table or json/);
});
