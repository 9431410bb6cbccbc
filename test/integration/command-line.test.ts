/** The command line itself: help, version, logs, `spec`, and what it refuses. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, writeConfig } from "./harness/bundle.ts";
import type { Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const OPTIONS: Record<string, string[]> = {
  create: [
    ...["--bundle", "--console-socket", "--pid-file", "--no-pivot", "--no-new-keyring"],
    "--preserve-fds",
  ],
  run: [
    ...["--bundle", "--console-socket", "--pid-file", "--no-pivot", "--no-new-keyring"],
    ...["--preserve-fds", "--detach", "--keep"],
  ],
  start: [],
  state: [],
  kill: ["--all"],
  delete: ["--force"],
  events: ["--interval", "--stats", "--pressure", "--cgroup"],
  ps: ["--format"],
  spec: ["--bundle"],
};

test("--version names the program and the specification", () => {
  for (const option of ["--version", "-v"]) {
    const { stdout } = succeeded(tsrun.call([option]));
    // Outside of a git repository there is no commit.
    assert.match(
      stdout,
      /^tsrun version \d+\.\d+\.\d+\n(commit: \S+\n)?spec: 1\.3\.0\nlibseccomp: 2\.\d+\.\d+\n$/,
    );
  }
});

test("--help names every command and every global option", () => {
  const { stdout } = succeeded(tsrun.call(["--help"]));
  const globals = ["--root", "--log", "--log-format", "--debug", "--version", "--cgroup-manager"];
  for (const word of [...Object.keys(OPTIONS), ...globals]) {
    assert.ok(stdout.includes(word), `${word} is missing in:\n${stdout}`);
  }
});

for (const [command, options] of Object.entries(OPTIONS)) {
  test(`${command} --help names its options`, () => {
    const { stdout } = succeeded(tsrun.call([command, "--help"]));
    for (const option of options) assert.ok(stdout.includes(option), `${option}\n${stdout}`);
  });
}

test("what is unknown is refused in one line", () => {
  leavesNothing(() => {
    failed(tsrun.call(["nonsense"]), /nonsense/);
    failed(tsrun.call(["--nonsense"]), /--nonsense/);
    failed(tsrun.call(["run", "--nonsense", newId()]), /--nonsense/);
    failed(tsrun.call(["help", "nonsense"]), /no help for 'nonsense'/);
    failed(tsrun.with("--log-format", "xml").call(["state", "x"]), /xml/);
  });
});

test("missing and superfluous arguments are refused in one line", () => {
  for (const command of ["create", "run", "start", "state", "kill", "delete"]) {
    failed(tsrun.call([command]));
  }
  for (const command of ["create", "run", "start", "state", "delete"]) {
    failed(tsrun.call([command, newId(), "another"]));
  }
  failed(tsrun.call(["run", "--bundle"]), /bundle/);
});

test("options may stand after the id and take = or a space", () => {
  const bundle = makeBundle(["echo", "hello"]);
  const calls = [
    ["run", `--bundle=${bundle.path}`, newId()],
    ["run", "--bundle", bundle.path, newId()],
    ["run", "-b", bundle.path, newId()],
  ];
  for (const call of calls) assert.equal(succeeded(tsrun.call(call)).stdout, "hello\n");
});

interface LogLine {
  level: string;
  msg: string;
  time: string;
}

test("--log-format json: the error as engines read it, and as text on stderr", () => {
  const log = join(newFolder("log"), "log.json");
  const call = ["state", newId()];
  failed(tsrun.with("--log", log, "--log-format", "json").call(call), /does not exist/);
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 1);
  const { level, msg, time } = JSON.parse(lines[0] as string) as LogLine;
  assert.equal(level, "error");
  assert.match(msg, /does not exist/);
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
});

test("--log appends, in text too", () => {
  const log = join(newFolder("log"), "log.txt");
  for (let i = 0; i < 2; i++) tsrun.with("--log", log).call(["state", newId()]);
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 2);
  for (const line of lines) assert.match(line, /does not exist/);
});

test("a failing run writes its error to the log as well", () => {
  const log = join(newFolder("log"), "log.json");
  const bundle = makeBundle(["/no/such/program"]);
  const logged = tsrun.with("--log", log, "--log-format", "json");
  failed(logged.call(["create", "-b", bundle.path, newId()]), /\/no\/such\/program/);
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  const last = JSON.parse(lines.at(-1) as string) as LogLine;
  assert.equal(last.level, "error");
  assert.match(last.msg, /\/no\/such\/program/);
});

test("--debug logs what the creator does, and the container’s process writes nowhere", () => {
  const [id, log] = [newId(), join(newFolder("log"), "log.json")];
  // Where the container would write, if it went by the log's path.
  const bundle = makeBundle(["ls", dirname(log)], {
    prepare: (rootfs) => mkdirSync(join(rootfs, dirname(log)), { recursive: true }),
  });
  const debugging = tsrun.with("--debug", "--log", log, "--log-format", "json");
  assert.equal(succeeded(debugging.call(["run", "-b", bundle.path, id])).stdout, "");
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  const steps = lines.map((line) => JSON.parse(line) as LogLine);
  assert.ok(steps.every(({ level }) => level === "debug"));
  const messages = steps.map(({ msg }) => msg);
  assert.match(messages[0] ?? "", /^this is tsrun /);
  assert.ok(messages.includes(`writing the state of ${id}`), messages.join("\n"));
});

interface Spec {
  ociVersion: string;
  hostname: string;
}

test("spec writes the configuration that runc’s users know", () => {
  const [ours, theirs] = [tsrun, runc].map((runtime) => {
    const folder = newFolder("spec");
    succeeded(runtime.call(["spec"], { cwd: folder }));
    return JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Spec;
  }) as [Spec, Spec];
  assert.match(ours.ociVersion, /^1\.\d+\.\d+$/);
  assert.ok(["runc", "tsrun"].includes(ours.hostname), ours.hostname);
  const same = { ociVersion: "", hostname: "" };
  assert.deepEqual({ ...ours, ...same }, { ...theirs, ...same });
});

test("spec --bundle writes there, and never over a file", () => {
  const folder = newFolder("spec");
  succeeded(tsrun.call(["spec", "--bundle", folder]));
  assert.ok(existsSync(join(folder, "config.json")));
  const before = readFileSync(join(folder, "config.json"), "utf8");
  failed(tsrun.call(["spec", "-b", folder]), /config\.json/, /exist/);
  assert.equal(readFileSync(join(folder, "config.json"), "utf8"), before);
});

test("what spec writes runs", () => {
  const bundle = makeBundle([]);
  const folder = newFolder("spec");
  succeeded(tsrun.call(["spec", "-b", folder]));
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Config;
  assert.equal(config.process.terminal, true);
  assert.deepEqual(config.process.args, ["sh"]);
  config.process.terminal = false;
  writeConfig(bundle.path, config);
  const call = ["run", "-b", bundle.path, newId()];
  assert.equal(succeeded(tsrun.call(call, { input: "hostname\n" })).stdout, `${config.hostname}\n`);
});
