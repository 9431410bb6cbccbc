/** Terminals: in the foreground of `run`, and handed over through --console-socket. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { type BundleOptions, makeBundle, newFolder, shellBundle } from "./harness/bundle.ts";
import {
  becomes,
  eventually,
  failed,
  patience,
  pause,
  stateOf,
  succeeded,
} from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, runc, tsrun } from "./harness/runtime.ts";
import { consoleSocket, Terminal } from "./harness/terminal.ts";

nothingIsLeftAtTheEnd();

const withTerminal: NonNullable<BundleOptions["edit"]> = (config) => {
  config.process.terminal = true;
};

/** Runs `script` on a terminal of 33 rows and 101 columns. */
function foreground(script: string, id = newId()): Terminal {
  const bundle = shellBundle(script, { edit: withTerminal });
  const command = [...tsrun.command, "run", "-b", bundle.path, id];
  return new Terminal("foreground", "33", "101", ...command);
}

test("the container has a terminal of its own, as large as the user’s", async () => {
  const terminal = foreground("tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all");
  await terminal.ended();
  assert.equal(terminal.output, "/dev/pts/0\n33 101\nall\n");
  assert.match(terminal.report, /^restored$/m);
  assert.match(terminal.report, /^status 0$/m);
});

test("it is the controlling terminal, and the process leads the session", async () => {
  const terminal = foreground(
    `read -r pid comm state ppid pgrp session tty rest < /proc/$$/stat; echo $pid $pgrp $session
     [ $tty != 0 ] && echo controlling; echo through > /dev/tty`,
  );
  await terminal.ended();
  assert.equal(terminal.output, "1 1 1\ncontrolling\nthrough\n");
});

test("/dev/console is the terminal", async () => {
  const terminal = foreground(
    'echo console > /dev/console; grep -c " /dev/console " /proc/self/mountinfo',
  );
  await terminal.ended();
  assert.equal(terminal.output, "console\n1\n");
});

test("the exit status comes through and the terminal is restored", async () => {
  const terminal = foreground("stty raw -echo; exit 42");
  await terminal.ended();
  assert.match(terminal.report, /^restored$/m);
  assert.match(terminal.report, /^status 42$/m);
});

test("the terminal is restored when the container is killed", async () => {
  const id = newId();
  const terminal = foreground("echo ready; sleep 300", id);
  terminal.shows(/ready/);
  succeeded(tsrun.call(["kill", id, "KILL"]));
  await terminal.ended();
  assert.match(terminal.report, /^restored$/m);
  assert.match(terminal.report, /^status 137$/m);
});

test("what is typed arrives, and is echoed once: the user’s terminal is raw", async () => {
  const terminal = foreground('echo ready; read -r line; echo "got <$line>"');
  terminal.shows(/ready/);
  await terminal.type("hello\r");
  await terminal.ended();
  assert.equal(terminal.output, "ready\nhello\ngot <hello>\n");
});

test("ctrl-C reaches the container, not the runtime", async () => {
  const terminal = foreground(
    "trap 'echo interrupted; exit 9' INT; echo ready; while true; do sleep 0.02; done",
  );
  terminal.shows(/ready/);
  await terminal.type("\x03");
  await terminal.ended();
  assert.match(terminal.output, /interrupted/);
  assert.match(terminal.report, /^status 9$/m);
});

test("a change of the window’s size arrives", async () => {
  const terminal = foreground(
    "trap 'stty size' WINCH; echo ready; until stty size | grep -q '^20 60'; do sleep 0.02; done",
  );
  terminal.shows(/ready/);
  await terminal.resize(20, 60);
  await terminal.ended();
  assert.match(terminal.output, /^20 60$/m);
});

test("the terminal has its size before the program begins", async () => {
  for (let i = 0; i < 10; i++) {
    const terminal = foreground("stty size");
    await terminal.ended();
    assert.equal(terminal.output, "33 101\n");
  }
});

/** In clock ticks (proc_pid_stat(5)). */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** For a second, of which there are a hundred clock ticks. */
function isIdle(pid: number): void {
  const before = processorTime(pid);
  pause(1000);
  assert.ok(processorTime(pid) - before < 10);
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** What a shell with job control does with the container's run as its job; its bundle is $3, and /bundle in it. */
function job(container: string, shell: string, id = newId()): Terminal {
  const { path } = shellBundle(container, {
    prepare: (rootfs) => mkdirSync(join(rootfs, "bundle")),
    edit: (config, bundle) => {
      withTerminal(config, bundle);
      config.mounts.push({ destination: "/bundle", source: bundle, options: ["bind", "rw"] });
    },
  });
  const run = [...tsrun.command, "run", "-b", path, id];
  return new Terminal("foreground", "33", "101", "bash", "-c", `set -m\n${shell}`, ...run);
}

test("run in a shell's background is stopped as soon as it wants the terminal", async () => {
  const terminal = job(
    'stty size; read -r line; echo "got <$line>"; exit 5',
    `"$0" "$@" &
     until jobs -s | grep -q .; do sleep 0.05; done
     echo stopped; fg >/dev/null; echo "status $?"`,
  );
  terminal.shows(/stopped\n33 101\n/);
  await terminal.type("hello\r");
  await terminal.ended();
  assert.match(terminal.output, /^stopped\n33 101\nhello\ngot <hello>\nstatus 5\n$/m);
});

test("a job that was stopped has its terminal again when it goes on, and the size of now", async () => {
  const id = newId();
  const terminal = job(
    'echo begun; read -r line; echo "got <$line>"; stty size; exit 5',
    `"$0" "$@"; stty sane rows 20 columns 60; echo stopped; fg >/dev/null; echo "status $?"`,
    id,
  );
  terminal.shows(/begun/);
  process.kill(parentOf(stateOf(id).pid), "SIGSTOP");
  terminal.shows(/stopped/);
  await terminal.type("hello\r");
  await terminal.ended();
  assert.match(terminal.output, /stopped\nhello\ngot <hello>\n20 60\nstatus 5\n$/);
});

/** Until the job is stopped, and its container has said that it hears of signals. */
const STOPPED = `"$0" "$@" &
  until jobs -s | grep -q . && [ -e "$3/ready" ]; do sleep 0.05; done`;

for (const [signal, what] of [
  ["TERM", "exit 9"],
  ["HUP", "exit 9"],
  ["TERM", "sleep 0.7; exit 9"],
] as const)
  test(`a job in the background ends with its container, which at ${signal} does: ${what}`, async () => {
    const terminal = job(
      `trap '${what}' ${signal}; touch /bundle/ready; while true; do sleep 0.02; done`,
      `${STOPPED}
       kill -${signal} %1
       while kill -0 $! 2>/dev/null; do sleep 0.02; done
       wait $!; echo "status $?"`,
    );
    await terminal.ended();
    assert.match(terminal.output, /^status 9\n$/m);
  });

test("a job in the background whose container goes on has its terminal when it comes to the front", async () => {
  const terminal = job(
    "trap 'echo heard' TERM; touch /bundle/ready; until read -r line; do :; done; exit 5",
    `${STOPPED}
     kill %1
     until jobs -r | grep -q .; do sleep 0.01; done
     echo running; fg >/dev/null; echo "status $?"`,
  );
  // Nobody has made the user's terminal raw then.
  terminal.shows(/heard\r?\n/);
  terminal.shows(/running\n/);
  await terminal.type("hello\r");
  await terminal.ended();
  assert.match(terminal.output, /hello\n(status 5\n|\nstatus 5\n)$/);
});

test("in the background nobody’s input is no end of input", async () => {
  for (const start of [`("$0" "$@" &);`, `(trap '' TTOU; exec "$0" "$@") &`]) {
    const id = newId();
    const terminal = job(
      "echo ready; cat; touch /bundle/ended",
      `${start} until [ -e "$3/over" ]; do sleep 0.05; done`,
      id,
    );
    terminal.shows(/ready/);
    pause(700 * patience);
    const { bundle } = stateOf(id);
    assert.ok(!existsSync(join(bundle, "ended")));
    succeeded(tsrun.call(["kill", id, "KILL"]));
    eventually("it is removed", () => tsrun.call(["state", id]).status === 1);
    writeFileSync(join(bundle, "over"), "");
    await terminal.ended();
  }
});

test("the terminal is not given back when it is a shell’s again", async () => {
  const id = newId();
  const terminal = job(
    "trap 'exit 9' TERM; echo begun; while true; do sleep 0.02; done",
    `"$0" "$@"; stty -echo; kill %1
     while kill -0 $! 2>/dev/null; do sleep 0.02; done
     stty -a | grep -o -e '-echo ' ; stty echo`.replaceAll("$!", "$(jobs -p)"),
    id,
  );
  terminal.shows(/begun/);
  process.kill(parentOf(stateOf(id).pid), "SIGSTOP");
  await terminal.ended();
  assert.match(terminal.output, /^-echo $/m);
});

test("each byte that is typed arrives at once, whatever the terminal waited for before", async () => {
  const terminal = job("echo ready; cat", `stty min 5; "$0" "$@"`);
  terminal.shows(/ready/);
  await terminal.type("ab");
  terminal.shows(/ab/);
  await terminal.type("\r\x04");
  await terminal.ended();
});

test("what a container writes last is shown, however the end falls", async () => {
  for (let i = 0; i < 25; i++) {
    const terminal = foreground("echo first; echo last");
    await terminal.ended();
    assert.match(terminal.output, /first\s+last/);
  }
});

test("a megabyte of output comes through whole", async () => {
  const terminal = foreground("stty -onlcr; yes 0123456789 | head -n 100000; echo end");
  await terminal.ended();
  const lines = terminal.output.split("\n");
  assert.equal(lines.filter((line) => line === "0123456789").length, 100_000);
  assert.equal(lines.at(-2), "end");
});

test("a container that lets its terminal go, and comes back to it, is heard", async () => {
  const terminal = foreground(
    `exec </dev/null >/dev/null 2>&1; sleep 0.3; yes 0123456789 | head -n 20000 >/dev/console
     sleep 0.3; echo end >/dev/console; exit 3`,
  );
  await terminal.ended();
  const lines = terminal.output.split("\n");
  assert.equal(lines.filter((line) => line === "0123456789").length, 20_000);
  assert.equal(lines.at(-2), "end");
  assert.match(terminal.report, /^status 3$/m);
});

test("tsrun waits without working for a container that has let its terminal go", async () => {
  const id = newId();
  const terminal = foreground("echo ready; exec </dev/null >/dev/null 2>&1; sleep 300", id);
  terminal.shows(/ready/);
  const run = parentOf(stateOf(id).pid);
  pause(200);
  isIdle(run);
  succeeded(tsrun.call(["kill", id, "KILL"]));
  await terminal.ended();
});

test("nor does it for input that a terminal does not take which nobody holds", () => {
  const id = newId();
  const { path } = shellBundle("exec </dev/null >/dev/null 2>&1; sleep 300", {
    edit: withTerminal,
  });
  const run = tsrun
    .calledBy("sh", "-c", 'yes | "$@"', "sh")
    .spawn(["run", "--bundle", path, id], "ignore");
  eventually("it runs", () => tsrun.call(["state", id]).stdout.includes('"running"'));
  pause(500);
  const parent = parentOf(stateOf(id).pid);
  isIdle(parent);
  succeeded(tsrun.call(["kill", id, "KILL"]));
  return new Promise<void>((resolve) => run.once("exit", () => resolve()));
});

test("the master of a terminal as standard input has no background", async () => {
  const { path } = shellBundle("exit 9", { edit: withTerminal });
  const master = openSync("/dev/ptmx", "r+");
  const run = tsrun.spawn(["run", "--bundle", path, newId()], [master, "ignore", "ignore"]);
  closeSync(master);
  assert.equal(await new Promise((resolve) => run.once("exit", resolve)), 9);
});

test("signals arrive though nobody looks at the user’s terminal", async () => {
  const id = newId();
  const terminal = foreground("yes & trap 'exit 7' TERM; echo ready; wait", id);
  terminal.shows(/ready/);
  await terminal.lookAway();
  const run = parentOf(stateOf(id).pid);
  // Until both terminals are full.
  pause(1000);
  process.kill(run, "SIGTERM");
  becomes(id, "stopped");
  // What is left to show waits for somebody to look, until a signal says that nobody will.
  process.kill(run, "SIGTERM");
  await terminal.ended();
  assert.match(terminal.report, /^restored$/m);
  assert.match(terminal.report, /^status 7$/m);
});

for (const [how, redirection] of [
  ["another standard stream is", "</dev/null"],
  ["it is only the controlling one", "</dev/null 2>&1 | cat"],
] as const)
  test(`the user’s terminal is found where ${how}, as with runc`, async () => {
    for (const runtime of [tsrun, runc]) {
      const { path } = shellBundle("sleep 0.3; stty size; sleep 0.1", { edit: withTerminal });
      const run = [...runtime.command, "run", "-b", path, newId()];
      const shell = ["bash", "-c", `"$0" "$@" ${redirection}`];
      const terminal = new Terminal("foreground", "33", "101", ...shell, ...run);
      await terminal.ended();
      assert.match(terminal.output, /^33 101\r?\n$/, runtime.name);
      assert.match(terminal.report, /^restored$/m);
    }
  });

test("the keys that make signals work where input is not the user’s terminal", async () => {
  const { path } = shellBundle("trap 'exit 9' INT; echo ready; while true; do sleep 0.02; done", {
    edit: withTerminal,
  });
  const run = [...tsrun.command, "run", "-b", path, newId()];
  const shell = ["bash", "-c", 'trap "" INT; "$0" "$@" </dev/null; echo "status $?"'];
  const terminal = new Terminal("foreground", "33", "101", ...shell, ...run);
  terminal.shows(/ready/);
  await terminal.type("\x03");
  await terminal.ended();
  assert.match(terminal.output, /status 9\n$/);
});

/** Runs the script of a bundle through create and start, with a console socket. */
async function throughSocket(script: string, edit?: BundleOptions["edit"]): Promise<Terminal> {
  const bundle = shellBundle(script, {
    edit: (config, path) => {
      withTerminal(config, path);
      edit?.(config, path);
    },
  });
  const { path, terminal } = consoleSocket();
  const id = newId();
  succeeded(tsrun.call(["create", "--console-socket", path, "-b", bundle.path, id]), "create");
  succeeded(tsrun.call(["start", id]), "start");
  await terminal.ended();
  becomes(id, "stopped");
  succeeded(tsrun.call(["delete", id]));
  return terminal;
}

test("--console-socket receives the terminal", async () => {
  const terminal = await throughSocket("tty; test -t 0 && test -t 1 && test -t 2 && echo all");
  assert.match(terminal.report, /^received 1 /m);
  assert.equal(terminal.output, "/dev/pts/0\nall\n");
});

test("consoleSize is the size of the terminal", async () => {
  const terminal = await throughSocket("stty size", (config) => {
    config.process.consoleSize = { height: 40, width: 120 };
  });
  assert.equal(terminal.output, "40 120\n");
});

test("the terminal belongs to the user, as runc does it", async () => {
  const script = 'stat -c "%u:%g %a" /dev/pts/0; echo writable > /dev/tty';
  const terminal = await throughSocket(script, (config) => {
    config.process.user = { uid: 1000, gid: 1000 };
  });
  assert.match(terminal.output, /^1000:(5|1000) 6[02]0\nwritable\n$/);
});

test("run --detach with a console socket", async () => {
  const bundle = shellBundle("tty; sleep 300", { edit: withTerminal });
  const { path, terminal } = consoleSocket();
  const id = newId();
  const call = ["run", "-d", "--console-socket", path, "-b", bundle.path, id];
  succeeded(tsrun.call(call));
  terminal.shows(/\/dev\/pts\/0/);
  assert.equal(stateOf(id).status, "running");
  succeeded(tsrun.call(["delete", "--force", id]));
  await terminal.ended();
});

test("a terminal without a place for it is refused", () => {
  const bundle = makeBundle(["true"], { edit: withTerminal });
  leavesNothing(() => {
    failed(tsrun.call(["create", "-b", bundle.path, newId()]), /console.socket|terminal/);
    failed(tsrun.call(["run", "--detach", "-b", bundle.path, newId()]), /console.socket|terminal/);
  });
});

test("a console socket whose listener accepts nobody does not hold the creation up", async () => {
  const bundle = makeBundle(["true"], { edit: withTerminal });
  const path = join(newFolder("socket"), "console");
  const program = `import socket, time
listener = socket.socket(socket.AF_UNIX)
listener.bind("${path}")
listener.listen(0)
first = socket.socket(socket.AF_UNIX)
first.connect("${path}")
print("full", flush=True)
time.sleep(300)`;
  const listener = spawn("/usr/bin/python3", ["-S", "-c", program], {
    stdio: ["ignore", "pipe", 2],
  });
  try {
    await once(listener.stdout as Readable, "data");
    leavesNothing(() =>
      failed(
        tsrun.call(["create", "--console-socket", path, "-b", bundle.path, newId()]),
        /console: whoever listens there has not taken it for 5 s: connect\(".*"\): EAGAIN/,
      ),
    );
  } finally {
    listener.kill("SIGKILL");
    await once(listener, "close");
  }
});

test("a console socket that is not there, or without a terminal, is refused", () => {
  const terminal = makeBundle(["true"], { edit: withTerminal });
  const plain = makeBundle(["true"]);
  leavesNothing(() => {
    const call = ["create", "--console-socket", "/no/such/socket", "-b"];
    failed(
      tsrun.call([...call, terminal.path, newId()]),
      /\/no\/such\/socket/,
      /ENOENT|no such file/i,
    );
    failed(tsrun.call([...call, plain.path, newId()]), /console/);
  });
});
