/** Programs that cannot be executed: found by create where they can be, by start where not. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { type Bundle, makeBundle } from "./harness/bundle.ts";
import { eventually, failed, pause, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** A bundle that runs /program, which `prepare` has made. */
function programBundle(prepare: (program: string) => void, ...args: string[]): Bundle {
  return makeBundle(args.length === 0 ? ["/program"] : args, {
    prepare: (rootfs) => prepare(join(rootfs, "program")),
  });
}

function script(text: string, mode = 0o755): (program: string) => void {
  return (program) => {
    writeFileSync(program, text);
    chmodSync(program, mode);
  };
}

// The words from which Docker and Podman make the statuses 127 and 126.
const MISSING = /no such file or directory \(ENOENT\)/;
const FORBIDDEN = /permission denied \(EACCES\)/;

const FOUND_BY_CREATE: [string, Bundle, RegExp][] = [
  ["missing", makeBundle(["/no/such/program"]), MISSING],
  ["missing in PATH", makeBundle(["nosuchprogram"]), /executable file not found in .*PATH/],
  ["missing, relative", makeBundle(["./program"]), MISSING],
  ["not executable", programBundle(script("#!/bin/sh\n", 0o644)), FORBIDDEN],
  ["a folder", programBundle((path) => mkdirSync(path)), FORBIDDEN],
  ["a dangling link", programBundle((path) => symlinkSync("/nowhere", path)), MISSING],
  ["on a path through a file", programBundle(script("x"), "/program/inner"), MISSING],
  ["an empty name", makeBundle([""]), /args|empty|PATH/],
];

for (const [name, bundle, reason] of FOUND_BY_CREATE) {
  test(`create says it: ${name}`, () => {
    for (const command of ["create", "run"]) {
      leavesNothing(() => {
        const id = newId();
        const program = (bundle.config.process.args[0] ?? "").replace(/^\.\//, "");
        failed(tsrun.call([command, "-b", bundle.path, id]), reason, new RegExp(program));
        failed(tsrun.call(["state", id]), /does not exist/);
      });
    }
  });
}

const FOUND_BY_START: [string, Bundle, RegExp][] = [
  ["a missing interpreter", programBundle(script("#!/no/such/shell\n")), MISSING],
  [
    "neither a binary nor a script",
    programBundle(script("nonsense\n")),
    /exec format error \(ENOEXEC\)/,
  ],
  ["an empty file", programBundle(script("")), /exec format error \(ENOEXEC\)/],
];

for (const [name, bundle, reason] of FOUND_BY_START) {
  test(`start says it: ${name}`, () => {
    leavesNothing(() => {
      const id = newId();
      succeeded(tsrun.call(["create", "-b", bundle.path, id]), "create");
      failed(tsrun.call(["start", id]), reason, /\/program/);
      eventually("the container is stopped", () => stateOf(id).status === "stopped");
      succeeded(tsrun.call(["delete", id]));
    });
    leavesNothing(() => {
      failed(tsrun.call(["run", "-b", bundle.path, newId()]), reason, /\/program/);
    });
  });
}

test("start says it: the program went away after create", () => {
  leavesNothing(() => {
    const bundle = programBundle(script("#!/bin/sh\n"));
    const id = newId();
    succeeded(tsrun.call(["create", "-b", bundle.path, id]), "create");
    rmSync(join(bundle.rootfs, "program"));
    failed(tsrun.call(["start", id]), MISSING, /\/program/);
    succeeded(tsrun.call(["delete", "--force", id]));
  });
});

test("start says it: the container was killed before", () => {
  const bundle = makeBundle(["true"]);
  const id = newId();
  succeeded(tsrun.call(["create", "-b", bundle.path, id]), "create");
  process.kill(stateOf(id).pid, "SIGKILL");
  eventually("it is stopped", () => stateOf(id).status === "stopped");
  failed(tsrun.call(["start", id]), /stopped/);
  succeeded(tsrun.call(["delete", id]));
});

test("start says it: the container was killed while it was being started", async () => {
  const id = newId();
  succeeded(tsrun.call(["create", "-b", makeBundle(["true"]).path, id]), "create");
  const { pid } = stateOf(id);
  // It accepts no connection any more; that of `start` waits, and is reset by its end.
  process.kill(pid, "SIGSTOP");
  const start = tsrun.spawn(["start", id], ["ignore", "ignore", "pipe"]);
  const links = () => spawnSync("ls", ["-l", `/proc/${start.pid}/fd`], { encoding: "utf8" }).stdout;
  eventually("it is connected", () => links().split("socket:").length > 2);
  pause(50);
  process.kill(pid, "SIGKILL");
  const said = await text(start.stderr as Readable);
  assert.equal(said, "tsrun: the container's process ended before it was started\n");
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("poststart hooks do not run when the program did not start", () => {
  const bundle = makeBundle(["/program"], {
    prepare: (rootfs) => script("nonsense\n")(join(rootfs, "program")),
    edit: (config, path) => {
      const mark = join(path, "poststart");
      config.hooks = { poststart: [{ path: "/bin/busybox", args: ["busybox", "touch", mark] }] };
    },
  });
  const id = newId();
  succeeded(tsrun.call(["create", "-b", bundle.path, id]), "create");
  failed(tsrun.call(["start", id]));
  assert.throws(() => rmSync(join(bundle.path, "poststart")), /ENOENT/);
  succeeded(tsrun.call(["delete", "--force", id]));
});
