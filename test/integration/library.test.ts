/** The library for Node.js, with real containers: streams, terminals, errors, signals. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import {
  AttachedProcess,
  BinaryError,
  ConfigError,
  ContainerExistsError,
  ContainerStatusError,
  NoContainerError,
  Runtime,
  RuntimeError,
  type TerminalSize,
} from "../../src/library/index.ts";
import { newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { count, counter, counts, wholeWithCriu } from "./harness/checkpoint.ts";
import { patience } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const sleep = (milliseconds: number): Promise<void> => setTimeout(milliseconds * patience);

const warnings: string[] = [];
const runtime = new Runtime({
  binary: tsrunPath,
  root: "/run/tsrun",
  warn: (message) => warnings.push(message),
});
const waiting = shellBundle(WAITS);

const withTerminal = (script: string) =>
  shellBundle(script, {
    edit: ({ process }) => {
      process.terminal = true;
    },
  });

/** Its shell has one for moments at a time. */
const sleepers = async (id: string): Promise<string[]> =>
  (await runtime.processTable(id)).split("\n").filter((line) => line.includes("sleep 100"));

/** Runs a container that waits, and removes it after `use`. */
async function withContainer(use: (id: string) => Promise<void>): Promise<void> {
  const id = newId();
  await runtime.run(id, { bundle: waiting.path, detach: true });
  try {
    await use(id);
  } finally {
    await runtime.delete(id, { force: true });
  }
}

test("a container in the foreground: its pipes and its exit status", async () => {
  const { path } = shellBundle("read x; echo got $x; echo wrong >&2; exit 7");
  const id = newId();
  const container = await runtime.run(id, {
    bundle: path,
    stdio: { stdin: "pipe", stdout: "pipe", stderr: "pipe" },
  });
  const { pid, status } = await runtime.state(id);
  assert.deepEqual([pid, status], [container.pid, "running"]);
  container.stdin?.end("this\n");
  assert.equal(await text(container.stdout as Readable), "got this\n");
  assert.equal(await text(container.stderr as Readable), "wrong\n");
  assert.deepEqual(await container.exited, { status: 7 });
  assert.equal(container.kill(), false);
  await assert.rejects(runtime.state(id), NoContainerError);
});

test("the streams are pipes that the program can open by name", async () => {
  const { path } = shellBundle("echo opened > /proc/self/fd/1");
  const container = await runtime.run(newId(), { bundle: path, stdio: { stdout: "pipe" } });
  assert.equal(await text(container.stdout as Readable), "opened\n");
});

test("streams of Node and descriptors lead there as well", async () => {
  const file = join(newFolder("stream"), "file");
  const shown = new PassThrough();
  const { path } = shellBundle("cat; echo to the file >&2; cat <&3");
  const container = await runtime.run(newId(), {
    bundle: path,
    stdio: { stdin: Readable.from(["in"]), stdout: shown, stderr: openSync(file, "w") },
    preserveFds: [openSync("/proc/sys/kernel/ostype", "r")],
  });
  await container.exited;
  await sleep(50);
  assert.equal(String(shown.read()), "inLinux\n");
  assert.equal(readFileSync(file, "utf8"), "to the file\n");
});

test("`closed` waits for what is still on its way, `exited` does not", async () => {
  let arrived = 0;
  const slow = new Writable({
    highWaterMark: 1,
    write: (chunk, _encoding, done) => {
      arrived += chunk.length;
      setTimeout(200).then(() => done());
    },
  });
  const { path } = shellBundle("head -c 300000 /dev/zero");
  const { exited, closed } = await runtime.run(newId(), { bundle: path, stdio: { stdout: slow } });
  assert.deepEqual(await exited, { status: 0 });
  const early = arrived;
  assert.deepEqual(await closed, { status: 0 });
  slow.end();
  await once(slow, "finish");
  assert.ok(early < 300_000);
  assert.equal(arrived, 300_000);
});

test("`closed` comes also for programs that are over before anybody looks", async () => {
  await withContainer(async (id) => {
    for (const program of [["true"], ["echo", "word"]])
      for (const stdout of ["pipe", new PassThrough(), "ignore"] as const) {
        const made = await runtime.exec(id, program, { stdio: { stdout } });
        made.stdout?.resume();
        assert.deepEqual(await made.closed, { status: 0 });
      }
  });
  const destroyed = new PassThrough().destroy();
  const { path } = shellBundle("echo word");
  const { closed } = await runtime.run(newId(), { bundle: path, stdio: { stdout: destroyed } });
  await closed;
});

test("a pipe waits for its reader, however late that comes and whatever was written", () =>
  withContainer(async (id) => {
    for (const program of [["true"], ["echo", "word"]]) {
      const { stdout, exited } = await runtime.exec(id, program, { stdio: { stdout: "pipe" } });
      await exited;
      await sleep(50);
      const lines: string[] = [];
      for await (const line of createInterface({ input: stdout as Readable })) lines.push(line);
      assert.deepEqual(lines, program.slice(1));
    }
  }));

test("one stream for many processes is nothing to warn of", () =>
  withContainer(async (id) => {
    const [source, shown] = [new PassThrough(), new PassThrough()];
    shown.resume();
    const heard = await warningsDuring(async () => {
      const stdio = { stdin: source, stdout: shown, stderr: shown };
      const made = await Promise.all(
        Array.from({ length: 12 }, () => runtime.exec(id, ["head", "-c1"], { stdio })),
      );
      source.end("x".repeat(1_000));
      await Promise.all(made.map(({ closed }) => closed));
    });
    assert.deepEqual(heard, []);
    for (const stream of [source, shown])
      for (const event of stream.eventNames()) assert.ok(stream.listenerCount(event) < 10);
  }));

test("a program whose reader has gone cannot write any more", async () => {
  const shown = new PassThrough();
  const { path } = shellBundle("yes; exit $?");
  const { exited } = await runtime.run(newId(), { bundle: path, stdio: { stdout: shown } });
  shown.once("data", () => shown.destroy());
  const { status } = await exited;
  assert.ok([1, 141].includes(status), String(status));
});

test("the source of input outlives the process", async () => {
  const source = new PassThrough();
  source.write("first\n");
  const { path } = shellBundle("read x; echo $x");
  for (const _ of [1, 2]) {
    const { stdout, exited } = await runtime.run(newId(), {
      bundle: path,
      stdio: { stdin: source, stdout: "pipe" },
    });
    assert.equal(await text(stdout as Readable), "first\n");
    await exited;
    await sleep(20);
    assert.equal(source.listenerCount("data"), 0);
    source.write("first\n");
  }
  assert.equal(source.destroyed, false);
});

test("a program that is over at once is none the less seen", async () => {
  for (let i = 0; i < 5; i++) {
    const { path } = shellBundle("exit 3");
    const container = await runtime.run(newId(), { bundle: path });
    assert.deepEqual(await container.exited, { status: 3 });
  }
});

test("create, start, kill and delete, with the errors that tell where a container is", async () => {
  const id = newId();
  const created = await runtime.create(id, { bundle: waiting.path });
  assert.equal((await runtime.state(id)).pid, created.pid);
  await assert.rejects(runtime.create(id, { bundle: waiting.path }), ContainerExistsError);
  await runtime.start(id);
  await assert.rejects(runtime.start(id), ContainerStatusError);
  await assert.rejects(runtime.delete(id), ContainerStatusError);
  assert.ok((await runtime.list()).some((container) => container.id === id));
  await runtime.pause(id);
  assert.equal((await runtime.state(id)).status, "paused");
  await runtime.resume(id);
  await runtime.kill(id, "KILL");
  while ((await runtime.state(id)).status !== "stopped") await sleep(10);
  await runtime.delete(id);
  await assert.rejects(runtime.delete(id), NoContainerError);
  await runtime.delete(id, { force: true });
});

test("an error carries what was said: the pointer, the errno and its name", async () => {
  const { path } = shellBundle("true", {
    edit: ({ mounts }) => {
      mounts.push({ destination: "/data", source: "/nowhere", options: ["bind"] });
    },
  });
  for (const make of [runtime.create.bind(runtime), runtime.run.bind(runtime)])
    await assert.rejects(make(newId(), { bundle: path }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.pointer ?? "", /^\/mounts\/\d+\/source$/);
      assert.deepEqual([error.errno, error.code], [2, "ENOENT"]);
      assert.match(error.message, /\/nowhere.*ENOENT\) \(config\.json \/mounts/);
      assert.match(error.reason, /ENOENT\)$/);
      return true;
    });
});

test("an error of the schema has all faults, and points to the first", async () => {
  const { path } = shellBundle("true", {
    edit: ({ process }) => {
      process.cwd = "tmp";
    },
  });
  const error = await runtime.create(newId(), { bundle: path }).catch((e) => e);
  assert.ok(error instanceof ConfigError);
  assert.equal(error.pointer, "/process/cwd");
  assert.deepEqual(error.faults, [
    { pointer: "/process/cwd", expected: "an absolute path", found: "tmp" },
  ]);
});

test("what cannot be called is an error of the library's, and leaves no descriptor", () =>
  withContainer(async (id) => {
    const before = openDescriptors();
    for (const options of [{}, { terminal: true }, { detach: true, terminal: true }] as const)
      for (const word of ["x".repeat(200_000), "a\0b"])
        await assert.rejects(runtime.exec(id, ["sh", word], options), BinaryError);
    await assert.rejects(runtime.exec(id, ["true"], { preserveFds: [999] }), BinaryError);
    await sleep(20);
    assert.equal(openDescriptors(), before);
  }));

test("a folder for temporary files that is not there is told of", async () => {
  const { TMPDIR } = process.env;
  process.env["TMPDIR"] = "/nowhere";
  try {
    const error = await runtime.create(newId(), { bundle: waiting.path }).catch((e) => e);
    assert.ok(error instanceof RuntimeError);
    assert.match(error.message, /TMPDIR.*ENOENT.*\/nowhere/);
  } finally {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
  }
});

test("a bundle without a configuration is an error of that", async () => {
  const error = await runtime.create(newId(), { bundle: newFolder("empty") }).catch((e) => e);
  assert.ok(error instanceof ConfigError);
  assert.match(error.hint ?? "", /tsrun spec/);
});

test("a binary that is not there, or says nothing, is an error that names it", async () => {
  for (const [binary, message] of [
    ["/nowhere/tsrun", /running \/nowhere\/tsrun: no such file .*; name the tsrun binary/],
    ["/bin/false", /\/bin\/false features has ended with status 1/],
  ] as const)
    await assert.rejects(new Runtime({ binary, root: "/run/tsrun" }).features(), (error) => {
      assert.ok(error instanceof BinaryError);
      assert.match(error.message, message);
      return true;
    });
});

test("a program that is no tsrun is an error that says so", async () => {
  const folder = newFolder("binary");
  const binary = join(folder, "tsrun");
  const fake = new Runtime({ binary, root: "/run/tsrun" });
  for (const [script, message] of [
    ["true", /is no tsrun: it has no version of one|reading the features of .*: /],
    ['echo "half a line" >&3', /reading the log of .*\/tsrun/],
  ] as const) {
    writeFileSync(binary, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    for (const call of [fake.version(), fake.features()])
      await assert.rejects(
        call,
        (error) => error instanceof BinaryError && message.test(error.message),
      );
  }
});

test("what the one who is warned throws, the call rejects with", async () => {
  const strict = new Runtime({
    binary: tsrunPath,
    root: "/run/tsrun",
    cgroupManager: "disabled",
    warn: (message) => {
      throw new Error(`strict: ${message}`);
    },
  });
  const id = newId();
  const { path } = shellBundle(WAITS, {
    edit: ({ linux }) => {
      linux.resources = { pids: { limit: 100 } };
    },
  });
  await assert.rejects(strict.create(id, { bundle: path }), /^Error: strict: .*pids/);
  await runtime.delete(id, { force: true });
});

test("where descriptors have run out, the error says so, and none is lost", () =>
  withContainer(async (id) => {
    const taken: number[] = [];
    const calls: (() => Promise<unknown>)[] = [
      () => runtime.list(),
      () => runtime.state(id),
      () => runtime.version(),
      async () => {
        const { stdout, closed } = await runtime.exec(id, ["true"], { stdio: { stdout: "pipe" } });
        stdout?.resume();
        await closed;
      },
      async () => {
        const { terminal, closed } = await runtime.exec(id, ["true"], { terminal: true });
        terminal?.resume();
        await closed;
      },
      async () => {
        const options = { terminal: true, detach: true } as const;
        (await runtime.exec(id, ["true"], options)).terminal?.destroy();
      },
    ];
    const allowed = limitDescriptors("64");
    try {
      while (openDescriptors() < 64) taken.push(openSync("/dev/null", "r"));
      const failures = new Set<string>();
      for (let free = 0; free < 12; free++) {
        for (const call of calls)
          await call().catch((error) => {
            assert.ok(error instanceof RuntimeError, String(error));
            failures.add(error.reason);
          });
        for (let tries = 0; openDescriptors() > 64 - free && tries < 100; tries++) await sleep(20);
        assert.equal(openDescriptors(), 64 - free);
        closeSync(taken.pop() as number);
      }
      // Each call came a little further, every time.
      assert.ok(failures.size >= 8, [...failures].join("; "));
    } finally {
      for (const fd of taken) closeSync(fd);
      limitDescriptors(allowed);
    }
  }));

test("exec: as the container's process but for what is changed, and its own exit status", () =>
  withContainer(async (id) => {
    const changed = await runtime.exec(id, ["sh", "-c", "echo $A; id -u; pwd; exit 4"], {
      env: { A: "b" },
      user: { uid: 1000, gid: 1000 },
      cwd: "/tmp",
      stdio: { stdout: "pipe" },
    });
    assert.equal(await text(changed.stdout as Readable), "b\n1000\n/tmp\n");
    assert.deepEqual(await changed.exited, { status: 4 });
    const whole = { args: ["/bin/sh", "-c", "echo $B"], cwd: "/", env: ["B=c"] };
    const other = await runtime.exec(id, whole, { stdio: { stdout: "pipe" } });
    assert.equal(await text(other.stdout as Readable), "c\n");
  }));

test("exec: a program that is not there rejects", () =>
  withContainer(async (id) => {
    await assert.rejects(runtime.exec(id, ["/nonsense"]), RuntimeError);
    await assert.rejects(runtime.exec(newId(), ["true"]), NoContainerError);
  }));

test("exec: a process that is none is an error that points into it", () =>
  withContainer(async (id) => {
    const error = await runtime.exec(id, { args: ["true"], cwd: "tmp" }).catch((e) => e);
    assert.ok(error instanceof ConfigError);
    assert.equal(error.pointer, "/cwd");
    assert.deepEqual(error.faults, [
      { pointer: "/cwd", expected: "an absolute path", found: "tmp" },
    ]);
  }));

test("exec: false is no terminal, and undefined no variable", () =>
  withContainer(async (id) => {
    const { stdout } = await runtime.exec(id, ["sh", "-c", "tty; env | grep -c ^A="], {
      terminal: false,
      env: { A: undefined },
      stdio: { stdout: "pipe" },
    });
    assert.equal(await text(stdout as Readable), "not a tty\n0\n");
  }));

test("a size that no terminal has is refused before anything is made", () =>
  withContainer(async (id) => {
    const before = openDescriptors();
    for (const size of [70_000, -1, 0.5])
      for (const detach of [true, false]) {
        const options = { detach, terminal: { rows: size, columns: 80 } };
        await assert.rejects(runtime.exec(id, ["sleep", "100"], options), RangeError);
      }
    assert.deepEqual(await sleepers(id), []);
    assert.equal(openDescriptors(), before);
    // Of streams that are no terminals Node knows no size.
    const size = { rows: undefined, columns: undefined } as unknown as TerminalSize;
    const { terminal } = await runtime.exec(id, ["echo", "shown"], { terminal: size });
    assert.equal(await text(terminal as Readable), "shown\r\n");
  }));

test("a terminal that is destroyed hangs up", () =>
  withContainer(async (id) => {
    const { terminal, exited } = await runtime.exec(id, ["sleep", "100"], { terminal: true });
    terminal?.destroy();
    assert.deepEqual(await exited, { status: 129 });
    assert.deepEqual(await sleepers(id), []);
  }));

test("exec: the handle's kill reaches that process alone", () =>
  withContainer(async (id) => {
    const sleeper = await runtime.exec(id, ["sleep", "100"]);
    assert.ok((await runtime.processes(id)).includes(sleeper.pid));
    assert.match(await runtime.processTable(id), /sleep 100/);
    assert.equal(sleeper.kill("KILL"), true);
    assert.deepEqual(await sleeper.exited, { status: 137 });
    assert.equal((await runtime.state(id)).status, "running");
  }));

test("exec: a whole process, and options that would change it, contradict each other", () =>
  withContainer(async (id) => {
    const whole = { args: ["/bin/sh", "-c", "true"], cwd: "/" };
    await assert.rejects(
      runtime.exec(id, whole, { noNewPrivileges: true, cwd: "/tmp" }),
      (error) => error instanceof RuntimeError && /options cwd, noNewPriv/.test(error.message),
    );
  }));

test("an id or a word that looks like an option is none", async () => {
  for (const call of [
    () => runtime.delete("--help"),
    () => runtime.kill("-9"),
    () => runtime.pause("--help"),
    () => runtime.start("--version"),
    () => runtime.exec("--help", ["true"]),
    () => runtime.processTable("--help"),
    () => runtime.update("--help", {}),
  ])
    await assert.rejects(call, NoContainerError);
  const created = await runtime.create("--help", { bundle: waiting.path });
  assert.equal((await runtime.state("--help")).pid, created.pid);
  const echo = await runtime.exec("--help", ["echo", "--", "-n"], { stdio: { stdout: "pipe" } });
  assert.equal(await text(echo.stdout as Readable), "-- -n\n");
  await runtime.delete("--help", { force: true });
});

test("an attached terminal: its size, what is typed, and its end", () =>
  withContainer(async (id) => {
    // The size comes a moment after the process.
    const script = `sleep ${0.1 * patience}; stty size; read x; echo =$x; stty size`;
    const { terminal, exited } = await runtime.exec(id, ["sh", "-c", script], {
      terminal: { rows: 10, columns: 20 },
    });
    assert.ok(terminal);
    const shown = text(terminal);
    await sleep(300);
    terminal.resize({ rows: 33, columns: 44 });
    await sleep(200);
    terminal.write("typed\r");
    assert.deepEqual(await exited, { status: 0 });
    assert.equal(await shown, "10 20\r\ntyped\r\n=typed\r\n33 44\r\n");
  }));

test("typing what nobody reads stops neither this process nor the terminal's end", () =>
  withContainer(async (id) => {
    const { terminal, exited, closed } = await runtime.exec(id, ["sleep", String(patience)], {
      terminal: true,
    });
    assert.ok(terminal);
    terminal.resume();
    const typed = once(terminal, "finish");
    terminal.end("a line of input\n".repeat(20_000));
    await sleep(100);
    assert.ok(terminal.writableLength > 0);
    assert.deepEqual(await exited, { status: 0 });
    await closed;
    await typed;
    assert.ok(terminal.destroyed);
  }));

test("a terminal takes as much as its program reads", () =>
  withContainer(async (id) => {
    const script = "stty -echo raw; echo ready; head -c 1000000 | wc -c";
    const { terminal, closed } = await runtime.exec(id, ["sh", "-c", script], { terminal: true });
    assert.ok(terminal);
    let shown = "";
    terminal.on("data", (data) => {
      if (shown === "") terminal.write("x".repeat(1_000_000));
      shown += data;
    });
    await closed;
    assert.match(shown, /^ready\r?\n1000000\r?\n$/);
  }));

test("the end of a terminal's input is control-D", async () => {
  const { path } = withTerminal("cat; echo over");
  const { terminal, exited } = await runtime.run(newId(), { bundle: path, terminal: true });
  assert.ok(terminal);
  const shown = text(terminal);
  await sleep(200);
  terminal.end("line");
  await exited;
  assert.match(await shown, /line.*over\r\n$/s);
});

test("the terminal of a detached container that lets it go and takes it again goes on", async () => {
  const { path } = withTerminal(
    `echo first; exec </dev/null >/dev/null 2>&1; sleep ${0.2 * patience}
     echo second >/dev/console; sleep ${0.2 * patience}; echo third >/dev/console`,
  );
  const id = newId();
  const { terminal } = await runtime.run(id, { bundle: path, detach: true, terminal: true });
  assert.ok(terminal);
  assert.equal(await text(terminal), "first\r\nsecond\r\nthird\r\n");
  await runtime.delete(id, { force: true });
});

test("the terminal of a created container comes through a console socket", async () => {
  const id = newId();
  const { path } = withTerminal("read x; stty size; echo =$x");
  const { terminal } = await runtime.create(id, {
    bundle: path,
    terminal: { rows: 7, columns: 8 },
  });
  assert.ok(terminal);
  const shown = text(terminal);
  await runtime.start(id);
  terminal.write("typed\r");
  assert.equal(await shown, "typed\r\n7 8\r\n=typed\r\n");
  await runtime.delete(id, { force: true });
});

test("a signal ends the container that is waited for, and nothing is left", async () => {
  const controller = new AbortController();
  const id = newId();
  const { exited } = await runtime.run(id, { bundle: waiting.path, signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(exited, { message: "enough" });
  await assert.rejects(runtime.state(id), NoContainerError);
});

test("a signal that has come already starts nothing", () =>
  withContainer(async (id) => {
    const signal = AbortSignal.abort(new Error("before"));
    const id2 = newId();
    for (const call of [
      runtime.exec(id, ["sleep", "100"], { signal }),
      runtime.exec(id, ["sleep", "100"], { signal, detach: true }),
      runtime.run(id2, { bundle: waiting.path, signal }),
    ])
      await assert.rejects(call, { message: "before" });
    assert.deepEqual(await sleepers(id), []);
    await assert.rejects(runtime.state(id2), NoContainerError);
  }));

test("whenever the signal comes, the call ends with its reason and leaves no process", () =>
  withContainer(async (id) => {
    let resolved = 0;
    for (let delay = 0; delay < 60; delay += 2) {
      const controller = new AbortController();
      const { signal } = controller;
      const call = runtime.exec(id, ["sleep", "100"], { signal, detach: delay % 4 === 0 });
      const reason = new Error(`after ${delay}`);
      // Longer than a process needs to begin, where machines are slow.
      setTimeout(delay * patience).then(() => controller.abort(reason));
      try {
        const made = await call;
        resolved++;
        if (made instanceof AttachedProcess) await assert.rejects(made.exited, reason);
        else process.kill(made.pid, "SIGKILL");
      } catch (error) {
        assert.equal(error, reason);
      }
    }
    assert.ok(resolved > 0 && resolved < 30, `${resolved} have begun before the signal`);
    // Whom the kernel kills need not be gone at once.
    for (let tries = 0; (await sleepers(id)).length > 0 && tries < 50; tries++) await sleep(20);
    assert.deepEqual(await sleepers(id), []);
  }));

/** What the process is warned of while `use` runs. */
async function warningsDuring(use: () => Promise<unknown>): Promise<Error[]> {
  const heard: Error[] = [];
  const hear = (warning: Error) => heard.push(warning);
  process.on("warning", hear);
  try {
    await use();
    await sleep(20);
  } finally {
    process.off("warning", hear);
  }
  return heard;
}

test("one signal for many calls is nothing to warn of", async () => {
  const { signal } = new AbortController();
  const heard = await warningsDuring(() =>
    Promise.all(Array.from({ length: 15 }, () => runtime.version({ signal }))),
  );
  assert.deepEqual(heard, []);
});

test("a signal ends a call that hangs in a hook", async () => {
  const id = newId();
  const { path } = shellBundle("true", {
    edit: (config) => {
      config.hooks = {
        createRuntime: [{ path: "/bin/sleep", args: ["sleep", String(2 * patience)] }],
      };
    },
  });
  const before = Date.now();
  const signal = AbortSignal.timeout(300);
  await assert.rejects(runtime.create(id, { bundle: path, signal }), { name: "TimeoutError" });
  assert.ok(Date.now() - before < 1500 * patience);
  await runtime.delete(id, { force: true });
  // The hook itself goes on until it has ended.
  await sleep(2000);
});

test("events come until the loop is left, the signal comes or the container ends", async () => {
  const id = newId();
  await runtime.run(id, { bundle: waiting.path, detach: true });
  for await (const event of runtime.events(id, { interval: 20 })) {
    assert.deepEqual([event.type, event.id], ["stats", id]);
    break;
  }
  const signal = AbortSignal.timeout(200);
  await assert.rejects(
    async () => {
      for await (const _ of runtime.events(id, { interval: 20, signal }));
    },
    { name: "TimeoutError" },
  );
  const end = (async () => {
    for await (const _ of runtime.events(id, { interval: 20 }));
  })();
  await sleep(100);
  await runtime.delete(id, { force: true });
  await end;
  await assert.rejects(runtime.events(id).next(), NoContainerError);
});

test("events are left at once, however long the next one takes", () =>
  withContainer(async (id) => {
    const events = runtime.events(id, { interval: 3_600_000 });
    const waiting = events.next();
    await sleep(100);
    assert.deepEqual(await events.return(), { done: true, value: undefined });
    assert.deepEqual(await waiting, { done: true, value: undefined });
    const stream = Readable.from(runtime.events(id, { interval: 3_600_000 })).resume();
    await sleep(100);
    stream.destroy();
    await once(stream, "close");
    // nothingIsLeftAtTheEnd looks for the tsrun of each.
  }));

test("a root that nobody has used has no containers", async () => {
  const fresh = new Runtime({ binary: tsrunPath, root: "/run/scratch/none-yet" });
  assert.deepEqual(await fresh.list(), []);
});

test("statistics are those of the container's group, read here", () =>
  withContainer(async (id) => {
    const { cpu } = await runtime.statistics(id);
    assert.ok(Number(cpu.stat?.["usage_usec"]) > 0);
    await assert.rejects(runtime.statistics(newId()), NoContainerError);
  }));

test("an update that cannot be is refused by name", () =>
  withContainer(async (id) => {
    await assert.rejects(
      runtime.update(id, { cpu: { realtimePeriod: 1000 } }),
      (error) => error instanceof RuntimeError && /realtimePeriod|real-time/.test(error.message),
    );
  }));

test("what the service manager has told this process is not for its containers", async () => {
  process.env["NOTIFY_SOCKET"] = "/run/nobody-listens";
  try {
    const { path } = shellBundle("env");
    const quiet = new Runtime({ binary: tsrunPath, root: "/run/tsrun" });
    const container = await quiet.run(newId(), { bundle: path, stdio: { stdout: "pipe" } });
    assert.doesNotMatch(await text(container.stdout as Readable), /NOTIFY_SOCKET/);
    assert.deepEqual(await container.exited, { status: 0 });
  } finally {
    delete process.env["NOTIFY_SOCKET"];
  }
});

test("a call leaves no descriptor and no file behind", async () => {
  const fds = () => openDescriptors();
  await runtime.version();
  const before = fds();
  for (let i = 0; i < 3; i++) {
    const { path } = shellBundle("true");
    await (await runtime.run(newId(), { bundle: path, stdio: { stdout: new PassThrough() } }))
      .exited;
  }
  await sleep(100);
  assert.equal(fds(), before);
  assert.equal(existsSync("/run/tsrun"), true);
});

test("a container that is looked at, and its processes' inputs, leave none either", () =>
  withContainer(async (id) => {
    const before = openDescriptors();
    for (let i = 0; i < 5; i++) {
      await runtime.state(id);
      await runtime.processes(id);
      await runtime.statistics(id);
      await runtime.list();
      await assert.rejects(runtime.state(newId()), NoContainerError);
      await (await runtime.exec(id, ["true"], { stdio: { stdin: "pipe" } })).exited;
    }
    await sleep(50);
    assert.equal(openDescriptors(), before);
  }));

const openDescriptors = (): number => {
  let open = 0;
  for (let fd = 0; fd < 256; fd++) if (existsSync(`/proc/self/fd/${fd}`)) open++;
  return open;
};

/** Sets this process's soft limit, and returns what it was. */
function limitDescriptors(limit: string): string {
  const [, before = ""] =
    /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  execFileSync("prlimit", [`--pid=${process.pid}`, `--nofile=${limit}:`]);
  return before;
}

test("a container is saved, and goes on when it is brought back", wholeWithCriu(), async () => {
  const container = counter();
  const { id, path: bundle, images: imagePath } = container;
  await runtime.run(id, { bundle, detach: true });
  counts(container);
  await runtime.checkpoint(id, { imagePath });
  await assert.rejects(runtime.state(id), NoContainerError);
  const saved = count(container);
  await assert.rejects(
    runtime.restore(id, { bundle, imagePath: `${imagePath}/none` }),
    (error: RuntimeError) => /reading the checkpoint/.test(error.message),
  );
  const { pid } = await runtime.restore(id, { bundle, imagePath, detach: true });
  try {
    assert.equal((await runtime.state(id)).pid, pid);
    counts(container, saved);
    await runtime.checkpoint(id, { imagePath });
    const restored = await runtime.restore(id, { bundle, imagePath });
    assert.equal((await runtime.state(id)).pid, restored.pid);
    counts(container, count(container));
    assert.equal(restored.kill("KILL"), true);
    assert.deepEqual(await restored.exited, { status: 137 });
    await assert.rejects(runtime.state(id), NoContainerError);
  } finally {
    await runtime.delete(id, { force: true });
  }
});
