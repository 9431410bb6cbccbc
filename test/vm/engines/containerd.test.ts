/** containerd with its own shim for runc, told by `ctr run --runc-binary` which runtime it starts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { DEPARTURES } from "../../integration/departures.ts";
import { defaultConfig } from "../../integration/harness/config.ts";
import { differences, type Observation, parse, probe } from "../../integration/harness/observe.ts";
import { eventually } from "../../integration/harness/waiting.ts";
import { output } from "./calls.ts";
import * as ctr from "./ctr.ts";
import { busyboxImage } from "./images.ts";
import { alike, type EngineRuntime, installTsrun, runc, tsrun } from "./runtimes.ts";
import { isWhole, onlyWhole } from "./whole.ts";

const folder = mkdtempSync("/var/tmp/containerd-");
/** Ends with status 3 at SIGTERM, which the first process of a PID namespace would else not get. */
const WAITS = ["sh", "-c", "trap 'exit 3' TERM; sleep 1000 & wait"];
const SLEEPS = ["sleep", "1000"];
/** ctr gives the terminal its size when the program already runs. */
const SIZED = 'until [ "$(stty size 2>/dev/null)" = "24 80" ]; do sleep 0.1; done; echo sized';
/** Where the shim keeps the state of both runtimes (`--root`), and their cgroups, for ctr's namespace. */
const STATES = "/run/containerd/runc/default";
const GROUPS = "/sys/fs/cgroup/default";

before(() => {
  installTsrun();
  output(["systemctl", "start", "containerd.service"]);
  output(["ctr", "images", "import", busyboxImage(folder)]);
});
afterEach(ctr.removeAll);
after(() => {
  output(["systemctl", "stop", "containerd.service"]);
  rmSync(folder, { recursive: true });
});

const foldersIn = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    : [];

/** Beside the containers, tsrun keeps there the seccomp filters that it has compiled. */
const isOfContainer = (name: string): boolean => name !== "@seccomp";

function nothingIsLeft(): void {
  assert.deepEqual(ctr.containers(), []);
  assert.deepEqual([...foldersIn(STATES), ...foldersIn(GROUPS)].filter(isOfContainer), []);
}

/** Ends a container by SIGTERM; the status with which it ended. */
function end(name: string): number {
  ctr.kill(name, "SIGTERM");
  ctr.becomes(name, "STOPPED");
  const status = ctr.remove(name);
  nothingIsLeft();
  return status;
}

alike("run passes streams and statuses on", (runtime) => {
  // ctr may forget to pass the end of its input on, where that comes before the container does.
  const script = "read line; echo got $line; echo error >&2; exit 7";
  const ended = ctr.run(runtime, "streams", ["sh", "-c", script], [], { input: "in\n" });
  assert.deepEqual(ended, { status: 7, stdout: "got in\n", stderr: "error\n" });
  nothingIsLeft();
  return ended;
});

alike("a container that cannot be made: one line says why", (runtime) => {
  const { status, stderr } = ctr.run(runtime, "missing", ["/no/such/program"]);
  assert.match(stderr, /^ctr: .*"\/no\/such\/program".*no such file or directory.*\n$/);
  nothingIsLeft();
  return { status };
});

function observed(runtime: EngineRuntime): Observation {
  const script = probe(defaultConfig());
  const { stdout } = ctr.run(runtime, "observed", ["sh", "-c", script], ["--seccomp"]);
  return parse(stdout.replaceAll(/snapshots\/\d+/g, "snapshots/N"), folder, "observed");
}

test("a container observes the same", onlyWhole, () => {
  const explained = DEPARTURES.filter(
    ({ peer, variations }) => peer === "runc" && variations === undefined,
  );
  const unknown = differences(observed(tsrun), observed(runc)).filter(
    ({ section, line, of }) => !explained.some((each) => each[of]?.test(`${section}: ${line}`)),
  );
  assert.deepEqual(unknown, []);
});

alike(
  "run on a terminal: its size, its input, the signal of a key, its status",
  async (runtime) => {
    const script = `trap 'echo interrupted; exit 3' INT; ${SIZED}
    tty; read line; echo got $line; read line`;
    const terminal = ctr.runOnTerminal(runtime, "terminal", ["sh", "-c", script], folder);
    terminal.shows(/^sized\r?\n/m);
    terminal.shows(/^\/dev\/pts\/0\r?\n/m);
    await terminal.type("word\r");
    terminal.shows(/^got word\r?\n/m);
    await terminal.type("\x03");
    await terminal.ended();
    assert.match(terminal.output, /interrupted$/m);
    assert.match(terminal.report, /^status 3$/m);
    nothingIsLeft();
    return terminal.output;
  },
);

/** What some programs say and how they end that are executed in the container "life". */
function executed() {
  const says = (script: string, ...options: string[]) =>
    ctr.exec("life", ["sh", "-c", script], options);
  const plain = says("id; pwd; hostname; env | sort; ls /proc | grep -c '^1$'; exit 9");
  assert.equal(plain.status, 9, plain.stderr);
  const confined = "id -u; pwd; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status";
  const user = says(confined, "--user", "1000", "--cwd", "/tmp");
  assert.match(user.stdout, /^1000\n\/tmp\n/);
  const killed = says("kill -KILL $$");
  assert.equal(killed.status, 137);
  const missing = ctr.exec("life", ["/no/such/program"]);
  assert.match(missing.stderr, /^ctr: .*"\/no\/such\/program".*no such file or directory.*\n$/);
  return { plain, user, killed, missing: missing.status };
}

alike("a container in the background: exec, ps, metrics, kill, delete", (runtime) => {
  const limits = ["--memory-limit", String(64 << 20), "--env", "SAID=by run"];
  ctr.start(runtime, "life", WAITS, limits);
  ctr.becomes("life", "RUNNING");
  const programs = executed();

  const pid = ctr.pidOf("life");
  const processes = output(["ctr", "task", "ps", "life"]);
  assert.match(processes, new RegExp(`^${pid} `, "m"));
  const { pids, cpu, memory } = ctr.metrics("life");
  assert.deepEqual([pids.current, memory.usage_limit], [2, 64 << 20]);
  assert.ok(cpu.usage_usec > 0 && memory.usage > 0);
  return {
    programs,
    processes: processes.split("\n").length,
    limits: [pids.limit, memory.usage_limit, memory.swap_limit],
    status: end("life"),
  };
});

alike("exec on a terminal; nothing runs while the container is paused", async (runtime) => {
  const ticks = join(mkdtempSync(join(folder, "ticks-")), "ticks");
  writeFileSync(ticks, "");
  const script = "trap 'exit 3' TERM; while sleep 0.1; do echo >> /ticks; done";
  const mount = `type=bind,src=${ticks},dst=/ticks,options=rbind:rw`;
  ctr.start(runtime, "paused", ["sh", "-c", script], ["--mount", mount]);

  const program = ["sh", "-c", `${SIZED}; read line; echo got $line; exit 4`];
  const terminal = ctr.execOnTerminal("paused", program, folder);
  terminal.shows(/^sized\r?\n/m);
  await terminal.type("word\r");
  await terminal.ended();
  assert.match(terminal.report, /^status 4$/m);

  const count = () => readFileSync(ticks).length;
  output(["ctr", "task", "pause", "paused"]);
  const before = count();
  const states = [ctr.statuses().get("paused")];
  const refused = ctr.exec("paused", ["true"]);
  assert.match(refused.stderr, /paused/);
  assert.equal(count(), before);
  output(["ctr", "task", "resume", "paused"]);
  eventually("it goes on", () => count() > before);
  states.push(ctr.statuses().get("paused"));
  assert.deepEqual(states, ["PAUSED", "RUNNING"]);
  return { terminal: terminal.output, states, refused: refused.status, status: end("paused") };
});

alike("a container that dies by itself is stopped, with its status", (runtime) => {
  ctr.start(runtime, "dies", ["sh", "-c", "sleep 0.5; exit 5"]);
  ctr.becomes("dies", "STOPPED");
  const executed = ctr.exec("dies", ["true"]);
  assert.notEqual(executed.status, 0);
  const status = ctr.remove("dies");
  assert.equal(status, 5);
  nothingIsLeft();
  return { status, executed };
});

alike(
  "kill --all reaches every process",
  (runtime) => {
    ctr.start(runtime, "all", ["sh", "-c", "sleep 1000 & sleep 1000 & wait"]);
    const pid = ctr.pidOf("all");
    const children = () =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    eventually("the shell has two children", () => children().length === 2);
    const processes = [String(pid), ...children()];
    ctr.kill("all", "SIGKILL", "--all");
    ctr.becomes("all", "STOPPED");
    eventually("all are gone", () => !processes.some((each) => existsSync(`/proc/${each}`)));
    const status = ctr.remove("all");
    assert.equal(status, 137);
    nothingIsLeft();
    return { status };
  },
  onlyWhole,
);

/** The events that containerd publishes while something is done. */
function eventsDuring(action: () => void, until: RegExp): string {
  const path = join(mkdtempSync(join(folder, "events-")), "events");
  const listener = spawn("ctr", ["events"], { stdio: ["ignore", openSync(path, "w"), "inherit"] });
  const label = (value: string) =>
    output(["ctr", "namespace", "label", "default", `test=${value}`]);
  try {
    // It does not say when it has begun to listen.
    eventually("events are heard", () => {
      label(String(Date.now()));
      return readFileSync(path, "utf8").includes("/namespaces/update");
    });
    action();
    eventually(`${until} in containerd's events`, () => until.test(readFileSync(path, "utf8")));
    return readFileSync(path, "utf8");
  } finally {
    listener.kill();
    label("");
  }
}

alike(
  "a container that runs out of memory: an event, and status 137",
  (runtime) => {
    let status: number | null = null;
    const events = eventsDuring(() => {
      ctr.start(runtime, "memory", WAITS, ["--memory-limit", String(16 << 20)]);
      // ctr has no option for swap, which the machine has plenty of.
      writeFileSync(join(GROUPS, "memory/memory.swap.max"), "0");
      const greedy = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"];
      status = ctr.exec("memory", greedy).status;
    }, /\/tasks\/oom/);
    assert.equal(status, 137);
    const topics = [...events.matchAll(/ (\/tasks\/[a-z-]+) /g)].map(([, topic]) => topic);
    return { topics: [...new Set(topics)].sort(), status, end: end("memory") };
  },
  onlyWhole,
);

alike("with systemd's cgroups", (runtime) => {
  const scope = "ctr-scoped.scope";
  ctr.start(runtime, "scoped", WAITS, [
    ...["--runc-systemd-cgroup", "--cgroup", "system.slice:ctr:scoped"],
    ...["--memory-limit", String(64 << 20), "--cpus", "0.5"],
  ]);
  const group = readFileSync(`/proc/${ctr.pidOf("scoped")}/cgroup`, "utf8").trim();
  assert.equal(group, `0::/system.slice/${scope}`);
  const unit = output(["systemctl", "show", "--property", "MemoryMax,CPUQuotaPerSecUSec", scope]);
  assert.deepEqual(unit.split("\n").sort(), ["CPUQuotaPerSecUSec=500ms", "MemoryMax=67108864"]);
  const executed = ctr.exec("scoped", ["cat", "/proc/self/cgroup"]).stdout;
  const status = end("scoped");
  eventually("the scope is gone", () => !existsSync(`/sys/fs/cgroup/system.slice/${scope}`));
  return { group, unit, executed, status };
});

alike("a restart of containerd leaves containers alone", (runtime) => {
  ctr.start(runtime, "survivor", WAITS);
  const pid = ctr.pidOf("survivor");
  output(["systemctl", "restart", "containerd.service"]);
  ctr.becomes("survivor", "RUNNING");
  assert.equal(ctr.pidOf("survivor"), pid);
  const executed = ctr.exec("survivor", ["echo", "still here"]);
  assert.equal(executed.stdout, "still here\n", executed.stderr);
  return { executed, status: end("survivor") };
});

alike(
  "a checkpoint, from which a container goes on where the first was",
  (runtime) => {
    const image = "localhost/checkpoint:latest";
    // When it began only the process knows, and tells again and again.
    const tells =
      "read began rest </proc/uptime; while sleep 0.1; do echo $began >/new; mv /new /began; done";
    const began = (name: string) => ctr.exec(name, ["cat", "/began"]).stdout;
    ctr.start(runtime, "first", ["sh", "-c", `trap 'exit 3' TERM; ${tells}`]);
    eventually("it tells when it began", () => began("first") !== "");
    const first = began("first");
    output(["ctr", "container", "checkpoint", "--image", "--rw", "--task", "first", image]);
    try {
      ctr.becomes("first", "RUNNING");
      end("first");
      output(["ctr", "container", "restore", "--live", "second", image]);
      ctr.becomes("second", "RUNNING");
      eventually("it tells again", () => began("second") !== "");
      assert.equal(began("second"), first);
      ctr.kill("second", "SIGTERM");
      ctr.becomes("second", "STOPPED");
      const status = ctr.remove("second");
      assert.equal(status, 3);
      nothingIsLeft();
      return { status };
    } finally {
      output(["ctr", "images", "remove", "--sync", image]);
    }
  },
  onlyWhole,
);

const exitOf = (child: ReturnType<typeof spawn>): Promise<number | null> =>
  new Promise((resolve) => child.on("exit", resolve));

const AT_ONCE = isWhole ? 50 : 5;

/** So many are started without waiting for each other: emulated, containerd keeps more waiting for longer than ctr waits. */
const STARTS = 5;

alike(`${AT_ONCE} containers at once`, async (runtime) => {
  const names = Array.from({ length: AT_ONCE }, (_, i) => `many-${i}`);
  const start = (name: string) => {
    const [program, ...args] = ctr.runLine(runtime, name, SLEEPS, ["--detach", "--null-io"]);
    return exitOf(spawn(program as string, args, { stdio: "inherit" }));
  };
  for (let i = 0; i < AT_ONCE; i += STARTS) {
    const starts = names.slice(i, i + STARTS).map(start);
    assert.deepEqual(new Set(await Promise.all(starts)), new Set([0]));
  }
  const running = [...ctr.statuses().values()].filter((status) => status === "RUNNING").length;
  assert.equal(running, AT_ONCE);
  // One by one takes long: ctr itself needs a second or two, emulated.
  const [some, others] = [names.slice(0, 5), names.slice(5)];
  for (const name of some) {
    ctr.kill(name, "SIGKILL");
    ctr.becomes(name, "STOPPED");
  }
  const ends = [...some.map(ctr.remove), ...ctr.removeByForce(others)];
  assert.deepEqual(
    ends,
    names.map(() => 137),
  );
  nothingIsLeft();
  return { running };
});
