/** Docker, told of tsrun as of any other runtime: what its users do with containers is as under runc. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Pty } from "../../integration/harness/pty.ts";
import { eventually } from "../../integration/harness/waiting.ts";
import { call, output, told } from "./calls.ts";
import {
  becomes,
  docker,
  dockerRun,
  inspect,
  lines,
  ran,
  remove,
  script,
  start,
  startDocker,
  stopDocker,
} from "./docker.ts";
import { BUSYBOX } from "./images.ts";
import { alike, type EngineRuntime, runc, tsrun } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const folder = mkdtempSync("/var/tmp/docker-test-");
before(() => startDocker());
after(() => {
  stopDocker();
  rmSync(folder, { recursive: true });
});

/** A program that lives until it is told to end, says what it is told, and ends with 3. */
const LISTENER = `
  trap 'echo ended; exit 3' TERM
  trap 'echo hung up' HUP
  echo started
  echo complained >&2
  while :; do sleep 1 & wait $!; done`;

describe("a container that goes on", () => {
  const LIMITS = [
    ...["--memory", "64m", "--memory-swap", "128m", "--memory-reservation", "32m"],
    // The one share that means the same weight in every version of runc's conversion is the largest.
    ...["--cpus", "0.5", "--cpuset-cpus", "0", "--cpu-shares", "262144", "--pids-limit", "77"],
    ...["--blkio-weight", "300", "--device-read-bps", "/dev/vda:1mb"],
    ...["--ulimit", "nofile=500:600", "--ulimit", "nproc=300", "--oom-score-adj", "300"],
    ...["--shm-size", "3m", "--device", "/dev/fuse:/dev/fuse:r", "--sysctl", "kernel.shmmax=12345"],
    ...["--hostname", "box", "--env", "GREETING=hello", "--workdir", "/var/lib"],
    ...["--tmpfs", "/scratch:size=1m,noexec", "--volume", "/etc/hostname:/host/name:ro", "--init"],
  ];
  const GROUP = [
    ...["memory.max", "memory.low", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max"],
    ...["cpuset.cpus", "io.weight", "io.max"],
  ];
  const name = (runtime: EngineRuntime): string => `long-${runtime.name}`;

  before(() => {
    for (const runtime of [runc, tsrun]) start(runtime, "long", LIMITS, "sh", "-c", LISTENER);
  });
  after(() => remove(name(runc), name(tsrun)));

  alike(
    "has the limits, devices and mounts that it was given, and an exec has them, too",
    (runtime) => {
      const seen = docker(
        ...["exec", name(runtime), "sh", "-c"],
        script(
          "cd /sys/fs/cgroup",
          `grep . ${GROUP.join(" ")}`,
          "ulimit -n -u -Hn",
          "cat /proc/1/oom_score_adj /proc/self/oom_score_adj",
          "df -k /dev/shm /scratch | sed 's/  */ /g'",
          "ls -ln /dev/fuse | cut -d ' ' -f 1",
          "cat /dev/fuse 2>&1 >/scratch/fuse </dev/null",
          "dd if=/dev/null of=/dev/fuse 2>&1 | head -n 1",
          "sysctl kernel.shmmax",
          "hostname; echo $GREETING; pwd; id; tty",
          "cat /host/name; echo >/host/name",
          "grep -E '^(Cap|NoNew|Seccomp|Groups)' /proc/self/status",
          "cat /proc/self/attr/current /proc/self/cgroup",
          "ps -o args | grep -v '{ps}\\|^ps\\|grep\\|sleep'",
        ),
      );
      assert.match(seen, /cpu.max:50000 100000/);
      return seen;
    },
  );

  alike(
    "runs more programs: as a user, elsewhere, with an environment, with a status",
    (runtime) => {
      const exec = (...args: string[]) => {
        const ended = call(["docker", "exec", ...args], { input: "from stdin\n" });
        return {
          ...ended,
          stderr: ended.stderr.replaceAll(/OCI runtime exec failed.*/g, "failed"),
        };
      };
      const who = ["--user", "1000:5", "--workdir", "/tmp", "--env", "A=b"];
      const seen = [
        exec(
          "-i",
          ...who,
          name(runtime),
          "sh",
          "-c",
          "id; pwd; echo $A; cat; echo no >&2; exit 42",
        ),
        exec("--privileged", name(runtime), "grep", "CapEff", "/proc/self/status"),
        exec(name(runtime), "no-such-program"),
        exec(name(runtime), "/etc/passwd"),
        exec(name(runtime), "sh", "-c", "kill -KILL $$"),
      ];
      docker("exec", "--detach", name(runtime), "sh", "-c", "echo detached >/scratch/said");
      eventually("the detached program has spoken", () =>
        call(["docker", "exec", name(runtime), "cat", "/scratch/said"]).stdout.includes("detached"),
      );
      assert.deepEqual(
        seen.map(({ status }) => status),
        [42, 0, 127, 126, 137],
      );
      return seen;
    },
  );

  alike("shows its processes and what it uses", (runtime) => {
    const processes = lines(docker("top", name(runtime), "-o", "pid,args"));
    const stats = JSON.parse(docker("stats", "--no-stream", "--format", "json", name(runtime)));
    assert.match(stats.MemUsage, /^[1-9][\d.]*(KiB|MiB) /);
    return [
      processes.map((line) => line.replace(/^ *\d+ /, "")).filter((line) => line !== "sleep 1"),
      stats.MemUsage.replace(/.*\//, ""),
    ];
  });

  alike("is paused and goes on", (runtime) => {
    const state = () => inspect(name(runtime), "{{.State.Status}} {{.State.Paused}}");
    const refused = call(["docker", "unpause", name(runtime)]).status;
    docker("pause", name(runtime));
    const paused = state();
    const exec = call(["docker", "exec", name(runtime), "true"]);
    docker("unpause", name(runtime));
    return [refused, paused, exec.status, state(), docker("exec", name(runtime), "echo", "back")];
  });

  alike("gets other limits", (runtime) => {
    docker(
      ...["update", "--memory", "80m", "--memory-swap", "160m", "--memory-reservation", "33m"],
      ...["--cpus", "1.5", "--cpuset-cpus", "1", "--pids-limit", "50", "--blkio-weight", "200"],
      name(runtime),
    );
    const scope = `docker-${inspect(name(runtime), "{{.Id}}")}.scope`;
    const properties = ["MemoryMax", "MemorySwapMax", "CPUQuotaPerSecUSec", "TasksMax"];
    const group = docker(
      ...["exec", name(runtime), "sh", "-c"],
      `cd /sys/fs/cgroup; grep . ${GROUP.join(" ")}`,
    );
    assert.match(group, /cpu.max:150000 100000/);
    return [group, output(["systemctl", "show", scope, "-p", [...properties, "Slice"].join(",")])];
  });

  alike("takes files and gives them", (runtime) => {
    const path = `${folder}/file`;
    writeFileSync(path, "copied\n", { mode: 0o640 });
    docker("cp", path, `${name(runtime)}:/root/file`);
    docker("cp", `${name(runtime)}:/root/file`, `${path}.back`);
    return [readFileSync(`${path}.back`, "utf8"), lines(docker("diff", name(runtime))).sort()];
  });

  alike("hears signals, and ends in its own way when it is stopped", (runtime) => {
    docker("kill", "--signal", "HUP", name(runtime));
    const logs = (): string[] => {
      const { stdout, stderr } = call(["docker", "logs", name(runtime)]);
      return [stdout, stderr];
    };
    eventually("the signal was heard", () => logs()[0]?.includes("hung up") === true);
    docker("stop", "--time", "60", name(runtime));
    const state = inspect(name(runtime), "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}");
    assert.equal(state, "exited 3 ");
    return [logs(), state];
  });

  alike("is started again, does not stop by itself in time, and is killed", (runtime) => {
    docker("start", name(runtime));
    docker("exec", name(runtime), "kill", "-STOP", "1");
    docker("restart", "--time", "1", name(runtime));
    docker("kill", name(runtime));
    const code = docker("wait", name(runtime));
    return [code, inspect(name(runtime), "{{.State.Status}} {{.State.ExitCode}}")];
  });

  alike("has told of all that", (runtime) => {
    const now = String(Math.ceil(Date.now() / 1000));
    const told = lines(
      docker(
        ...["events", "--since", "60m", "--until", now, "--filter", `container=${name(runtime)}`],
        ...["--format", "{{.Action}} {{.Actor.Attributes.exitCode}}"],
      ),
    );
    assert.ok(told.includes("die 3") && told.includes("die 137"), told.join("\n"));
    return told;
  });
});

describe("a terminal", () => {
  const onTerminal = async (
    command: readonly string[],
    use: (terminal: Pty) => Promise<void>,
  ): Promise<string> => {
    const terminal = new Pty(mkdtempSync(`${folder}/terminal-`), [
      "foreground",
      "24",
      "80",
      ...command,
    ]);
    try {
      await use(terminal);
      await terminal.ended();
      return terminal.report;
    } finally {
      terminal.kill();
    }
  };

  /** Looks at the terminal, changes its size, and ends with 7. */
  const session = async (terminal: Pty): Promise<void> => {
    await terminal.type("stty size; tty; trap 'echo now $(stty size)' WINCH\n");
    terminal.shows(/^24 80\n\/dev\/(pts\/\d|console)$/m);
    await terminal.resize(33, 101);
    terminal.shows(/now 33 101/);
    await terminal.type("exit 7\n");
  };

  alike("is the container's", async (runtime) => {
    const report = await onTerminal(dockerRun(runtime, ["-it"], "sh"), session);
    assert.equal(report, "restored\nstatus 7\n");
    return report;
  });

  alike("is an exec's, and attach leads to the first program's", async (runtime) => {
    const name = start(runtime, "attached", ["-it"], "sh");
    const exec = await onTerminal(["docker", "exec", "-it", name, "sh"], session);
    assert.equal(exec, "restored\nstatus 7\n");
    const detached = await onTerminal(["docker", "attach", name], async (terminal) => {
      await terminal.type("echo here $$\n");
      terminal.shows(/^here 1$/m);
      await terminal.type("\x10\x11");
    });
    const still = inspect(name, "{{.State.Running}}");
    const ended = await onTerminal(["docker", "attach", name], (terminal) =>
      terminal.type("exit 9\n"),
    );
    remove(name);
    return [detached, still, ended];
  });
});

describe("a container that ends", () => {
  alike("by its own status, with what it wrote and read", (runtime) => {
    const command = dockerRun(
      runtime,
      [
        "-i",
        "--user",
        "1000:1000",
        "--group-add",
        "5",
        "--cap-drop",
        "all",
        "--cap-add",
        "CHOWN",
      ].concat(
        ...["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"],
        ...["--security-opt", "apparmor=unconfined", "--network", "none", "--read-only"],
      ),
      ...["sh", "-c"],
      `${script(
        "id",
        "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status",
        "cat /proc/self/attr/current",
        "ip -o link | cut -d ' ' -f 1-9",
        "echo >/file",
        "cat",
      )}; exit 42`,
    );
    const ended = call(command, { input: "from stdin\n" });
    assert.equal(ended.status, 42, told(command, ended, "should have ended with 42"));
    return ended;
  });

  alike("for want of memory", (runtime) => {
    const name = start(
      ...([runtime, "hungry", ["--memory", "24m", "--memory-swap", "24m"]] as const),
      ...["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"],
    );
    const code = docker("wait", name);
    becomes(name, "{{.State.OOMKilled}}", "true");
    const state = inspect(name, "{{.State.Status}} {{.State.ExitCode}}");
    remove(name);
    assert.deepEqual([code, state], ["137", "exited 137"]);
    return [code, state];
  });

  alike("and is started anew as often as it should", (runtime) => {
    const name = start(
      runtime,
      "failing",
      ["--restart", "on-failure:2"],
      "sh",
      "-c",
      "echo tried; exit 3",
    );
    becomes(name, "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}", "2 exited 3");
    const logs = docker("logs", name);
    remove(name);
    assert.equal(logs, "tried\ntried\ntried");
    return logs;
  });

  alike(
    "by a signal, behind an init or not",
    (runtime) => [
      call(dockerRun(runtime, ["--init"], "sh", "-c", "kill -TERM $$")).status,
      call(dockerRun(runtime, [], "sh", "-c", "kill -KILL 1; sh -c 'kill -SEGV $$'")).status,
    ],
    onlyWhole,
  );
});

describe("a container that cannot start", () => {
  const ending = (command: readonly string[]): { status: number | null; said: string } => {
    const { status, stderr } = call(command);
    return { status, said: stderr };
  };

  test("ends Docker with the status by which scripts know why", () => {
    const missing = [runc, tsrun].map((each) => ending(dockerRun(each, [], "no-such-program")));
    const refused = [runc, tsrun].map((each) => ending(dockerRun(each, [], "/etc/passwd")));
    for (const { status, said } of missing) {
      assert.equal(status, 127, said);
      assert.match(
        said,
        /OCI runtime create failed: .*"no-such-program".*executable file not found in \$PATH/,
      );
    }
    for (const { status, said } of refused) {
      assert.equal(status, 126, said);
      assert.match(said, /OCI runtime create failed: .*"\/etc\/passwd".*permission denied/);
    }
  });

  alike(
    "nor be found in other ways",
    (runtime) => [
      ending(dockerRun(runtime, [], "/no/such/program")).status,
      ending(dockerRun(runtime, [], "/etc")).status,
      ending(dockerRun(runtime, ["--user", "nobody-known"], "true")).status,
      ending(dockerRun(runtime, ["--workdir", "/etc/passwd"], "true")).status,
      ending(dockerRun(runtime, ["--volume", "/etc/passwd:/proc/x"], "true")).status,
      ending(dockerRun(runtime, ["--sysctl", "kernel.no_such=1"], "true")).status,
    ],
    onlyWhole,
  );
});

describe("what containers share", () => {
  alike(
    "another's network, processes and memory, or the host's",
    (runtime) => {
      const name = start(
        runtime,
        "shared",
        ["--ipc", "shareable"],
        "sh",
        "-c",
        "touch /dev/shm/mark; exec sleep 600",
      );
      const first = (namespace: string): string => output(["readlink", `/proc/1/ns/${namespace}`]);
      const seen = [
        ran(
          runtime,
          ["--network", `container:${name}`, "--ipc", `container:${name}`],
          "ls",
          "/dev/shm",
        ),
        ran(runtime, ["--pid", `container:${name}`], "sh", "-c", "ps -o args | grep '^sleep'"),
        ...["network:net", "pid:pid", "ipc:ipc", "uts:uts"].map((pair) => {
          const [option, namespace] = pair.split(":") as [string, string];
          const inside = ran(
            runtime,
            [`--${option}`, "host"],
            "readlink",
            `/proc/self/ns/${namespace}`,
          );
          return inside === first(namespace);
        }),
        ran(runtime, ["--cgroupns", "host"], "cat", "/proc/self/cgroup").replace(
          /[0-9a-f]{64}/,
          "ID",
        ),
      ];
      remove(name);
      assert.deepEqual(seen.slice(2, 6), [true, true, true, true]);
      return seen;
    },
    onlyWhole,
  );

  alike(
    "nothing, and all privileges",
    (runtime) =>
      ran(
        ...([runtime, ["--privileged", "--hostname", "box"], "sh", "-c"] as const),
        script(
          "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status",
          "cat /proc/self/attr/current",
          "ls /dev | grep -v '^tty\\|^vcs'",
          "cat /proc/mounts | sed 's/lowerdir=[^ ]*//' | sort",
        ),
      ),
    onlyWhole,
  );

  alike(
    "files: a folder of the host's, a volume that stays, memory",
    (runtime) => {
      const volume = `kept-${runtime.name}`;
      const mounts = ["--volume", `${volume}:/kept`, "--tmpfs", "/memory", "--read-only"];
      const write = "echo kept >/kept/file; echo gone >/memory/file; echo no >/file";
      const first = call(dockerRun(runtime, mounts, "sh", "-c", write));
      const again = ran(runtime, mounts, "sh", "-c", "cat /kept/file; ls /memory");
      const bind = `type=bind,source=${folder},target=/host,readonly,bind-propagation=rslave`;
      const host = call(dockerRun(runtime, ["--mount", bind], "sh", "-c", "echo >/host/new"));
      docker("volume", "rm", volume);
      return [first.status, first.stderr, again, host];
    },
    onlyWhole,
  );
});

test("twenty at once come, answer and go", onlyWhole, async () => {
  const { spawn } = await import("node:child_process");
  const ends = Array.from({ length: 20 }, (_, i) => {
    const command = dockerRun(tsrun, ["--network", "none"], "sh", "-c", `echo ${i}; exit ${i}`);
    const child = spawn(command[0] as string, command.slice(1), {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (data) => (said += data));
    return new Promise<[string, number | null]>((resolve) =>
      child.on("close", (status) => resolve([said.trim(), status])),
    );
  });
  assert.deepEqual(
    await Promise.all(ends),
    Array.from({ length: 20 }, (_, i) => [String(i), i]),
  );
  assert.equal(docker("ps", "--all", "--quiet", "--filter", `ancestor=${BUSYBOX}`), "");
});
