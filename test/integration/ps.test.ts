/** ps: which processes a container has, and what ps(1) tells of them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { becomes, eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const waiting = shellBundle(WAITS);

/** Calls `use` with a running container, and deletes it. */
function running(use: (id: string, pid: number) => void, bundle = waiting, runtime = tsrun): void {
  const id = newId();
  succeeded(runtime.call(["run", "--detach", "--bundle", bundle.path, id]));
  use(id, stateOf(id).pid);
  succeeded(tsrun.call(["delete", "--force", id]));
}

const pidsOf = (id: string): number[] =>
  JSON.parse(succeeded(tsrun.call(["ps", "--format", "json", id])).stdout) as number[];

const lines = (...args: string[]): string[] =>
  succeeded(tsrun.call(["ps", ...args]))
    .stdout.trimEnd()
    .split("\n");

test("a table with the container's processes and no others", () => {
  running((id, pid) => {
    const [header, ...rows] = lines(id);
    assert.match(header as string, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
    assert.ok(rows.some((row) => Number(row.split(/ +/)[1]) === pid));
    assert.ok(
      rows.every((row) => /sh -c trap|sleep 0.05/.test(row)),
      rows.join("\n"),
    );
  });
});

test("options go to ps, with and without --", () => {
  running((id, pid) => {
    for (const dashes of [[], ["--"]]) {
      const [header, ...rows] = lines(id, ...dashes, "-e", "-o", "user,pid,stat");
      assert.match(header as string, /^USER +PID +STAT$/);
      assert.ok(rows.some((row) => new RegExp(`^root +${pid} S`).test(row)));
    }
    assert.match(lines(id, "aux")[0] as string, /%CPU/);
  });
});

test("json: the pids, those of groups that the container has made as well", () => {
  running((id, pid) => {
    const below = join(cgroupRoot(), cgroupOf(pid), "below");
    mkdirSync(below);
    eventually("two processes wait", () => pidsOf(id).length === 2);
    const other = pidsOf(id).find((each) => each !== pid);
    writeFileSync(join(below, "cgroup.procs"), String(other));
    assert.deepEqual(pidsOf(id), [pid, other]);
    assert.equal(lines(id).length, 3);
    writeFileSync(join(below, "../cgroup.procs"), String(other));
    rmdirSync(below);
  }, shellBundle("sleep 60 & sleep 60"));
});

const cgroupOf = (pid: number): string =>
  /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] as string;

/** A ps in a folder of its own that runs a script; returns the call's PATH for it. */
function otherPs(script: string): { folder: string; env: { PATH: string } } {
  const folder = newFolder("ps");
  writeFileSync(join(folder, "ps"), `#!/bin/sh\n${script}`);
  chmodSync(join(folder, "ps"), 0o755);
  return { folder, env: { PATH: `${folder}:${process.env["PATH"]}` } };
}

test("rows that are not UTF-8 come out as they are", () => {
  running((id, pid) => {
    const { env } = otherPs(`printf 'PID n\\377\\n1 o\\n${pid} a\\377b\\n' # "$@"`);
    const [file = "", ...rest] = [...tsrun.command, "ps", id];
    const output = execFileSync(file, rest, { env: { ...process.env, ...env } });
    assert.equal(output.toString("latin1"), `PID n\xff\n${pid} a\xffb\n`);
  });
});

test("rows in which a stranger's name hides the pid are left out", () => {
  running((id, pid) => {
    const { env } = otherPs(`printf 'COMMAND PID\\na b 1\\nsh ${pid}\\n' # "$@"`);
    const { stdout } = succeeded(tsrun.call(["ps", id, "-o", "comm,pid"], { env }));
    assert.equal(stdout, `COMMAND PID\nsh ${pid}\n`);
  });
});

test("a created container has one process, a stopped one none", () => {
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", waiting.path, id]));
  assert.deepEqual(pidsOf(id), [stateOf(id).pid]);
  succeeded(tsrun.call(["kill", id, "KILL"]));
  becomes(id, "stopped");
  // As Go writes a list without members.
  assert.equal(pidsOf(id), null);
  assert.equal(lines(id).length, 1);
  succeeded(tsrun.call(["delete", id]));
});

test("a container whose group is gone, and which lives, is an error", () => {
  running((id) => {
    const { pid } = stateOf(id);
    const group = readFileSync(`/proc/${pid}/cgroup`, "utf8").match(/^0::(.*)$/m)?.[1] as string;
    const path = join(cgroupRoot(), group);
    eventually("its group is empty", () => {
      for (const each of readFileSync(join(path, "cgroup.procs"), "utf8").trim().split("\n"))
        if (each !== "") writeFileSync(join(cgroupRoot(), "cgroup.procs"), each);
      return readFileSync(join(path, "cgroup.procs"), "utf8") === "";
    });
    rmdirSync(path);
    for (const options of [[], ["--format", "json"]])
      failed(tsrun.call(["ps", ...options, id]), /the cgroup .* of the container .* is gone/);
    process.kill(pid, "SIGKILL");
    becomes(id, "stopped");
  });
});

test("what ps refuses, and what does not show pids, is an error", () => {
  running((id) => {
    failed(tsrun.call(["ps", id, "--nonsense"]), /ps exited with status 1, saying: .*option/);
    failed(tsrun.call(["ps", id, "-o", "user"]), /column PID/);
    failed(tsrun.call(["ps", id, "-e", "-o", "lstart,pid"]), /in the place of a pid; let the pid/);
    failed(tsrun.call(["ps", id], { env: { PATH: "/nowhere:." } }), /there is no ps in PATH/);
    failed(tsrun.call(["ps", newId()]), /does not exist/);
  });
});

test("the working directory's ps is not run", () => {
  running((id) => {
    const { folder } = otherPs("echo PID trapped");
    const call = { cwd: folder, env: { PATH: `:.:${process.env["PATH"]}` } };
    assert.doesNotMatch(succeeded(tsrun.call(["ps", id], call)).stdout, /trapped/);
  });
});

test("a caller who ignores the end of its children gets the table too", () => {
  const ignoring = new Runtime("tsrun", [
    ...["sh", "-c", 'trap "" CHLD; exec "$@"', "sh"],
    ...tsrun.command,
  ]);
  running((id) => assert.match(succeeded(ignoring.call(["ps", id])).stdout, /^UID/));
});

test("without a cgroup nobody knows the processes", () => {
  const runtime = tsrun.with("--cgroup-manager=disabled");
  running((id) => failed(tsrun.call(["ps", id]), /no cgroup of its own/), waiting, runtime);
});
