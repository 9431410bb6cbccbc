/** create, start, state, kill, delete and run, with runc's meanings. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { shareNamespace } from "./harness/config.ts";
import {
  appears,
  becomes,
  eventually,
  failed,
  pause,
  stateOf,
  succeeded,
} from "./harness/expect.ts";
import { cgroups, leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const waiting = shellBundle(WAITS, {
  edit: (config) => {
    config.annotations = { "org.example.key": "value" };
  },
});
const brief = makeBundle(["true"]);

function create(bundle = waiting.path, ...options: string[]): string {
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", bundle, ...options, id]), "create");
  return id;
}

function remove(id: string): void {
  succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
}

test("created, running, stopped: the state tells it all along", () => {
  leavesNothing(() => {
    const id = create();
    const created = stateOf(id);
    assert.equal(created.status, "created");
    assert.equal(created.id, id);
    assert.equal(created.bundle, waiting.path);
    assert.equal(created.rootfs, waiting.rootfs);
    assert.equal(created.owner, "");
    assert.match(created.ociVersion, /^1\.\d+\.\d+/);
    assert.match(created.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    assert.ok(Math.abs(Date.parse(created.created) - Date.now()) < 20_000, created.created);
    assert.deepEqual(created.annotations, { "org.example.key": "value" });
    assert.ok(existsSync(`/proc/${created.pid}`), "the process exists");

    succeeded(tsrun.call(["start", id]), "start");
    assert.deepEqual(stateOf(id), { ...created, status: "running" });

    succeeded(tsrun.call(["kill", id, "TERM"]), "kill");
    becomes(id, "stopped");
    assert.deepEqual(stateOf(id), { ...created, status: "stopped", pid: 0 });

    succeeded(tsrun.call(["delete", id]), "delete");
    failed(tsrun.call(["state", id]), /does not exist/, new RegExp(id));
  });
});

test("the bundle is the current directory by default", () => {
  const id = newId();
  succeeded(tsrun.call(["create", id], { cwd: waiting.path }));
  assert.equal(stateOf(id).bundle, waiting.path);
  remove(id);
});

test("a relative bundle is shown as an absolute one", () => {
  const id = newId();
  succeeded(tsrun.call(["create", "-b", ".", id], { cwd: waiting.path }));
  assert.equal(stateOf(id).bundle, waiting.path);
  remove(id);
});

test("start works once", () => {
  const id = create();
  succeeded(tsrun.call(["start", id]), "start");
  failed(tsrun.call(["start", id]), /start/, /running/);
  succeeded(tsrun.call(["kill", id, "KILL"]));
  becomes(id, "stopped");
  failed(tsrun.call(["start", id]), /start/, /stopped/);
  remove(id);
});

test("unknown containers are refused by name", () => {
  const id = newId();
  for (const call of [
    ["start", id],
    ["state", id],
    ["kill", id, "9"],
    ["delete", id],
  ]) {
    failed(tsrun.call(call), /does not exist/, new RegExp(id));
  }
});

test("delete --force of an unknown container succeeds silently, twice too", () => {
  const id = newId();
  succeeded(tsrun.call(["delete", "--force", id]));
  succeeded(tsrun.call(["delete", "-f", id]));
});

/** Its parent, which is not tsrun any more, may still have to wait for it. */
function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

test("a running container is deleted by --force only", () => {
  const id = create();
  succeeded(tsrun.call(["start", id]));
  failed(tsrun.call(["delete", id]), /not stopped|running/, new RegExp(id));
  assert.equal(stateOf(id).status, "running", "the refusal changes nothing");
  const { pid } = stateOf(id);
  remove(id);
  assert.ok(hasEnded(pid), "the process has ended when delete returns");
  failed(tsrun.call(["state", id]), /does not exist/);
});

test("a created container is deleted, as runc and the engines do", () => {
  leavesNothing(() => succeeded(tsrun.call(["delete", create()]), "delete"));
});

test("an id can be used again after delete, and not before", () => {
  const id = create();
  failed(tsrun.call(["create", "-b", waiting.path, id]), /exist|in use/, new RegExp(id));
  assert.equal(stateOf(id).status, "created", "the refusal changes nothing");
  remove(id);
  succeeded(tsrun.call(["create", "-b", waiting.path, id]), "create again");
  remove(id);
});

test("of many creates racing for one id exactly one wins", async () => {
  for (let round = 0; round < 5; round++) {
    const id = newId();
    const racers = Array.from({ length: 4 }, () => tsrun.spawn(["create", "-b", waiting.path, id]));
    const results = await Promise.all(racers.map((racer) => once(racer, "exit")));
    const statuses = results.map(([status]) => status as number).sort();
    assert.deepEqual(statuses, [0, 1, 1, 1]);
    assert.equal(stateOf(id).status, "created");
    succeeded(tsrun.call(["start", id]), "start of the winner");
    remove(id);
  }
});

test("ids follow runc’s rules", () => {
  for (const id of ["a+b_c-d.e", ".hidden", "A..b", "x".repeat(200)]) {
    const name = `${newId()}${id}`;
    succeeded(tsrun.call(["create", "-b", waiting.path, name]), name);
    remove(name);
  }
  leavesNothing(() => {
    const bad = [
      "",
      ".",
      "..",
      "a/b",
      "/a",
      "../a",
      "a b",
      "ä",
      "a\nb",
      "a:b",
      "a*",
      "x".repeat(256),
    ];
    for (const id of bad)
      failed(tsrun.call(["create", "-b", waiting.path, id]), /id|ENAMETOOLONG/i);
  });
});

test("bad ids are refused by every command, not looked up", () => {
  mkdirSync("/run/tsrun", { recursive: true });
  for (const id of ["..", "a/b", ""]) {
    for (const call of [
      ["start", id],
      ["state", id],
      ["kill", id],
      ["delete", id],
    ]) {
      failed(tsrun.call(call));
    }
    failed(tsrun.call(["delete", "--force", id]), /id/i);
  }
  assert.ok(existsSync("/run/tsrun"), "delete --force .. removed the state of everything");
});

test("signals are given by number and by name", () => {
  const out = newFolder("signals");
  const bundle = shellBundle(
    `for s in HUP INT QUIT USR1 USR2 TERM; do trap "echo $s >> /out/got" $s; done
     echo > /out/up; while true; do sleep 0.02; done`,
    {
      edit: (config) =>
        config.mounts.push({ destination: "/out", source: out, options: ["rbind", "rw"] }),
    },
  );
  const id = create(bundle.path);
  succeeded(tsrun.call(["start", id]));
  appears(join(out, "up"));
  const signals = { USR1: "10", SIGUSR2: "USR2", hup: "HUP", sigint: "INT", "3": "QUIT" };
  const expected: string[] = [];
  const got = (): string[] =>
    existsSync(join(out, "got")) ? readFileSync(join(out, "got"), "utf8").trim().split("\n") : [];
  for (const [given, meant] of Object.entries(signals)) {
    succeeded(tsrun.call(["kill", id, given]), `kill ${given}`);
    expected.push(meant === "10" ? "USR1" : meant);
    eventually(`${given} arrives`, () => got().length === expected.length);
  }
  succeeded(tsrun.call(["kill", id]), "kill without a signal");
  expected.push("TERM");
  eventually("TERM arrives", () => got().length === expected.length);
  assert.deepEqual(got(), expected);
  for (const bad of ["NOSUCH", "SIGNOSUCH", "99", "-1", "9x"]) {
    failed(tsrun.call(["kill", id, "--", bad]), /signal/i);
  }
  assert.equal(stateOf(id).status, "running");
  remove(id);
});

test("kill of a stopped container is refused", () => {
  const id = create(brief.path);
  succeeded(tsrun.call(["start", id]));
  becomes(id, "stopped");
  failed(tsrun.call(["kill", id, "TERM"]), /not running|stopped/, new RegExp(id));
  remove(id);
});

test("kill of a created container works", () => {
  const id = create();
  succeeded(tsrun.call(["kill", id, "KILL"]));
  becomes(id, "stopped");
  remove(id);
});

test("kill --all reaches every process of the container", () => {
  const bundle = shellBundle("sleep 300 & sleep 300 & wait", {
    // Without a pid namespace nothing dies just because the first process does.
    edit: (config) => shareNamespace(config, "pid"),
  });
  leavesNothing(() => {
    const id = create(bundle.path);
    succeeded(tsrun.call(["start", id]));
    const procs = (): number =>
      cgroups()
        .flatMap((path) => readFileSync(join(path, "cgroup.procs"), "utf8").trim().split("\n"))
        .filter((pid) => pid !== "").length;
    eventually("three processes", () => procs() === 3);
    succeeded(tsrun.call(["kill", "--all", id, "KILL"]));
    eventually("no process", () => procs() === 0);
    becomes(id, "stopped");
    succeeded(tsrun.call(["kill", "-a", id, "KILL"]), "kill --all of a stopped container");
    succeeded(tsrun.call(["delete", id]));
  });
});

test("SIGKILL reaches all of a container that shares the PID namespace, its end notwithstanding", () => {
  const bundle = shellBundle("sleep 300 & sleep 300 & sleep 0.1", {
    edit: (config) => shareNamespace(config, "pid"),
  });
  leavesNothing(() => {
    const id = create(bundle.path);
    succeeded(tsrun.call(["start", id]));
    becomes(id, "stopped");
    failed(tsrun.call(["kill", id, "TERM"]), /container not running/);
    assert.equal(pidsOf(id).length, 2);
    succeeded(tsrun.call(["kill", id, "KILL"]));
    eventually("no process is left", () => pidsOf(id).length === 0);
    succeeded(tsrun.call(["delete", id]));
  });
});

const pidsOf = (id: string): number[] =>
  (JSON.parse(succeeded(tsrun.call(["ps", "--format", "json", id])).stdout) as number[] | null) ??
  [];

test("kill --all reaches processes that make others all the time", () => {
  const bundle = shellBundle("g() { sleep 0.001; (g) & exit; }; (g) & (g) & exec sleep 600", {
    edit: (config) => shareNamespace(config, "pid"),
  });
  for (let i = 0; i < 8; i++) {
    const id = create(bundle.path);
    succeeded(tsrun.call(["start", id]));
    pause(50);
    succeeded(tsrun.call(["kill", "--all", id, "TERM"]));
    eventually("no process is left", () => pidsOf(id).length === 0);
    succeeded(tsrun.call(["delete", id]));
  }
});

test("kill --all of a paused container leaves it paused", () => {
  const id = create();
  succeeded(tsrun.call(["start", id]));
  succeeded(tsrun.call(["pause", id]));
  succeeded(tsrun.call(["kill", "--all", id, "TERM"]));
  assert.equal(stateOf(id).status, "paused");
  succeeded(tsrun.call(["resume", id]));
  becomes(id, "stopped");
  remove(id);
});

test("kill --all of a stopped container without a cgroup has nothing to do", () => {
  const runtime = tsrun.with("--cgroup-manager=disabled");
  const id = newId();
  succeeded(runtime.call(["create", "-b", brief.path, id]));
  succeeded(runtime.call(["start", id]));
  becomes(id, "stopped");
  assert.equal(runtime.call(["kill", "--all", id, "KILL"]).status, 0);
  failed(runtime.call(["kill", id, "KILL"]), /container not running/);
  succeeded(runtime.call(["delete", id]));
});

/** Each is a way to keep a process from seeing a signal. */
const HELD: Record<string, (id: string) => void> = {
  paused: (id) => succeeded(tsrun.call(["pause", id])),
  "stopped by SIGSTOP": (id) => process.kill(stateOf(id).pid, "SIGSTOP"),
  "whose state is damaged, and which has ended": (id) => {
    process.kill(stateOf(id).pid, "SIGKILL");
    becomes(id, "stopped");
    writeFileSync(`/run/tsrun/${id}/state.json`, "{");
    for (const path of cgroups()) rmdirSync(path);
  },
};

test("delete removes what strangers have put into the state directory, and follows nothing", () => {
  const outside = newFolder("outside");
  writeFileSync(join(outside, "precious"), "");
  for (const options of [["--force"], []])
    leavesNothing(() => {
      const id = create();
      const folder = `/run/tsrun/${id}`;
      mkdirSync(join(folder, "strange/deep"), { recursive: true });
      writeFileSync(join(folder, "strange/deep/file"), "");
      symlinkSync(outside, join(folder, "link"));
      symlinkSync(outside, join(folder, "strange/link"));
      succeeded(tsrun.call(["delete", ...options, id]));
      failed(tsrun.call(["state", id]), /does not exist/);
    });
  assert.ok(existsSync(join(outside, "precious")));
});

test("a name that is no container's is said to be in the way", () => {
  const id = newId();
  writeFileSync(`/run/tsrun/${id}`, "");
  failed(tsrun.call(["create", "--bundle", brief.path, id]), /is no container, but is in the way/);
  rmSync(`/run/tsrun/${id}`);
});

for (const [name, hold] of Object.entries(HELD))
  test(`delete --force of a container that is ${name}`, () => {
    leavesNothing(() => {
      const id = create();
      succeeded(tsrun.call(["start", id]));
      hold(id);
      assert.equal(tsrun.call(["delete", "--force", id]).status, 0);
      failed(tsrun.call(["state", id]), /does not exist/);
    });
  });

test("delete kills what is left without a pid namespace", () => {
  const bundle = shellBundle("sleep 300 & sleep 300 & sleep 0.1", {
    edit: (config) => shareNamespace(config, "pid"),
  });
  leavesNothing(() => {
    const id = create(bundle.path);
    succeeded(tsrun.call(["start", id]));
    becomes(id, "stopped");
    remove(id);
  });
});

test("the container is in its cgroup, and delete removes that", () => {
  const bundle = makeBundle(["sleep", "300"], {
    edit: (config) => {
      config.linux.cgroupsPath = `/${newId()}/inner`;
    },
  });
  const id = create(bundle.path);
  const path = cgroups().find((each) => each.endsWith("/inner"));
  assert.ok(path !== undefined, `no cgroup ends in /inner: ${cgroups()}`);
  const procs = readFileSync(join(path, "cgroup.procs"), "utf8").trim();
  assert.equal(procs, `${stateOf(id).pid}`);
  remove(id);
  assert.ok(!existsSync(path), `${path} is left`);
  // Its parent may hold other containers: as with runc it stays.
  const parent = dirname(path);
  if (existsSync(parent)) rmdirSync(parent);
});

test("a relative cgroupsPath works", () => {
  const bundle = makeBundle(["cat", "/proc/self/cgroup"], {
    edit: (config) => {
      shareNamespace(config, "cgroup");
      config.linux.cgroupsPath = `${newId()}-relative`;
    },
  });
  leavesNothing(() => {
    const { stdout } = succeeded(tsrun.call(["run", "-b", bundle.path, newId()]));
    assert.match(stdout, /^0::\/.*-relative$/m);
  });
});

test("--cgroup-manager=disabled makes no cgroup", () => {
  const id = newId();
  const disabled = tsrun.with("--cgroup-manager=disabled");
  succeeded(disabled.call(["create", "-b", waiting.path, id]));
  assert.deepEqual(cgroups(), []);
  succeeded(disabled.call(["start", id]));
  succeeded(disabled.call(["delete", "--force", id]));
});

test("an unknown --cgroup-manager is refused", () => {
  const call = ["run", "-b", brief.path, newId()];
  failed(tsrun.with("--cgroup-manager=nonsense").call(call), /"nonsense": expected cgroupfs/);
});

test("--pid-file holds the number of the process", () => {
  const file = join(newFolder("pid"), "pid");
  const id = create(waiting.path, "--pid-file", file);
  assert.equal(readFileSync(file, "utf8"), `${stateOf(id).pid}`);
  remove(id);
});

test("run removes the container, --keep keeps it", () => {
  leavesNothing(() => {
    const id = newId();
    succeeded(tsrun.call(["run", "-b", brief.path, id]));
    failed(tsrun.call(["state", id]), /does not exist/);
    succeeded(tsrun.call(["run", "--keep", "-b", brief.path, id]));
    assert.equal(stateOf(id).status, "stopped");
    succeeded(tsrun.call(["delete", id]));
  });
});

test("run --detach returns while the container runs", () => {
  const id = newId();
  const file = join(newFolder("pid"), "pid");
  succeeded(tsrun.call(["run", "-d", "--pid-file", file, "-b", waiting.path, id]));
  assert.equal(stateOf(id).status, "running");
  assert.equal(readFileSync(file, "utf8"), `${stateOf(id).pid}`);
  remove(id);
});

test("run’s exit status is the container’s", () => {
  for (const status of [0, 1, 42, 255]) {
    const bundle = shellBundle(`exit ${status}`);
    assert.equal(tsrun.call(["run", "-b", bundle.path, newId()]).status, status);
  }
  for (const [signal, status] of [
    ["TERM", 143],
    ["KILL", 137],
    ["HUP", 129],
  ] as const) {
    const bundle = shellBundle(`kill -${signal} $$`, {
      edit: (config) => shareNamespace(config, "pid"),
    });
    assert.equal(tsrun.call(["run", "-b", bundle.path, newId()]).status, status, signal);
  }
});

test("run hands signals on to the container", async () => {
  const out = newFolder("forward");
  const bundle = shellBundle(
    "trap 'exit 7' TERM; trap 'echo > /out/hup' HUP; trap 'echo > /out/tstp' TSTP; echo > /out/up; while true; do sleep 0.02; done",
    {
      edit: (config) =>
        config.mounts.push({ destination: "/out", source: out, options: ["rbind", "rw"] }),
    },
  );
  const child = tsrun.spawn(["run", "-b", bundle.path, newId()]);
  const ended = once(child, "exit");
  appears(join(out, "up"));
  child.kill("SIGHUP");
  appears(join(out, "hup"));
  child.kill("SIGTSTP");
  appears(join(out, "tstp"));
  child.kill("SIGTERM");
  const [status] = await ended;
  assert.equal(status, 7);
});

/** The parent of an orphan in a container that shares the PID namespace, while `run` is there. */
async function parentOfOrphan(...options: string[]): Promise<{ parent: number; run: number }> {
  const out = newFolder("orphan");
  const orphan = "sleep 0.2; cp /proc/$$/status /out/new; mv /out/new /out/status";
  const bundle = shellBundle(`(setsid sh -c '${orphan}' &); exec cat > /dev/null`, {
    edit: (config) => {
      shareNamespace(config, "pid");
      config.mounts.push({ destination: "/out", source: out, options: ["rbind", "rw"] });
    },
  });
  const child = tsrun.spawn(
    ["run", ...options, "-b", bundle.path, newId()],
    ["pipe", "ignore", "inherit"],
  );
  const ended = once(child, "exit");
  appears(join(out, "status"));
  const status = readFileSync(join(out, "status"), "utf8");
  const number = (name: string) => Number(new RegExp(`^${name}:\\t(\\d+)$`, "m").exec(status)?.[1]);
  eventually("somebody waits for the orphan", () => !existsSync(`/proc/${number("Pid")}`));
  child.stdin?.end();
  assert.equal((await ended)[0], 0);
  return { parent: number("PPid"), run: child.pid as number };
}

test("run waits for orphans, unless it is told not to", async () => {
  const adopted = await parentOfOrphan();
  assert.equal(adopted.parent, adopted.run);
  const left = await parentOfOrphan("--no-subreaper");
  assert.notEqual(left.parent, left.run);
});

test("stdin, stdout and stderr go straight through", () => {
  const bundle = shellBundle("cat; echo to stderr >&2");
  const id = newId();
  const { status, stdout, stderr } = tsrun.call(["run", "-b", bundle.path, id], {
    input: "from the caller\n",
  });
  assert.equal(status, 0);
  assert.equal(stdout, "from the caller\n");
  assert.equal(stderr, "to stderr\n");
});

test("four megabytes come through a pipe whole", () => {
  const bundle = shellBundle("cat");
  const input = "sixteen letters\n".repeat(262_144);
  const { stdout } = succeeded(tsrun.call(["run", "-b", bundle.path, newId()], { input }));
  assert.equal(stdout.length, input.length);
  assert.ok(stdout === input, "the content is the same");
});

test("create and start: the container writes to create’s stdout", () => {
  const bundle = makeBundle(["echo", "hello"]);
  const id = newId();
  const created = succeeded(tsrun.call(["create", "-b", bundle.path, id]));
  assert.equal(created.stdout, "");
  succeeded(tsrun.call(["start", id]));
  becomes(id, "stopped");
  assert.equal(created.stdout, "hello\n");
  remove(id);
});

test("--preserve-fds hands over that many descriptors and no more", () => {
  const folder = newFolder("fds");
  const files = ["three", "four", "five"].map((name) => join(folder, name));
  for (const file of files) writeFileSync(file, `${file}\n`);
  const fds = files.map((file) => openSync(file, "r"));
  const bundle = shellBundle(
    "cat <&3; cat <&4; for i in 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && echo $i leaked; done; true",
  );
  const call = ["run", "--preserve-fds", "2", "-b", bundle.path, newId()];
  const { stdout } = succeeded(tsrun.call(call, { fds }));
  assert.equal(stdout, `${files[0]}\n${files[1]}\n`);
  for (const fd of fds) closeSync(fd);
});

test("--preserve-fds of descriptors that are not open is refused", () => {
  leavesNothing(() => {
    const call = ["run", "--preserve-fds", "3", "-b", brief.path, newId()];
    failed(tsrun.call(call), /preserve-fds|descriptor/);
    failed(tsrun.call(["run", "--preserve-fds", "x", "-b", brief.path, newId()]), /preserve-fds/);
  });
});

test("a new session keyring unless --no-new-keyring", () => {
  const bundle = makeBundle(["cat", "/proc/keys"], {
    edit: (config) => {
      config.linux.maskedPaths = [];
    },
  });
  // The first column is the key's serial number; keyrings only.
  const keyrings = (text: string): string[] =>
    text
      .split("\n")
      .filter((line) => / keyring /.test(line) && !/_uid/.test(line))
      .map((line) => line.slice(0, 8));
  const added = (...options: string[]): number => {
    const host = keyrings(readFileSync("/proc/keys", "utf8"));
    const call = ["run", ...options, "-b", bundle.path, newId()];
    const { stdout } = succeeded(tsrun.call(call));
    return keyrings(stdout).filter((each) => !host.includes(each)).length;
  };
  assert.equal(added(), 1);
  assert.equal(added("--no-new-keyring"), 0);
});

test("--no-pivot runs the container all the same", () => {
  leavesNothing(() => {
    const bundle = shellBundle("cat /etc/group; ls /..");
    const ours = succeeded(tsrun.call(["run", "--no-pivot", "-b", bundle.path, newId()])).stdout;
    assert.equal(ours, succeeded(tsrun.call(["run", "-b", bundle.path, newId()])).stdout);
  });
});

test("--root keeps the state elsewhere", () => {
  const root = join(newFolder("root"), "deep/state");
  const id = newId();
  const there = tsrun.with("--root", root);
  succeeded(there.call(["create", "-b", waiting.path, id]));
  assert.ok(existsSync(join(root, id)), `${root}/${id}`);
  failed(tsrun.call(["state", id]), /does not exist/);
  assert.equal(stateOf(id, there).status, "created");
  succeeded(there.call(["delete", "--force", id]));
  assert.ok(!existsSync(join(root, id)), "the state directory is left");
});

test("the state directory is the owner’s alone", () => {
  const root = newFolder("modes");
  const id = newId();
  const there = tsrun.with("--root", root);
  succeeded(there.call(["create", "-b", waiting.path, id]));
  assert.equal(statSync(join(root, id)).mode & 0o077, 0);
  succeeded(there.call(["delete", "--force", id]));
});

test("a reused pid is not mistaken for the container", () => {
  const id = create();
  const { pid } = stateOf(id);
  process.kill(pid, "SIGKILL");
  becomes(id, "stopped");
  // The kernel tells start times in ticks of 10 ms; nobody gets a number again within one unless it is forced, as here.
  pause(30);
  // Process numbers are handed out in order from ns_last_pid on.
  writeFileSync("/proc/sys/kernel/ns_last_pid", `${pid - 1}`);
  const stranger = tsrun.spawn(["--version"], "ignore");
  stranger.kill("SIGSTOP");
  try {
    assert.equal(stranger.pid, pid, "the number was not handed out again");
    assert.equal(stateOf(id).status, "stopped");
    failed(tsrun.call(["kill", id, "KILL"]), /not running|stopped/);
    remove(id);
    assert.ok(existsSync(`/proc/${pid}`), "delete killed a stranger");
  } finally {
    stranger.kill("SIGKILL");
  }
});
