/** containerd with its own shim for runc, told by `ctr run --runc-binary` which runtime it starts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DEPARTURES } from "../../integration/departures.ts";
import { defaultConfig } from "../../integration/harness/config.ts";
import { differences, type Observation, parse, probe } from "../../integration/harness/observe.ts";
import { eventually } from "../../integration/harness/waiting.ts";
import { call, output } from "./calls.ts";
import * as ctr from "./ctr.ts";
import { busyboxImage } from "./images.ts";
import { alike, type EngineRuntime, installTsrun, runc, tsrun } from "./runtimes.ts";
import { isWhole } from "./whole.ts";

const folder = mkdtempSync("/var/tmp/containerd-");
/** Ends with status 0 at SIGTERM, which the first process of a PID namespace would else not get. */
const WAITS = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"];
const SLEEPS = ["sleep", "1000"];
/** Where the shim keeps the state of both runtimes (`--root`), for ctr's namespace. */
const STATES = "/run/containerd/runc/default";

before(() => {
  installTsrun();
  output(["systemctl", "start", "containerd.service"]);
  output(["ctr", "images", "import", busyboxImage(folder)]);
});
after(() => {
  output(["systemctl", "stop", "containerd.service"]);
  rmSync(folder, { recursive: true });
});

/** Whatever a test leaves would be in the way of the next one. */
function nothingIsLeft(): void {
  assert.deepEqual([...ctr.statuses()], []);
  assert.equal(output(["ctr", "container", "list", "--quiet"]), "");
  assert.deepEqual(existsSync(STATES) ? readdirSync(STATES) : [], []);
}

alike("run passes streams and statuses on", (runtime) => {
  const script = "cat; echo error >&2; exit 7";
  const { status, stdout, stderr } = ctr.run(runtime, "streams", ["sh", "-c", script], [], {
    input: "in\n",
  });
  assert.equal(status, 7);
  assert.equal(stdout, "in\n");
  nothingIsLeft();
  return { status, stdout, stderr };
});

alike("a program that a signal ends has the status 128 + its number", (runtime) => {
  const { status } = ctr.run(runtime, "signal", ["sh", "-c", "kill -KILL $$"]);
  // The first process of a PID namespace does not even get a SIGKILL of its own.
  const child = ctr.run(runtime, "child", ["sh", "-c", "(kill -KILL $(sh -c 'echo $PPID'))"]);
  assert.equal(child.status, 137);
  return { first: status, child: child.status };
});

alike("a program that is not there is refused", (runtime) => {
  const { status, stderr } = ctr.run(runtime, "missing", ["/no/such/program"]);
  assert.match(stderr, /\/no\/such\/program/);
  nothingIsLeft();
  return { status };
});

function observed(runtime: EngineRuntime): Observation {
  const script = probe(defaultConfig());
  const { stdout } = ctr.run(runtime, "observed", ["sh", "-c", script], ["--seccomp"]);
  return parse(stdout.replaceAll(/snapshots\/\d+/g, "snapshots/N"), "", "observed");
}

test("a container observes the same", () => {
  const explained = DEPARTURES.filter(
    ({ peer, variations }) => peer === "runc" && variations === undefined,
  );
  const unknown = differences(observed(tsrun), observed(runc)).filter(
    ({ section, line, of }) => !explained.some((each) => each[of]?.test(`${section}: ${line}`)),
  );
  assert.deepEqual(unknown, []);
});

const SIZE = /^24 80$/m;

alike(
  "run on a terminal: its size, its input, the signal of a key, and its status",
  async (runtime) => {
    const script =
      "trap 'echo interrupted' INT; stty size; tty; read line; echo got $line; read line; exit 3";
    const terminal = ctr.runOnTerminal(runtime, "terminal", ["sh", "-c", script], folder);
    terminal.shows(/dev\/pts/);
    terminal.shows(SIZE);
    await terminal.type("word\r");
    terminal.shows(/got word/);
    await terminal.type("\x03");
    terminal.shows(/interrupted/);
    await terminal.type("\r");
    await terminal.ended();
    assert.match(terminal.report, /^status 3$/m);
    nothingIsLeft();
    return terminal.output;
  },
);

alike(
  "a container in the background: exec, ps, pause, resume, metrics, kill, delete",
  async (runtime) => {
    ctr.start(runtime, "life", WAITS, ["--env", "SAID=by run"]);
    ctr.becomes("life", "RUNNING");
    const says = (script: string, ...options: string[]) => {
      const { status, stdout, stderr } = ctr.exec("life", ["sh", "-c", script], options);
      return { status, stdout, stderr };
    };
    const plain = says("id; pwd; hostname; env | sort; ls /proc | grep -c '^1$'; exit 9");
    assert.equal(plain.status, 9, plain.stderr);
    const other = says(
      "id -u; pwd; grep ^Cap /proc/self/status",
      "--user",
      "1000",
      "--cwd",
      "/tmp",
    );
    assert.match(other.stdout, /^1000\n\/tmp\n/);
    const missing = ctr.exec("life", ["/no/such/program"]);
    assert.notEqual(missing.status, 0);

    const terminal = ctr.execOnTerminal(
      "life",
      ["sh", "-c", "stty size; read line; exit 4"],
      folder,
    );
    terminal.shows(SIZE);
    await terminal.type("\r");
    await terminal.ended();
    assert.match(terminal.report, /^status 4$/m);

    const processes = output(["ctr", "task", "ps", "life"]).split("\n").length;
    output(["ctr", "task", "pause", "life"]);
    const paused = ctr.statuses().get("life");
    const refused = ctr.exec("life", ["true"]);
    output(["ctr", "task", "resume", "life"]);
    assert.deepEqual([paused, ctr.statuses().get("life")], ["PAUSED", "RUNNING"]);
    assert.notEqual(refused.status, 0, "exec in a paused container");
    const metrics = output(["ctr", "task", "metrics", "life"]);
    assert.match(metrics, /^memory\.usage_in_bytes|memory/m);

    ctr.kill("life", "SIGTERM");
    ctr.becomes("life", "STOPPED");
    const status = ctr.remove("life");
    nothingIsLeft();
    const names = metrics.split("\n").map((line) => line.split(/\s+/)[0]);
    return { plain, other, terminal: terminal.output, processes, paused, names, status };
  },
);

alike("a container that dies by itself is stopped, with its status", (runtime) => {
  ctr.start(runtime, "dies", ["sh", "-c", "sleep 0.5; exit 5"]);
  ctr.becomes("dies", "STOPPED");
  assert.equal(ctr.exec("dies", ["true"]).status, 1);
  const status = ctr.remove("dies");
  assert.equal(status, 5);
  nothingIsLeft();
  return { status };
});

alike("kill --all reaches every process", (runtime) => {
  ctr.start(runtime, "all", ["sh", "-c", "sleep 1000 & sleep 1000 & wait"]);
  const pid = ctr.pidOf("all");
  const children = () =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  eventually("the shell has two children", () => children().length === 2);
  const processes = [String(pid), ...children()];
  ctr.kill("all", "SIGKILL", "--all");
  ctr.becomes("all", "STOPPED");
  eventually("all are gone", () => !processes.some((each) => existsSync(`/proc/${each}`)));
  return { status: ctr.remove("all") };
});

/** The events that containerd publishes while something is done. */
function eventsDuring(action: () => void, until: RegExp): string {
  const path = join(mkdtempSync(join(folder, "events-")), "events");
  const listener = spawn("ctr", ["events"], { stdio: ["ignore", openSync(path, "w"), "inherit"] });
  try {
    // It says nothing when it has begun to listen: a container tells.
    eventually("events are heard", () => {
      call(["ctr", "container", "label", "no-such-container", "a=b"]);
      output(["ctr", "namespace", "label", "default", `heard=${Date.now()}`]);
      return readFileSync(path, "utf8").includes("/namespaces/update");
    });
    action();
    eventually(`${until} in containerd's events`, () => until.test(readFileSync(path, "utf8")));
    return readFileSync(path, "utf8");
  } finally {
    listener.kill();
  }
}

alike("a container that runs out of memory: an event, and status 137", (runtime) => {
  const events = eventsDuring(() => {
    ctr.start(
      runtime,
      "memory",
      ["sh", "-c", "sleep 1; exec dd if=/dev/zero of=/dev/null bs=64M count=1"],
      ["--memory-limit", String(16 << 20)],
    );
    ctr.becomes("memory", "STOPPED");
  }, /\/tasks\/exit/);
  const topics = [...events.matchAll(/ (\/(?:tasks|containers)\/[a-z-]+) /g)].map(
    ([, topic]) => topic,
  );
  const status = ctr.remove("memory");
  assert.ok(topics.includes("/tasks/oom"), events);
  assert.equal(status, 137);
  return { topics: [...new Set(topics)].sort(), status };
});

alike("with systemd's cgroups", (runtime) => {
  const scope = "ctr-scoped.scope";
  ctr.start(runtime, "scoped", WAITS, [
    ...["--runc-systemd-cgroup", "--cgroup", "system.slice:ctr:scoped"],
    ...["--memory-limit", String(64 << 20), "--cpus", "0.5"],
  ]);
  const group = readFileSync(`/proc/${ctr.pidOf("scoped")}/cgroup`, "utf8").trim();
  const unit = output(["systemctl", "show", "--property", "MemoryMax,CPUQuotaPerSecUSec", scope]);
  const executed = ctr.exec("scoped", ["cat", "/proc/self/cgroup"]).stdout;
  ctr.kill("scoped", "SIGTERM");
  ctr.becomes("scoped", "STOPPED");
  const status = ctr.remove("scoped");
  assert.equal(group, `0::/system.slice/${scope}`);
  nothingIsLeft();
  return { group, unit, executed, status };
});

alike("a restart of containerd leaves containers alone", (runtime) => {
  ctr.start(runtime, "survivor", WAITS);
  const pid = ctr.pidOf("survivor");
  output(["systemctl", "restart", "containerd.service"]);
  assert.equal(ctr.pidOf("survivor"), pid);
  ctr.becomes("survivor", "RUNNING");
  const executed = ctr.exec("survivor", ["echo", "still here"]);
  assert.equal(executed.stdout, "still here\n", executed.stderr);
  ctr.kill("survivor", "SIGTERM");
  ctr.becomes("survivor", "STOPPED");
  const status = ctr.remove("survivor");
  nothingIsLeft();
  return { status };
});

/** Each is started without waiting for the others. */
const AT_ONCE = isWhole ? 50 : 8;

alike(`${AT_ONCE} containers at once`, async (runtime) => {
  const names = Array.from({ length: AT_ONCE }, (_, i) => `many-${i}`);
  const starts = names.map((name) => {
    const [program, ...args] = ctr.runLine(runtime, name, SLEEPS, ["--detach", "--null-io"]);
    const child = spawn(program as string, args, { stdio: "inherit" });
    return new Promise<number | null>((resolve) => child.on("exit", resolve));
  });
  assert.deepEqual(new Set(await Promise.all(starts)), new Set([0]));
  const running = [...ctr.statuses().values()].filter((status) => status === "RUNNING").length;
  assert.equal(running, AT_ONCE);
  for (const name of names) ctr.kill(name, "SIGKILL");
  eventually("all are stopped", () => {
    return [...ctr.statuses().values()].every((status) => status === "STOPPED");
  });
  const ends = new Set(names.map(ctr.remove));
  assert.deepEqual(ends, new Set([137]));
  nothingIsLeft();
  return { running };
});
