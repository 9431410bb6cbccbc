/** `run` in the foreground: whose container it removes, whose exit status it has, and whatever its caller is like. */
import assert from "node:assert/strict";
import { type ChildProcess, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { becomes, eventually, failed, pause, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** Its exit status, when all that it has written has come. */
const endOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once("close", resolve));

/** Starts a container in the foreground. */
function begin(bundle: string, id: string): { run: ChildProcess; ended: Promise<number | null> } {
  const run = tsrun.spawn(["run", "--bundle", bundle, id]);
  eventually("the container runs", () => {
    const { status, stdout } = tsrun.call(["state", id]);
    return status === 0 && JSON.parse(stdout).status === "running";
  });
  return { run, ended: endOf(run) };
}

test("a container that has taken the id in the meantime is left alone", async () => {
  const { path } = shellBundle(WAITS);
  const id = newId();
  const { run, ended } = begin(path, id);
  run.kill("SIGSTOP");
  succeeded(tsrun.call(["delete", "--force", id]));
  succeeded(tsrun.call(["run", "--detach", "--bundle", path, id]));
  const { pid } = stateOf(id);
  run.kill("SIGCONT");
  assert.equal(await ended, 137);
  assert.deepEqual([stateOf(id).status, stateOf(id).pid], ["running", pid]);
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("so is one that a poststop hook of a failed start has made", () => {
  const other = shellBundle(WAITS);
  const id = newId();
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      config.hooks = {
        startContainer: [{ path: "/bin/false" }],
        poststop: [
          { path: tsrunPath, args: ["tsrun", "run", "--detach", "--bundle", other.path, id] },
        ],
      };
    },
  });
  failed(tsrun.call(["run", "--bundle", path, id]), /\/hooks\/startContainer\/0/);
  assert.equal(stateOf(id).status, "running");
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("what cannot be removed is warned of, and the exit status is the program’s", () => {
  const id = newId();
  const held = `/run/tsrun/${id}/held`;
  const { path } = shellBundle("exit 5", {
    edit: (config) => {
      const args = ["sh", "-c", `touch ${held}; mount --bind /dev/null ${held}`];
      config.hooks = { poststart: [{ path: "/bin/sh", args }] };
    },
  });
  const outcome = tsrun.call(["run", "--bundle", path, id]);
  assert.equal(outcome.status, 5);
  assert.match(outcome.stderr, new RegExp(`removing the container ${id}: .*"held".*EBUSY`));
  spawnSync("umount", [held]);
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("a failed start leaves no pid file, nor does a failed poststart hook", () => {
  for (const kind of ["startContainer", "poststart"] as const) {
    const { path } = shellBundle(WAITS, {
      edit: (config) => {
        config.hooks = { [kind]: [{ path: "/bin/false" }] };
      },
    });
    const pidFile = join(newFolder("pid"), "pid");
    for (const options of [[], ["--detach"]])
      leavesNothing(() => {
        const call = ["run", ...options, "--pid-file", pidFile, "--bundle", path, newId()];
        failed(tsrun.call(call), new RegExp(`/hooks/${kind}/0`));
        assert.ok(!existsSync(pidFile));
      });
  }
});

const ignoring = tsrun.calledBy("sh", "-c", 'trap "" CHLD; exec "$@"', "sh");

test("a caller that ignores SIGCHLD hears the exit status", () => {
  leavesNothing(() => {
    const { path } = shellBundle("exit 7");
    assert.equal(ignoring.call(["run", "--bundle", path, newId()]).status, 7);
  });
});

test("so do the hooks of such a caller’s container, and its processes", () => {
  leavesNothing(() => {
    const { path } = shellBundle(WAITS, {
      edit: (config) => {
        config.hooks = {
          createRuntime: [{ path: "/bin/true" }],
          poststop: [{ path: "/bin/true" }],
        };
      },
    });
    const id = newId();
    succeeded(ignoring.call(["run", "--detach", "--bundle", path, id]));
    assert.equal(ignoring.call(["exec", id, "sh", "-c", "exit 9"]).status, 9);
    succeeded(ignoring.call(["delete", "--force", id]));
  });
});

/** A bundle whose `startContainer` hook tells that it runs, and goes on with `rest`: by default for long. */
function slowStart(rest = "exec sleep 300"): { path: string; begun: string } {
  const folder = newFolder("begun");
  const { path } = shellBundle("sleep 300", {
    prepare: (rootfs) => mkdirSync(join(rootfs, "begun")),
    edit: (config) => {
      config.mounts.push({ destination: "/begun", source: folder, options: ["bind", "rw"] });
      const args = ["busybox", "sh", "-c", `touch /begun/hook; ${rest}`];
      const poststart = ["busybox", "touch", join(folder, "poststart")];
      config.hooks = {
        startContainer: [{ path: "/bin/busybox", args }],
        poststart: [{ path: "/bin/busybox", args: poststart }],
      };
    },
  });
  return { path, begun: folder };
}

const ENDED = /process ended before it came to its program; was it killed\?/;

/** What a call says that is answered while another one goes on. */
async function failing(run: ChildProcess): Promise<string> {
  let said = "";
  run.stderr?.on("data", (data) => {
    said += data;
  });
  assert.equal(await endOf(run), 1, said);
  return said;
}

test("a process that is killed in its startContainer hook has not been started", async () => {
  const { path, begun } = slowStart();
  const id = newId();
  const run = tsrun.spawn(["run", "--detach", "--bundle", path, id], ["ignore", "ignore", "pipe"]);
  eventually("the hook runs", () => existsSync(join(begun, "hook")));
  succeeded(tsrun.call(["kill", id, "KILL"]));
  assert.match(await failing(run), ENDED);
  assert.ok(!existsSync(join(begun, "poststart")));
  assert.equal(tsrun.call(["state", id]).status, 1);
});

test("a container goes on to its program though whoever has started it is gone", () => {
  const { path, begun } = slowStart("until [ -e /begun/gone ]; do sleep 0.02; done");
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", path, id], { input: "" }));
  const start = tsrun.spawn(["start", id]);
  eventually("the hook runs", () => existsSync(join(begun, "hook")));
  start.kill("SIGKILL");
  pause(100);
  writeFileSync(join(begun, "gone"), "");
  becomes(id, "running");
  pause(200);
  assert.equal(stateOf(id).status, "running");
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("delete --force does not wait for a startContainer hook", async () => {
  const { path, begun } = slowStart();
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", path, id], { input: "" }));
  const start = tsrun.spawn(["start", id], ["ignore", "ignore", "pipe"]);
  eventually("the hook runs", () => existsSync(join(begun, "hook")));
  const before = performance.now();
  succeeded(tsrun.call(["delete", "--force", id]));
  assert.ok(performance.now() - before < 5000);
  assert.match(await failing(start), ENDED);
  assert.equal(tsrun.call(["state", id]).status, 1);
});

test("a process that is killed while a createRuntime hook runs is told of in words", () => {
  const id = newId();
  const folder = newFolder("hook");
  const script = join(folder, "kill.sh");
  writeFileSync(script, `${tsrunPath} kill ${id} KILL; exec sleep 0.1\n`);
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", script] }] };
    },
  });
  leavesNothing(() => {
    failed(
      tsrun.call(["create", "--bundle", path, id]),
      /the container's process ended before it was ready; was it killed/,
    );
  });
});

test("a container ends with its exit status however often its caller is stopped", async () => {
  const { path } = shellBundle("trap 'exit 3' TERM; while true; do sleep 0.02; done");
  const id = newId();
  const { run, ended } = begin(path, id);
  for (let i = 0; i < 5; i++) {
    run.kill("SIGSTOP");
    run.kill("SIGCONT");
  }
  becomes(id, "running");
  run.kill("SIGTERM");
  assert.equal(await ended, 3);
});
