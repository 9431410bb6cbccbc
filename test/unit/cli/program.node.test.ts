/** Which command line makes which call of the runtime, and which makes none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Call, type OptionTable, passesWordsOn } from "../../../src/cli/command.ts";
import { readLine } from "../../../src/cli/commandLine.ts";
import { commands } from "../../../src/cli/commands.ts";
import { globalOptions } from "../../../src/cli/globals.ts";
import { CONTAINER_STATUS, plainLine, type Recording, record } from "./recorder.ts";

// The tests' own environment does not decide.
for (const name of ["LISTEN_FDS", "XDG_RUNTIME_DIR"]) delete process.env[name];

const created = {
  id: "c",
  bundle: ".",
  consoleSocket: undefined,
  pidfdSocket: undefined,
  pidFile: undefined,
  noPivot: false,
  noNewKeyring: false,
  preserveFds: 0,
  listenFds: 0,
};
const ran = { ...created, detach: false, keep: false, subreaper: true };

const second = 1_000_000_000n;
const watched = { interval: 5n * second, once: false, triggers: [], cgroup: false };
const trigger = { resource: "memory", kind: "some", threshold: second / 4n, window: second };

const right: [line: string, ...call: Recording["calls"][number]][] = [
  ["create c", "create", created],
  ["create --bundle /b c", "create", { ...created, bundle: "/b" }],
  ["create --bundle=/b c", "create", { ...created, bundle: "/b" }],
  ["create --bundle= c", "create", created],
  ["create -b /b c", "create", { ...created, bundle: "/b" }],
  ["create c -b/b", "create", { ...created, bundle: "/b" }],
  ["create --console-socket s c", "create", { ...created, consoleSocket: "s" }],
  ["create --pidfd-socket s c", "create", { ...created, pidfdSocket: "s" }],
  ["create --pid-file p c", "create", { ...created, pidFile: "p" }],
  ["create --no-pivot c", "create", { ...created, noPivot: true }],
  ["create --no-new-keyring c", "create", { ...created, noNewKeyring: true }],
  ["create --preserve-fds 0 c", "create", created],
  ["create -- -c", "create", { ...created, id: "-c" }],
  ["run c", "run", ran],
  ["run c -d", "run", { ...ran, detach: true }],
  ["run --detach c", "run", { ...ran, detach: true }],
  ["run -db /b c", "run", { ...ran, detach: true, bundle: "/b" }],
  ["run --keep c", "run", { ...ran, keep: true }],
  ["run --no-subreaper c", "run", { ...ran, subreaper: false }],
  ["run -no-subreaper -bundle /b c", "run", { ...ran, subreaper: false, bundle: "/b" }],
  ["run -no-pivot -db /b c", "run", { ...ran, noPivot: true, detach: true, bundle: "/b" }],
  ["ps c -format json", "processTable", "c", ["-format", "json"]],
  ["run --no-pivot --no-new-keyring c", "run", { ...ran, noPivot: true, noNewKeyring: true }],
  ["list", "list"],
  ["list --format json", "list"],
  ["list -q", "list"],
  ["list -qf json", "list"],
  ["start c", "start", "c"],
  ["state c", "state", "c"],
  ["kill c", "kill", "c", 15, { all: false }],
  ["kill c 0", "kill", "c", 0, { all: false }],
  ["kill c KILL", "kill", "c", 9, { all: false }],
  ["kill c sigkill", "kill", "c", 9, { all: false }],
  ["kill --all c 9", "kill", "c", 9, { all: true }],
  ["kill c 9 -a", "kill", "c", 9, { all: true }],
  ["delete c", "remove", "c", { force: false }],
  ["delete --force c", "remove", "c", { force: true }],
  ["delete c -f", "remove", "c", { force: true }],
  ["events c", "events", "c", watched],
  ["events --stats c", "events", "c", { ...watched, once: true }],
  ["events c --stats --cgroup", "events", "c", { ...watched, once: true, cgroup: true }],
  ["events --interval 1m30s c", "events", "c", { ...watched, interval: 90n * second }],
  ["events --interval=500ms c", "events", "c", { ...watched, interval: second / 2n }],
  [
    "events --pressure memory:some:250ms/1s c --pressure=cpu:full:1s/2s",
    "events",
    "c",
    {
      ...watched,
      triggers: [
        trigger,
        { resource: "cpu", kind: "full", threshold: second, window: 2n * second },
      ],
    },
  ],
  ["features", "features"],
  ["ps c", "processTable", "c", ["-ef"]],
  ["ps -f table c", "processTable", "c", ["-ef"]],
  ["ps c -e -o pid,args", "processTable", "c", ["-e", "-o", "pid,args"]],
  ["ps c aux", "processTable", "c", ["aux"]],
  ["ps c -f json", "processTable", "c", ["-f", "json"]],
  ["ps c --help", "processTable", "c", ["--help"]],
  ["ps c -- -f", "processTable", "c", ["-f"]],
  ["ps -- c -f", "processTable", "c", ["-f"]],
  ["ps --format json c", "processes", "c"],
  ["ps -fjson c -ef", "processes", "c"],
];

const split = (line: string): string[] => line.split(" ");

for (const [line, ...call] of right)
  test(`tsrun ${line}`, () => {
    const { calls, status, stderr } = record(split(line));
    assert.deepEqual(calls, [call]);
    assert.equal(stderr, "");
    assert.equal(status, call[0] === "run" ? CONTAINER_STATUS : 0);
  });

test("plain lines are read as commander reads them", () => {
  const output = { write: () => assert.fail(), writeError: () => assert.fail() };
  const readers = new Set<string>();
  for (const [line] of right)
    for (const globals of ["", "--debug ", "--root /r --log-format=json ", "--log-format text "]) {
      const argv = split(globals + line);
      const plain = plainLine(argv);
      readers.add(plain ? "plain" : line);
      if (!plain) continue;
      const whole = readLine(argv, output);
      const [ours, theirs] = [plain.call() as Call, whole.call() as Call];
      assert.deepEqual(plain.globals, whole.globals);
      assert.equal(ours.command, theirs.command);
      assert.deepEqual(ours.args, theirs.args);
      const given = Object.entries(theirs.flags).filter(([, value]) => value !== undefined);
      assert.deepEqual(ours.flags, Object.fromEntries(given));
    }
  // Spellings that engines do not use are left to commander.
  const left = [
    ...["create c -b/b", "run -db /b c", "run -no-pivot -db /b c"],
    ...["ps -fjson c -ef", "list -qf json"],
  ];
  assert.deepEqual([...readers].sort(), [...left, "plain"].sort());
});

for (const [line, same] of [
  ["run --detach=true c", "run -d c"],
  ["run -d=1 c", "run -d c"],
  ["run -d --detach=false c", "run c"],
  ["run --no-pivot=t c", "run --no-pivot c"],
  ["run --no-pivot --no-pivot=false --no-subreaper=0 c", "run c"],
  ["run -bundle=/b c", "run --bundle /b c"],
  ["run -b=/b c", "run --bundle /b c"],
  ["run --bundle -d c", "run --bundle=-d c"],
  ["--systemd-cgroup=false --debug=false list -f=json", "list --format json"],
  ["-root=/r state c", "--root /r state c"],
  ["exec -e=A=b -t=true c sh -c=d", "exec --env A=b --tty c sh -c=d"],
  ["exec c sh --tty=false", "exec c sh --tty=false"],
] as const)
  test(`as programs in Go write it: tsrun ${line}`, () => {
    const { calls, status, stderr, context } = record(split(line));
    const expected = record(split(same));
    assert.deepEqual([stderr, status, calls], ["", expected.status, expected.calls]);
    assert.equal(calls.length, 1);
    assert.deepEqual(
      [context?.root, context?.cgroupManager],
      [expected.context?.root, expected.context?.cgroupManager],
    );
  });

test("a line that is not plain is no plain line", () => {
  for (const line of [
    ...[
      "",
      "--help",
      "run --help c",
      "run",
      "run a b",
      "runn c",
      "--nonsense run c",
      "-v",
      "help run",
    ],
    ...["run --bundle", "run --detach=yes c", "run --bun /b c", "--root", "--root run"],
    ...["--debug=2 state c", "-b /b run c", "state --bundle /b c", "--log run c", "kill a b c"],
  ])
    assert.equal(plainLine(split(line)), undefined, line);
});

const contexts: [globals: string, root: string, cgroupManager: string][] = [
  ["", "/run/tsrun", "cgroupfs"],
  ["--root /r", "/r", "cgroupfs"],
  ["--root=/r/../s//t/.", "/s/t", "cgroupfs"],
  ["--root r", `${process.cwd()}/r`, "cgroupfs"],
  ["--cgroup-manager=cgroupfs", "/run/tsrun", "cgroupfs"],
  ["--cgroup-manager disabled --root /r", "/r", "disabled"],
  ["--systemd-cgroup", "/run/tsrun", "systemd"],
  ["--cgroup-manager systemd", "/run/tsrun", "systemd"],
  ["--systemd-cgroup --cgroup-manager=disabled", "/run/tsrun", "disabled"],
  ["--log-format= --rootless= --cgroup-manager=", "/run/tsrun", "cgroupfs"],
  ["--rootless=true", "/run/tsrun", "cgroupfs"],
  ["--rootless false --log-format json", "/run/tsrun", "cgroupfs"],
  ["--rootless auto --log-format=text", "/run/tsrun", "cgroupfs"],
];

for (const [globals, root, cgroupManager] of contexts)
  test(`tsrun ${globals} start c`, () => {
    const { context, stderr } = record(split(`${globals} start c`.trim()));
    assert.equal(stderr, "");
    assert.equal(context?.root, root);
    assert.equal(context?.cgroupManager, cgroupManager);
  });

const wrong: [line: string, message: RegExp][] = [
  ["nonsense", /unknown command 'nonsense'/],
  ["rnu c", /unknown command 'rnu' \(Did you mean run\?\)/],
  ["constructor c", /unknown command 'constructor'/],
  ["help nonsense", /no help for 'nonsense'/],
  ["--nonsense", /unknown option '--nonsense'/],
  ["--nonsense run c", /unknown option '--nonsense'/],
  ["--debug=yes run c", /unknown option '--debug=yes'/],
  ["run --bundel /b c", /unknown option '--bundel' \(Did you mean --bundle\?\)/],
  ["run -x c", /unknown option '-x'/],
  ["run --root /r c", /unknown option '--root'/],
  ["start -b /b c", /unknown option '-b'/],
  ["--root", /flag needs an argument: --root <directory>/],
  ["run c --bundle", /flag needs an argument: -b, --bundle <directory>/],
  // Podman looks for these words, to know whether a container can be restored into a pod.
  ["restore --lsm-mount-context", /flag needs an argument: --lsm-mount-context/],
  ["create", /missing required argument 'new-container-id'/],
  ["run -b /b", /missing required argument 'new-container-id'/],
  ["start", /missing required argument 'container-id'/],
  ["events", /missing required argument 'container-id'/],
  ["ps -f json", /missing required argument 'container-id'/],
  ["state", /missing required argument 'container-id'/],
  ["kill", /missing required argument 'container-id'/],
  ["delete -f", /missing required argument 'container-id'/],
  ["create c d", /too many arguments for 'create'. Expected 1 argument but got 2/],
  ["run c d", /too many arguments/],
  ["start c d", /too many arguments/],
  ["state c d", /too many arguments/],
  ["kill c 9 d", /too many arguments/],
  ["delete c d", /too many arguments/],
  ["spec c", /too many arguments/],
  ["events c d", /too many arguments/],
  ["events --interval 5 c", /--interval is "5", which is not a duration; .* such as 5s/],
  ["events --interval 0s c", /--interval is 0s: it must be greater than 0/],
  ["events --interval=-1s --stats c", /--interval is -1s: it must be greater than 0/],
  ["events --pressure memory c", /--pressure is "memory": expected .* such as memory:some:150ms/],
  ["events --pressure disk:some:1s/2s c", /--pressure is "disk:some:1s\/2s"/],
  ["events --pressure io:some:1s/2 c", /the window of --pressure is "2"/],
  ["events --pressure io:some:0s/2s c", /the threshold of --pressure is 0s/],
  ["ps --format xml c", /--format is "xml": expected table or json/],
  ["ps -e c", /unknown option '-e'/],
  ["kill c NONE", /unknown signal "NONE".* such as TERM/],
  ["kill c 65", /unknown signal "65"/],
  ["kill c 65", /unknown signal "65"/],
  ["kill c -9", /unknown signal "-9"/],
  ["run --preserve-fds two c", /--preserve-fds is "two"/],
  ["run --preserve-fds -1 c", /--preserve-fds is "-1"/],
  ["run --preserve-fds 1e3 c", /--preserve-fds is "1e3"/],
  ["run --preserve-fds 999999999 c", /descriptor \d+ is not open/],
  ["--log-format xml state c", /--log-format is "xml": expected text or json/],
  ["--rootless maybe state c", /--rootless is "maybe": expected true, false or auto/],
  ["--cgroup-manager=none run c", /expected cgroupfs, systemd or disabled/],
  ["--root / state c", /--root is "\/"/],
  ["--root /x/.. state c", /--root is "\/x\/\.\."/],
  ["--log /no/such/log state c", /writing the log \/no\/such\/log: .*ENOENT/],
];

for (const [line, message] of wrong)
  test(`tsrun ${line}: refused`, () => {
    const { calls, status, stdout, stderr } = record(split(line));
    assert.deepEqual(calls, []);
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, message);
    assert.match(stderr, /^tsrun: [^\n]+\n$/);
  });

/** A help has all options but those without a description. */
function tellsOptions(help: string, options: OptionTable): void {
  for (const flags in options) assert.equal(help.includes(flags), options[flags] !== "", flags);
}

test("--help and no command: the whole program", () => {
  for (const argv of [["--help"], ["-h"], ["help"], [], ["--debug"], ["--debug", "--help"]]) {
    const { status, stdout, stderr, calls } = record(argv);
    assert.deepEqual([status, stderr, calls], [0, "", []]);
    for (const name of commands.keys()) assert.match(stdout, new RegExp(`^  ${name} .*\\S`, "m"));
    tellsOptions(stdout, globalOptions);
  }
});

for (const [name, command] of commands)
  test(`${name} --help`, () => {
    for (const argv of [
      [name, "--help"],
      [name, "-h"],
      ["help", name],
      ...(passesWordsOn(command) ? [] : [[name, "some", "thing", "--help"]]),
    ]) {
      const { status, stdout, stderr, calls } = record(argv);
      assert.deepEqual([status, stderr, calls], [0, "", []]);
      assert.ok(stdout.startsWith(`Usage: tsrun ${name} `), stdout);
      assert.ok(stdout.includes(command.summary));
      tellsOptions(stdout, command.options);
    }
  });

test("--criu is accepted with a warning, as runc 1.2 did", () => {
  const { calls, stderr } = record(split("--criu /usr/sbin/criu start c"));
  assert.deepEqual(calls, [["start", "c"]]);
  assert.match(stderr, /^tsrun: warning: --criu is ignored/);
});

test("state prints JSON", () => {
  const { stdout } = record(["state", "c"]);
  assert.ok(stdout.startsWith('{\n  "ociVersion": "1.3.0",\n  "id": "c",\n'), stdout);
  assert.ok(stdout.endsWith("\n}\n"));
});

test("events prints a line of JSON each", () => {
  assert.equal(record(["events", "c"]).stdout, '{"type":"oom","id":"c"}\n');
});

test("ps prints a list of pids, or the rows as they are", () => {
  assert.equal(record(["ps", "-f", "json", "c"]).stdout, "[1,2]\n");
  assert.equal(record(["ps", "c"]).stdout, "PID\xff\n");
});
