/** NOTIFY_SOCKET: a service manager hears from a container that it is ready (sd_notify(3)), as with runc. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, makeBundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { becomes, eventually, failed, pause, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, runc, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const PROGRAM = join(import.meta.dirname, "harness/notify.py");
const PYTHON = "/usr/bin/python3";

/** A service manager that hears `count` messages; its address is given to the runtime. */
class Manager {
  readonly address: string;
  readonly #output: string;
  readonly #child: ChildProcess;

  constructor(count: number, address = join(newFolder("manager"), "socket")) {
    this.address = address;
    this.#output = join(newFolder("manager"), "output");
    const args = ["-S", PROGRAM, "manager", address, String(count)];
    const stdio = ["ignore" as const, openSync(this.#output, "w"), "inherit" as const];
    this.#child = spawn(PYTHON, args, { stdio, timeout: 20_000, killSignal: "SIGKILL" });
    eventually("the manager listens", () => readFileSync(this.#output, "utf8") !== "");
  }

  get env(): Record<string, string> {
    return { NOTIFY_SOCKET: this.address };
  }

  /** What it has heard: the messages as Python writes them, each with the number of its descriptors' parts. */
  get heard(): string[] {
    return readFileSync(this.#output, "utf8").trim().split("\n").slice(1);
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

/** The container says something, as a user of the host who is its own. */
function say(pid: number, messages: string[], uid = 0): void {
  const folder = `/proc/${pid}/root/run/notify`;
  const { status, stderr } = spawnSync(
    PYTHON,
    ["-S", PROGRAM, "say", folder, String(uid), ...messages],
    {
      encoding: "utf8",
      timeout: 10_000,
    },
  );
  assert.equal(status, 0, stderr);
}

/** Starts a call that the container ends. */
function begin(runtime: Runtime, args: string[], env: Record<string, string>): ChildProcess {
  const [file, ...rest] = [...runtime.command, ...args] as [string, ...string[]];
  return spawn(file, rest, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
}

const isRunning = ({ pid }: ChildProcess): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
};

const ended = (call: ChildProcess) => eventually("the call ends", () => !isRunning(call));

const EDITS: [string, number, (config: Config) => void][] = [
  ["", 0, () => {}],
  [
    " whose process is a user's",
    1000,
    (config) => {
      config.process.user = { uid: 1000, gid: 1000, umask: 0o077 };
    },
  ],
  [" in a user namespace", 100_000, addUserNamespace],
];

/** The root of a user namespace could not make the folder in a root filesystem that is another's. */
const waiting = (edit: (config: Config) => void = () => {}): Bundle =>
  shellBundle(WAITS, { edit, prepare: (rootfs) => mkdirSync(join(rootfs, "run/notify")) });

for (const [which, uid, edit] of EDITS)
  test(`start waits until the container${which} is ready, and tells its pid`, () => {
    const { path } = waiting(edit);
    const id = newId();
    leavesNothing(() => {
      const manager = new Manager(2);
      succeeded(tsrun.call(["create", "--bundle", path, id], { env: manager.env, input: "" }));
      const call = begin(tsrun, ["start", id], manager.env);
      becomes(id, "running");
      const { pid } = stateOf(id);
      say(pid, ["STATUS=nearly there", "MAINPID=1\nREADY=0"], uid);
      pause(100);
      assert.deepEqual(manager.heard, []);
      assert.ok(isRunning(call));
      say(pid, ["X=1\nREADY=1"], uid);
      ended(call);
      assert.deepEqual(manager.heard, [`'MAINPID=${pid}\\nREADY=1' 0`, "'BARRIER=1' 1"]);
      succeeded(tsrun.call(["delete", "--force", id]));
    });
  });

test("a detached run waits, too; the name may be an abstract one", () => {
  const { path } = waiting();
  const id = newId();
  const manager = new Manager(2, `@tsrun-test-${process.pid}`);
  const call = begin(tsrun, ["run", "--detach", "--bundle", path, id], manager.env);
  eventually("there is the container", () => existsSync(`/run/tsrun/${id}/state.json`));
  becomes(id, "running");
  const { pid } = stateOf(id);
  assert.ok(isRunning(call));
  say(pid, ["READY=1"]);
  ended(call);
  assert.deepEqual(manager.heard, [`'MAINPID=${pid}\\nREADY=1' 0`, "'BARRIER=1' 1"]);
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("in the foreground tsrun stays, and is the process to watch", () => {
  const { path } = waiting();
  const id = newId();
  const manager = new Manager(1);
  const call = begin(tsrun, ["run", "--bundle", path, id], manager.env);
  eventually("there is the container", () => existsSync(`/run/tsrun/${id}/state.json`));
  becomes(id, "running");
  const { pid } = stateOf(id);
  // What it goes on to say is read, or it would have to wait.
  say(pid, ["READY=1", "READY=1", ...Array.from({ length: 100 }, () => "WATCHDOG=1")]);
  eventually("the manager has heard", () => manager.heard.length > 0);
  assert.deepEqual(manager.heard, [`'MAINPID=${call.pid}\\nREADY=1' 0`]);
  succeeded(tsrun.call(["kill", id, "TERM"]));
  ended(call);
});

test("a container that ends before it is ready ends the waiting", () => {
  const manager = new Manager(1);
  const { path } = makeBundle(["true"]);
  const id = newId();
  succeeded(tsrun.call(["run", "--detach", "--bundle", path, id], { env: manager.env }));
  succeeded(tsrun.call(["delete", id]));
  assert.deepEqual(manager.heard, []);
  manager.stop();
});

test("a service manager that is gone is warned of, and the container runs", () => {
  const { path } = waiting();
  const id = newId();
  const env = { NOTIFY_SOCKET: "/run/nobody/listens" };
  succeeded(tsrun.call(["create", "--bundle", path, id], { env, input: "" }));
  const errors = join(newFolder("errors"), "stderr");
  const call = spawn(tsrunPath, ["start", id], {
    stdio: ["ignore", "inherit", openSync(errors, "w")],
    env: { ...process.env, ...env },
  });
  becomes(id, "running");
  say(stateOf(id).pid, ["READY=1"]);
  ended(call);
  assert.match(readFileSync(errors, "utf8"), /telling \/run\/nobody\/listens .*ENOENT/);
  assert.equal(stateOf(id).status, "running");
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("a start that fails can be tried again", () => {
  const { path, rootfs } = makeBundle(["/program"], {
    edit: (config) => {
      config.root.readonly = false;
    },
    prepare: (rootfs) => {
      spawnSync("sh", [
        "-c",
        `printf '#!/absent\\n' > ${rootfs}/program; chmod 755 ${rootfs}/program`,
      ]);
    },
  });
  assert.ok(existsSync(join(rootfs, "program")));
  const id = newId();
  leavesNothing(() => {
    const env = { NOTIFY_SOCKET: "/run/nobody/listens" };
    succeeded(tsrun.call(["create", "--bundle", path, id], { env, input: "" }));
    failed(tsrun.call(["start", id], { env }), /\/program/);
    succeeded(tsrun.call(["delete", "--force", id]));
  });
});

test("whoever starts a container that was created without a service manager does not wait", () => {
  const { path } = waiting();
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", path, id], { input: "" }));
  succeeded(tsrun.call(["start", id], { env: { NOTIFY_SOCKET: "/run/nobody/listens" } }));
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("the container sees the same mount and variable as under runc", () => {
  const script = `env | grep ^NOTIFY_SOCKET; stat -c '%a %u:%g' /run/notify
    grep /run/notify /proc/self/mountinfo`;
  // runc would wait for ever for a container that ends before it is ready, but not for a manager that is not there.
  const env = { NOTIFY_SOCKET: "/run/nobody/listens" };
  const seen = (runtime: Runtime) => {
    const { path } = shellBundle(script);
    const id = newId();
    const call = ["run", "--detach", "--bundle", path, id];
    const outcome = succeeded(runtime.call(call, { env, input: "" }), runtime.name);
    eventually("the container has looked", () => outcome.stdout.endsWith("\n"));
    eventually("it has ended", () => stateOf(id, runtime).status === "stopped");
    succeeded(runtime.call(["delete", id]));
    return outcome.stdout.replace(/^\d+ \d+ \S+ \S+ (.*) - .*$/m, "$1");
  };
  const ours = seen(tsrun);
  assert.equal(
    ours,
    "NOTIFY_SOCKET=/run/notify/notify.sock\n755 0:0\n/run/notify ro,nosuid,nodev,noexec,relatime\n",
  );
  assert.equal(seen(runc), ours);
});

test("a caller's umask does not keep the container's users from the socket", () => {
  const strict = new Runtime("tsrun", ["sh", "-c", `umask 077; exec "$@"`, "sh", tsrunPath]);
  const { path } = waiting((config) => {
    config.process.user = { uid: 1000, gid: 1000 };
  });
  const id = newId();
  const manager = new Manager(2);
  const call = begin(strict, ["run", "--detach", "--bundle", path, id], manager.env);
  eventually("there is the container", () => existsSync(`/run/tsrun/${id}/state.json`));
  becomes(id, "running");
  say(stateOf(id).pid, ["READY=1"], 1000);
  ended(call);
  assert.equal(manager.heard.length, 2);
  succeeded(tsrun.call(["delete", "--force", id]));
});
