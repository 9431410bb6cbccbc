/** checkpoint and restore: what a container shares with others outside: its standard streams, its terminal, connections and locks. */
import assert from "node:assert/strict";
import { type StdioOptions, spawn, spawnSync } from "node:child_process";
import { openSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle } from "./harness/bundle.ts";
import {
  checkpoint,
  checkpointed,
  count,
  counter,
  counts,
  isGone,
  remove,
  restore,
  restored,
  run,
  wholeWithCriu,
  withCriu,
} from "./harness/checkpoint.ts";
import { type Config, shareNamespace } from "./harness/config.ts";
import { becomes, eventually, failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";
import { consoleSocket, Terminal } from "./harness/terminal.ts";

nothingIsLeftAtTheEnd();

test("connections over the loopback device go on with --tcp-established", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter(
      // Who waits in poll(2) or nanosleep(2) gets EINTR from criu, and nc ends by that: others take over what it has made.
      // What is said on stderr would change the size of that file, which criu compares.
      `nc -l -p 7000 -e sh -c "cat > /vol/received" &
       until nc 127.0.0.1 7000 -e sh -c "while echo line; do sleep 0.1; done" 2> /dev/null; do sleep 0.1; done &`,
      (config) => {
        // No file of this machine says more than the options.
        config.annotations = { "org.criu.config": "" };
      },
    );
    run(container);
    const received = () =>
      statSync(join(container.volume, "received"), { throwIfNoEntry: false })?.size ?? 0;
    const arrives = () => {
      const before = received();
      eventually("lines arrive", () => received() > before);
    };
    arrives();
    failed(checkpoint(container), /criu fails: .*--tcp-established/, /its log is .*\/dump\.log/);
    counts(container);
    arrives();
    checkpointed(container, ["--tcp-established"]);
    restored(container, ["--tcp-established"]);
    arrives();
    remove(container);
  });
});

test("a lock on a file is held again with --file-locks", wholeWithCriu(), () => {
  leavesNothing(() => {
    // The machine's: busybox has none.
    const flock =
      "/host/lib64/ld-linux-x86-64.so.2 --library-path /host/lib/x86_64-linux-gnu /host/bin/flock";
    const holder = "sh -c 'while :; do sleep 1; done'";
    const container = counter(`${flock} --no-fork /vol/lock ${holder} &`, (config) => {
      config.annotations = { "org.criu.config": "" };
      const host = { destination: "/host", type: "bind", source: "/usr", options: ["rbind", "ro"] };
      config.mounts.push(host);
    });
    run(container);
    const isFree = () =>
      spawnSync("flock", ["-n", join(container.volume, "lock"), "true"]).status === 0;
    eventually("it is held", () => !isFree());
    failed(checkpoint(container), /criu fails: .*--file-locks/);
    checkpointed(container, ["--file-locks"]);
    assert.ok(isFree());
    restored(container, ["--file-locks"]);
    assert.ok(!isFree());
    remove(container);
  });
});

const withTerminal = (config: Config): void => {
  config.process.terminal = true;
};

const ECHO = 'echo ready; while read -r line; do echo "got <$line>"; done; exit 7';

test("a terminal comes back through the console socket", withCriu, async () => {
  const container = counter(ECHO, withTerminal);
  const first = consoleSocket();
  succeeded(
    tsrun.call(["run", "-d", "--console-socket", first.path, "-b", container.path, container.id]),
  );
  first.terminal.shows(/ready/);
  checkpointed(container);
  const second = consoleSocket();
  restored(container, ["--console-socket", second.path]);
  await second.terminal.type("hello\r");
  second.terminal.shows(/got <hello>/);
  remove(container);
  await second.terminal.ended();
});

test("and in the foreground, with the exit status", wholeWithCriu(), async () => {
  const container = counter(ECHO, withTerminal);
  const first = consoleSocket();
  succeeded(
    tsrun.call(["run", "-d", "--console-socket", first.path, "-b", container.path, container.id]),
  );
  first.terminal.shows(/ready/);
  checkpointed(container);
  const { path, images, id } = container;
  const terminal = new Terminal(
    ...["foreground", "33", "101", ...tsrun.command],
    ...["restore", "-b", path, "--image-path", images, id],
  );
  eventually("it runs", () => tsrun.call(["state", id]).status === 0);
  becomes(id, "running");
  await terminal.type("hello\r");
  terminal.shows(/got <hello>/);
  await terminal.type("\u0004");
  await terminal.ended();
  assert.match(terminal.report, /^status 7$/m);
  assert.ok(isGone(container));
});

test("a detached restore of a terminal needs somebody at its other end", () => {
  const container = counter(undefined, withTerminal);
  failed(restore(container), /nobody would be at its other end/, /--console-socket/);
});

test("pipes that the restorer has take the place of those that it had", wholeWithCriu(), () => {
  leavesNothing(() => {
    const volume = newFolder("volume");
    const bundle = shellBundle('while read -r line; do echo "got <$line>"; done; exit 5', {});
    const container = { ...bundle, id: newId(), images: join(volume, "checkpoint"), volume };
    const { path, id, images } = container;
    const command = tsrun.command.join(" ");
    const first = spawn(
      "sh",
      ["-c", `sleep 1000 | ${command} run -d -b ${path} ${id} 2>&1 | cat`],
      {
        stdio: "ignore",
        detached: true,
      },
    );
    try {
      eventually("it runs", () => tsrun.call(["state", id]).status === 0);
      becomes(id, "running");
      checkpointed(container);
    } finally {
      process.kill(-(first.pid as number), "SIGKILL");
    }
    const answer = spawnSync(
      "sh",
      ["-c", `echo hello | ${command} restore -b ${path} --image-path ${images} ${id} | cat; `],
      { encoding: "utf8" },
    );
    assert.equal(answer.stdout, "got <hello>\n", answer.stderr);
    assert.ok(isGone(container));
  });
});

test(
  "in the foreground signals reach it, and its end is the exit status",
  wholeWithCriu(),
  async () => {
    const container = counter("trap 'exit 9' TERM");
    run(container);
    checkpointed(container);
    const { path, images, id } = container;
    const output = openSync(join(container.volume, "output"), "w");
    const stdio: StdioOptions = ["ignore", output, output];
    const child = tsrun.spawn(["restore", "-b", path, "--image-path", images, id], stdio);
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const saved = count(container);
    counts(container, saved);
    child.kill("SIGTERM");
    assert.equal(await ended, 9);
    assert.ok(isGone(container));
  },
);

test(
  "standard streams on somebody's terminal are saved with --shell-job only",
  wholeWithCriu(),
  async () => {
    const container = counter(ECHO, (config) => {
      config.annotations = { "org.criu.config": "" };
    });
    const command = [...tsrun.command, "run", "-b", container.path, container.id];
    const terminal = new Terminal("foreground", "33", "101", ...command);
    terminal.shows(/ready/);
    failed(checkpoint(container), /criu fails: .*\/dev\/pts\//);
    checkpointed(container, ["--shell-job"]);
    await terminal.ended();
    assert.ok(isGone(container));
  },
);

test(
  "one half of a connection cannot be saved, as criu says, and the container goes on",
  wholeWithCriu(),
  async () => {
    // criu finds sockets of the network namespaces that it saves: these are of the machine's.
    const container = counter(":", (config) => shareNamespace(config, "network"));
    // Node makes pairs of sockets.
    const run = tsrun.spawn(["run", "-d", "-b", container.path, container.id], "pipe");
    await new Promise((resolve) => run.once("exit", resolve));
    counts(container);
    failed(
      checkpoint(container, ["--ext-unix-sk"]),
      /criu fails: .*half of stream unix connection/,
    );
    counts(container, count(container));
    remove(container);
  },
);
