/**
 * exec: what the process is and sees, beside runc and crun; how it ends; what a hostile container cannot do to it.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, newFolder, shellBundle, WAITS, writeConfig } from "./harness/bundle.ts";
import {
  addUserNamespace,
  type Config,
  HOST_UID,
  makeRootless,
  shareNamespace,
} from "./harness/config.ts";
import { appears, eventually, pause, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { leavesNothing, nothingIsLeftAtTheEnd, processes } from "./harness/leftovers.ts";
import { crun, newId, type Outcome, type Runtime, runc, tsrun } from "./harness/runtime.ts";
import { consoleSocket, Terminal } from "./harness/terminal.ts";
import { asUser, giveFolders } from "./harness/user.ts";

nothingIsLeftAtTheEnd();

/** An error of exec has a status that few programs have. */
function failed({ status, stderr }: Outcome, pattern: RegExp): void {
  assert.equal(status, 255, stderr);
  assert.match(stderr, pattern);
}

type Edit = (config: Config, bundle: string) => void;
type Exec = (...words: string[]) => Outcome;

/** The standard input is not /dev/null: crun would give the host's to the container's user. */
const NOT_NULL = { input: "" };

const bundleOf = (edit: Edit = () => {}): Bundle => shellBundle(WAITS, { edit });

/** Runs `use` with a running container and a function that executes in it, and deletes the container. */
function inContainer<T>(
  bundle: Bundle,
  use: (exec: Exec, id: string) => T,
  runtime: Runtime = tsrun,
): T {
  const id = newId();
  succeeded(runtime.call(["run", "--detach", "--bundle", bundle.path, id], NOT_NULL), "run");
  const exec: Exec = (...words) => {
    const at = words.indexOf("--");
    const [options, command] = at < 0 ? [[], words] : [words.slice(0, at), words.slice(at + 1)];
    return runtime.call(["exec", ...options, id, ...command], NOT_NULL);
  };
  try {
    return use(exec, id);
  } finally {
    succeeded(runtime.call(["delete", "--force", id]), "delete --force");
  }
}

/** What a command in a container of that bundle prints. */
const printed = (bundle: Bundle, words: string[], runtime: Runtime = tsrun): string =>
  inContainer(bundle, (exec) => succeeded(exec(...words), runtime.name).stdout, runtime);

/** What the process is (runc leaves signals ignored that its caller ignores): credentials, sets, limits, and what it sees. Seccomp's number of filters is younger than 5.14. */
const SELF = `grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:|SigBlk|SigCgt|NSpid)' /proc/self/status |
    sed 's/^NSpid.*\\t/NSpid /; s/^NSpid [0-9]*/NSpid/'
  cat /proc/self/limits /proc/self/oom_score_adj; hostname; pwd; env | sort; ls /; ls /dev
  for fd in /proc/self/fd/*; do [ ! -e "$fd" ] || echo "$fd"; done; cat /proc/self/personality`;

/** crun gives what is executed by options no limits and no no_new_privs of config.json, and makes /dev/core. */
const withoutCruns = (text: string): string =>
  text.replace(/^(NoNewPrivs:|Max open files|core$).*\n/gm, "");

const FULL: Edit = (config) => {
  Object.assign(config.process, {
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 512, hard: 512 }],
    oomScoreAdj: 300,
    user: { uid: 1000, gid: 1000, additionalGids: [5, 7], umask: 0o27 },
    cwd: "/home",
  });
  (config.linux as { seccomp?: object }).seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdirat", "mkdir"], action: "SCMP_ACT_ERRNO" }],
  };
};

for (const [name, edit] of [
  ["the default configuration", () => {}],
  ["a user, limits, a filter and a score", FULL],
  ["a user namespace", (config: Config) => addUserNamespace(config)],
] as [string, Edit][])
  test(`a process is what it is under its peers: ${name}`, () => {
    const bundle = bundleOf(edit);
    const ours = printed(bundle, ["sh", "-c", SELF]);
    assert.equal(ours, printed(bundle, ["sh", "-c", SELF], runc), "runc");
    // crun executes as root, whatever the container's user is.
    if (edit === FULL) return;
    const theirs = printed(bundle, ["sh", "-c", SELF], crun);
    assert.equal(withoutCruns(ours), withoutCruns(theirs), "crun");
  });

const NAMESPACE_FILES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

for (const [name, edit] of [
  ["all but user and time", () => {}],
  ["a user namespace", (config: Config) => addUserNamespace(config)],
  [
    "a time namespace",
    (config: Config) => {
      config.linux.namespaces.push({ type: "time" });
      Object.assign(config.linux, { timeOffsets: { boottime: { secs: 86_400 } } });
    },
  ],
  ["the host's PID namespace", (config: Config) => shareNamespace(config, "pid")],
] as [string, Edit][])
  test(`it is in all namespaces of the container: ${name}`, () => {
    inContainer(bundleOf(edit), (exec, id) => {
      const list = `for n in ${NAMESPACE_FILES.join(" ")}; do readlink /proc/self/ns/$n; done`;
      const { pid } = stateOf(id);
      const own = NAMESPACE_FILES.map((file) => readlinkSync(`/proc/${pid}/ns/${file}`));
      assert.deepEqual(
        succeeded(exec("sh", "-c", list))
          .stdout.trim()
          .split("\n"),
        own,
      );
    });
  });

test("it is in the container's cgroup, or in the one below that --cgroup names", () => {
  inContainer(bundleOf(), (exec, id) => {
    const group = readFileSync(`/proc/${stateOf(id).pid}/cgroup`, "utf8").match(/^0::(.*)$/m)?.[1];
    const path = join(cgroupRoot(), group as string);
    const folder = newFolder("pids");
    const groupOf = (...options: string[]): string => {
      const file = join(folder, String(options.length));
      succeeded(exec("--detach", "--pid-file", file, ...options, "--", "sleep", "100"));
      return readFileSync(`/proc/${readFileSync(file, "utf8")}/cgroup`, "utf8");
    };
    assert.match(groupOf(), new RegExp(`^0::${group}$`, "m"));
    mkdirSync(join(path, "sub"));
    assert.match(groupOf("--cgroup", "sub"), new RegExp(`^0::${group}/sub$`, "m"));
    assert.match(groupOf("--cgroup", "/", "--ignore-paused"), new RegExp(`^0::${group}$`, "m"));
    failed(exec("--cgroup", "none", "--", "true"), /opening the group none.*ENOENT.*must be there/);
    failed(
      exec("--cgroup", "../..", "--", "true"),
      /opening the group .*EXDEV.*below the container's own/,
    );
    failed(exec("--cgroup", "cpu:sub", "--", "true"), /cgroup v2 has one group/);
  });
});

test("it is beside the first process where the container's own group takes none", () => {
  inContainer(bundleOf(), (exec, id) => {
    const { pid } = stateOf(id);
    const groupOf = (file: string): string | undefined =>
      readFileSync(file, "utf8").match(/^0::(.*)$/m)?.[1];
    const group = groupOf(`/proc/${pid}/cgroup`);
    const path = join(cgroupRoot(), group as string);
    mkdirSync(join(path, "own"));
    writeFileSync(join(path, "own/cgroup.procs"), String(pid));
    const [controller] = readFileSync(join(path, "cgroup.controllers"), "utf8").trim().split(" ");
    assert.ok(controller, "the test needs a controller of cgroup v2");
    const pidFile = join(newFolder("pid"), "pid");
    const executed = () => {
      succeeded(exec("--detach", "--pid-file", pidFile, "--", "sleep", "100"));
      return Number(readFileSync(pidFile, "utf8"));
    };
    const begun = executed();
    assert.equal(groupOf(`/proc/${begun}/cgroup`), group);
    // A process in the group keeps it from handing anything on.
    writeFileSync(join(path, "own/cgroup.procs"), String(begun));
    eventually(
      "what the first process has started before has ended",
      () => readFileSync(join(path, "cgroup.procs"), "utf8") === "",
    );
    writeFileSync(join(path, "cgroup.subtree_control"), `+${controller}`);
    assert.equal(groupOf(`/proc/${executed()}/cgroup`), `${group}/own`);
    failed(exec("--cgroup", "/", "--", "true"), /clone3.*EBUSY/);
  });
});

test("the exit status is the command's, 128 + n for signal n, and 255 for an error", () => {
  inContainer(bundleOf(), (exec) => {
    assert.equal(exec("true").status, 0);
    assert.equal(exec("sh", "-c", "exit 7").status, 7);
    assert.equal(exec("sh", "-c", "kill -KILL $$").status, 137);
    for (const [words, why] of [
      [["nosuch"], /executable file not found/],
      [["/etc"], /permission denied/],
      [["--cwd", "/nowhere", "--", "true"], /\/nowhere: chdir to cwd: no such file or directory/],
      [["--cwd", "/bin/busybox", "--", "true"], /chdir to cwd: not a directory \(ENOTDIR\)/],
      [["--cwd", "tmp", "--", "true"], /--cwd is "tmp": expected an absolute path/],
      [["--user", "root", "--", "true"], /--user is "root".*numbers/],
      [["--user", "4294967295", "--", "true"], /--user/],
      [["--env", "NONE", "--", "true"], /no environment variable/],
      [["--additional-gids", "-1", "--", "true"], /--additional-gids/],
      [["--preserve-fds", "3", "--", "true"], /descriptor 3 is not open/],
      [["--console-socket", "/none", "--", "true"], /console socket/],
      [["--detach", "--tty", "--", "true"], /terminal/],
      [[], /needs a command/],
    ] as [string[], RegExp][]) {
      const outcome = exec(...words);
      assert.equal(outcome.status, 255, words.join(" "));
      assert.match(outcome.stderr, why);
      assert.doesNotMatch(outcome.stderr, /config\.json/, "the command line is no config.json");
    }
  });
});

test("a process that does not come to its program leaves nothing in the container", () => {
  leavesNothing(() => {
    inContainer(bundleOf(), (exec, id) => {
      // The container's own loop sleeps, and sleeps again: before that it is the same shell twice, and
      // for a moment a program that is not yet called so, as ps then says.
      const list = () => {
        const lines = succeeded(exec("ps", "-o", "args")).stdout.split("\n");
        return [...new Set(lines)].filter((line) => !/^(\{exe\} )?sleep 0\.05$/.test(line));
      };
      const before = list();
      failed(exec("nosuch"), /executable file not found/);
      failed(exec("--pid-file", "/nowhere/pid", "--", "sleep", "100"), /pid file/);
      // Only the new process makes itself a session.
      const inject = ["-e", "trace=setsid", "-e", "inject=setsid:signal=KILL"];
      const killed = tsrun.calledBy("strace", "-f", "-qq", "-o", "/dev/null", ...inject);
      failed(
        killed.call(["exec", id, "true"], NOT_NULL),
        /ended with status 137 before it was ready/,
      );
      assert.deepEqual(list(), before);
    });
  });
});

test("a process that does not come to its program leaves no pid file", () => {
  const bundle = shellBundle(WAITS, {
    // Its interpreter is missing, which only execve(2) finds.
    prepare: (rootfs) => writeFileSync(join(rootfs, "script"), "#!/nosuch\n", { mode: 0o755 }),
  });
  inContainer(bundle, (exec) => {
    const pidFile = join(newFolder("pid"), "pid");
    failed(exec("--pid-file", pidFile, "--", "/script"), /it or its interpreter/);
    assert.equal(existsSync(pidFile), false);
    succeeded(exec("--pid-file", pidFile, "--", "true"));
    assert.equal(existsSync(pidFile), true);
  });
});

test("options change what config.json says", () => {
  const bundle = bundleOf((config) => {
    config.process.capabilities = { bounding: [], effective: [], permitted: [] };
  });
  inContainer(bundle, (exec) => {
    const output = (...words: string[]) => succeeded(exec(...words)).stdout.trim();
    const script = 'id -u; id -g; id -G; pwd; echo "$A $B"';
    const options = [
      "-u",
      "12:34",
      "-g",
      "56",
      "-g",
      "78",
      "--cwd",
      "/tmp",
      "-e",
      "A=1 2",
      "-e",
      "B=3",
    ];
    assert.equal(output(...options, "--", "sh", "-c", script), "12\n34\n34 56 78\n/tmp\n1 2 3");
    const status = (...words: string[]) => output(...words, "--", "cat", "/proc/self/status");
    assert.match(
      status("--cap", "CAP_KILL"),
      /CapEff:\t0000000000000020\nCapBnd:\t0000000000000020/,
    );
    assert.match(status("--no-new-privs"), /NoNewPrivs:\t1/);
    assert.match(status(), /CapEff:\t0{16}\n/);
  });
});

test("--no-new-privs=false takes back what config.json says, as with runc", () => {
  const bundle = bundleOf((config) => {
    config.process.noNewPrivileges = true;
  });
  for (const runtime of [tsrun, runc])
    inContainer(
      bundle,
      (exec) => {
        const told = (...words: string[]) =>
          succeeded(exec(...words, "--", "grep", "NoNewPrivs", "/proc/self/status")).stdout;
        assert.equal(told("--no-new-privs=false"), "NoNewPrivs:\t0\n");
        assert.equal(told("--cwd", "/"), "NoNewPrivs:\t1\n");
      },
      runtime,
    );
});

test("--process gives all of it, as engines do", () => {
  const file = join(newFolder("process"), "process.json");
  const document = {
    args: ["sh", "-c", "id -u; pwd; echo $A"],
    cwd: "/tmp",
    env: ["PATH=/bin", "A=b"],
    user: { uid: 5, gid: 5, additionalGids: null },
    terminal: false,
  };
  writeFileSync(file, JSON.stringify(document));
  inContainer(bundleOf(), (exec, id) => {
    const call = (...words: string[]) => tsrun.call(["exec", "-p", file, ...words, id], NOT_NULL);
    assert.equal(succeeded(call()).stdout, "5\n/tmp\nb\n");
    assert.match(call("--cwd", "/").stderr, /what .*process.json says.*ignored/);
    const { stderr } = tsrun.call(["exec", "-dp", file, id], NOT_NULL);
    assert.equal(stderr, "");
    writeFileSync(file, JSON.stringify({ ...document, cwd: "tmp", args: 1 }));
    failed(call(), /\/args: expected.*\/cwd: expected an absolute path/);
    failed(
      tsrun.call(["exec", "-p", "/nowhere", id]),
      /reading the process from \/nowhere.*ENOENT/,
    );
    writeFileSync(file, JSON.stringify({ ...document, args: ["nosuch"] }));
    failed(call(), /executable file not found.*process\.json \/args\/0/);
    succeeded(exec("true"));
  });
});

test("it is what the container was made with, whatever became of the bundle since", () => {
  const bundle = bundleOf(FULL);
  inContainer(bundle, (exec) => {
    writeConfig(bundle.path, { broken: true });
    assert.equal(succeeded(exec("id", "-u")).stdout, "1000\n");
    assert.match(exec("mkdir", "/tmp/new").stderr, /not permitted/);
    // runc 1.1 and crun forget it.
    assert.match(succeeded(exec("cat", "/proc/self/status")).stdout, /^Umask:\t0027$/m);
  });
});

test("a terminal in the foreground has the caller's size and passes bytes both ways", async () => {
  await inContainerAsync(bundleOf(), async (id) => {
    const call = [...tsrun.command, "exec", "--tty", id, "sh"];
    const terminal = new Terminal("foreground", "24", "80", ...call);
    terminal.shows(/# /);
    await terminal.resize(33, 99);
    await terminal.type("stty size; tty\n");
    terminal.shows(/33 99\n\/dev\/pts\/\d+/);
    await terminal.type("exit 3\n");
    await terminal.ended();
    assert.match(terminal.report, /^status 3$/m);
  });
});

test("a detached process's terminal goes to the console socket", async () => {
  const { path, terminal } = consoleSocket();
  await inContainerAsync(bundleOf(), async (id) => {
    succeeded(
      tsrun.call(["exec", "--detach", "--tty", "--console-socket", path, id, "sh"], NOT_NULL),
    );
    terminal.shows(/# /);
    await terminal.type("echo $((6 * 7))\n");
    terminal.shows(/^42$/m);
    terminal.kill();
  });
});

async function inContainerAsync(bundle: Bundle, use: (id: string) => Promise<void>): Promise<void> {
  const id = newId();
  succeeded(tsrun.call(["run", "--detach", "--bundle", bundle.path, id], NOT_NULL));
  try {
    await use(id);
  } finally {
    succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
  }
}

test("only running and created containers are entered; a paused one with --ignore-paused", () => {
  const id = newId();
  const bundle = bundleOf();
  const exec = (...words: string[]) =>
    tsrun.call(["exec", ...words, id, "echo", "there"], NOT_NULL);
  failed(exec(), /does not exist/);
  succeeded(tsrun.call(["create", "--bundle", bundle.path, id], NOT_NULL));
  try {
    assert.equal(succeeded(exec()).stdout, "there\n");
    succeeded(tsrun.call(["start", id]));
    succeeded(tsrun.call(["pause", id]));
    failed(exec(), /cannot exec in a paused container/);
    const count = () =>
      (JSON.parse(succeeded(tsrun.call(["ps", "--format", "json", id])).stdout) as []).length;
    const before = count();
    tsrun.spawn(["exec", "--ignore-paused", id, "sleep", "98765"]);
    eventually("it is in the container", () => count() > before);
    const sleeps = () => processes().some((line) => /^\d+ sleep 98765$/.test(line));
    // It would need a fraction of this.
    pause(300);
    assert.ok(!sleeps(), "it has not come to its program");
    succeeded(tsrun.call(["resume", id]));
    eventually("it goes on", sleeps);
    succeeded(tsrun.call(["kill", id, "KILL"]));
    eventually("it has ended", () => stateOf(id).status === "stopped");
    failed(exec(), /cannot exec in a stopped container/);
  } finally {
    succeeded(tsrun.call(["delete", "--force", id]));
  }
});

test("descriptors are the process's only if they are preserved", () => {
  inContainer(bundleOf(), (exec, id) => {
    const list = "for fd in /proc/self/fd/*; do [ ! -e $fd ] || echo $fd; done";
    const standard = ["0", "1", "2"].map((fd) => `/proc/self/fd/${fd}\n`).join("");
    assert.equal(succeeded(exec("sh", "-c", list)).stdout, standard);
    const kept = tsrun.call(
      ["exec", "--preserve-fds", "1", id, "sh", "-c", "readlink /proc/self/fd/3"],
      {
        ...NOT_NULL,
        fds: [1],
      },
    );
    assert.notEqual(succeeded(kept).stdout, "");
  });
});

test("a container in its creator's mount namespace is entered by its root", () => {
  const bundle = bundleOf((config) => {
    shareNamespace(config, "mount");
    Object.assign(config.linux, { maskedPaths: [], readonlyPaths: [] });
    config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
  });
  writeFileSync(join(bundle.rootfs, "here"), "");
  assert.equal(printed(bundle, ["ls", "/here"]), "/here\n");
});

test("CPU affinity: initial, final, and none", () => {
  const affinity = (execCPUAffinity: object | undefined): string =>
    printed(
      bundleOf((config) => Object.assign(config.process, { execCPUAffinity })),
      ["grep", "Cpus_allowed_list", "/proc/self/status"],
    ).split("\t")[1] as string;
  assert.equal(affinity({ initial: "0" }), "0\n");
  assert.equal(affinity({ initial: "0", final: "1" }), "1\n");
  assert.equal(affinity({ final: "0" }), "0\n");
  assert.notEqual(affinity(undefined), "0\n");
});

test("a working directory that leads through a descriptor is refused (CVE-2024-21626)", () => {
  inContainer(bundleOf(), (exec) => {
    for (let fd = 3; fd < 12; fd++)
      failed(exec("--cwd", `/proc/self/fd/${fd}`, "--", "pwd"), /working directory.*E(LOOP|NOENT)/);
  });
});

test("what the container has put in the place of its terminals is not opened", () => {
  const bundle = bundleOf((config) => {
    config.root.readonly = false;
    config.mounts = config.mounts.filter(({ destination }) => destination !== "/dev/pts");
  });
  inContainer(bundle, (exec, id) => {
    succeeded(exec("sh", "-c", "mkdir -p /dev/pts && ln -s /dev/zero /dev/pts/ptmx"));
    const terminal = new Terminal(
      "foreground",
      "24",
      "80",
      ...tsrun.command,
      "exec",
      "--tty",
      id,
      "true",
    );
    terminal.shows(/devpts filesystem on \/dev\/pts/);
  });
});

test("the container cannot write to the runtime by #!/proc/self/exe (CVE-2019-5736)", () => {
  const bundle = bundleOf((config) => {
    config.root.readonly = false;
  });
  const before = readFileSync(tsrun.command[0] as string);
  inContainer(bundle, (exec) => {
    const script = 'printf "#!/proc/self/exe\\n" > /evil; chmod +x /evil';
    succeeded(exec("sh", "-c", script));
    exec("/evil");
    assert.deepEqual(readFileSync(tsrun.command[0] as string), before);
  });
});

test("until its program runs, nobody in the container can look into the process", () => {
  const bundle = bundleOf((config) => {
    config.root.readonly = false;
    addUserNamespace(config);
  });
  inContainer(bundle, (exec) => {
    // It looks at every other process's descriptors as fast as it can, and tells what leads out of the container.
    const spy = `while [ ! -e /tmp/stop ]; do for d in /proc/[0-9]*/root; do
        p=\${d%/root}; [ "$p" = /proc/1 ] || [ "$p" = /proc/$$ ] || readlink $d/../exe 2>/dev/null; done; done |
        grep -m1 tsrun > /tmp/seen`;
    succeeded(exec("--detach", "--", "sh", "-c", spy));
    for (let i = 0; i < 20; i++) succeeded(exec("true"));
    succeeded(exec("touch", "/tmp/stop"));
    assert.equal(succeeded(exec("cat", "/tmp/seen")).stdout, "");
  });
});

test("a user enters a container of its own", () => {
  const user = asUser(tsrun);
  const bundle = shellBundle(WAITS, { edit: makeRootless });
  giveFolders(bundle.path);
  inContainer(
    bundle,
    (exec) => {
      assert.equal(succeeded(exec("sh", "-c", "id -u; echo $$")).stdout.split("\n")[0], "0");
      assert.equal(exec("sh", "-c", "exit 9").status, 9);
      assert.match(succeeded(exec("ps", "-o", "args")).stdout, /trap/);
      failed(exec("nosuch"), /executable file not found/);
    },
    user,
  );
});

test("the root of a user namespace is not the host's", () => {
  inContainer(
    bundleOf((config) => addUserNamespace(config)),
    (exec) => {
      const file = join(newFolder("pid"), "pid");
      succeeded(exec("--detach", "--pid-file", file, "--", "sleep", "100"));
      appears(file);
      const status = readFileSync(`/proc/${readFileSync(file, "utf8")}/status`, "utf8");
      assert.match(status, new RegExp(`^Uid:\\t${HOST_UID}\\t`, "m"));
      failed(exec("--user", "70000", "--", "true"), /uid 70000 is not mapped/);
    },
  );
});
