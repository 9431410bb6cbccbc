/** Docker, told of tsrun as of any other runtime: what its users do with containers is as under runc. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Pty } from "../../integration/harness/pty.ts";
import { eventually, pause } from "../../integration/harness/waiting.ts";
import { call, output, told } from "./calls.ts";
import {
  becomes,
  docker,
  dockerRun,
  events,
  inspect,
  lines,
  ran,
  remove,
  restartDaemon,
  script,
  start,
  startDocker,
  stopDocker,
  withContainer,
} from "./docker.ts";
import { BUSYBOX } from "./images.ts";
import { alike, type EngineRuntime, runc, tsrun } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const folder = mkdtempSync("/var/tmp/docker-test-");
before(() => startDocker("Docker", { "live-restore": true }));
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
          // A program that has only just begun is called exe.
          "ps -o args | grep -v '{ps}\\|^ps\\|grep\\|sleep\\|exe'",
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
        const { stdout, ...ended } = call(["docker", "exec", ...args], { input: "from stdin\n" });
        return { ...ended, stdout: stdout.replace(/OCI runtime exec failed.*/, "failed") };
      };
      const look = "id; pwd; echo $A; cat; echo no >&2; exit 42";
      const who = ["--user", "1000:5", "--workdir", "/tmp", "--env", "A=b"];
      const seen = [
        exec("-i", ...who, name(runtime), "sh", "-c", look),
        exec("--privileged", name(runtime), "grep", "CapEff", "/proc/self/status"),
        exec(name(runtime), "no-such-program"),
        exec(name(runtime), "/etc/passwd"),
        exec(name(runtime), "sh", "-c", "kill -KILL $$"),
      ];
      docker("exec", "--detach", name(runtime), "sh", "-c", "echo detached >/scratch/said");
      eventually("the detached program has spoken", () =>
        call(["docker", "exec", name(runtime), "cat", "/scratch/said"]).stdout.includes("detached"),
      );
      // Which of 126 and 127 a missing program is, is Docker's affair.
      const statuses = seen.map(({ status }) => status).filter((_, i) => i !== 2);
      assert.deepEqual(statuses, [42, 0, 126, 137]);
      return seen;
    },
    onlyWhole,
  );

  alike(
    "shows its processes and what it uses",
    (runtime) => {
      const processes = lines(docker("top", name(runtime), "-o", "pid,args"));
      const stats = JSON.parse(docker("stats", "--no-stream", "--format", "json", name(runtime)));
      assert.match(stats.MemUsage, /^[1-9][\d.]*(KiB|MiB) /);
      return [
        processes.map((line) => line.replace(/^ *\d+ +/, "")).filter((line) => line !== "sleep 1"),
        stats.MemUsage.replace(/.*\//, ""),
      ];
    },
    onlyWhole,
  );

  alike(
    "is paused and goes on",
    (runtime) => {
      const state = () => inspect(name(runtime), "{{.State.Status}} {{.State.Paused}}");
      const refused = call(["docker", "unpause", name(runtime)]).status;
      docker("pause", name(runtime));
      const paused = state();
      const exec = call(["docker", "exec", name(runtime), "true"]);
      docker("unpause", name(runtime));
      return [refused, paused, exec.status, state(), docker("exec", name(runtime), "echo", "back")];
    },
    onlyWhole,
  );

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

  alike(
    "takes files and gives them",
    (runtime) => {
      const path = `${folder}/file`;
      writeFileSync(path, "copied\n", { mode: 0o640 });
      docker("cp", path, `${name(runtime)}:/root/file`);
      docker("cp", `${name(runtime)}:/root/file`, `${path}.back`);
      return [readFileSync(`${path}.back`, "utf8"), lines(docker("diff", name(runtime))).sort()];
    },
    onlyWhole,
  );

  test("outlives the daemon, which knows it again", () => {
    const process = (runtime: EngineRuntime): string => inspect(name(runtime), "{{.State.Pid}}");
    const running = [runc, tsrun].map(process);
    restartDaemon();
    assert.deepEqual([runc, tsrun].map(process), running);
    for (const runtime of [runc, tsrun])
      assert.equal(docker("exec", name(runtime), "echo", "here"), "here");
  });

  alike("hears signals, and ends in its own way when it is stopped", (runtime) => {
    docker("kill", "--signal", "HUP", name(runtime));
    const logs = (): string[] => {
      const { stdout, stderr } = call(["docker", "logs", name(runtime)]);
      return [stdout, stderr];
    };
    eventually("the signal was heard", () => logs()[0]?.includes("hung up") === true);
    docker("stop", "--time", "60", name(runtime));
    const state = inspect(name(runtime), "{{.State.Error}}{{.State.Status}} {{.State.ExitCode}}");
    assert.equal(state, "exited 3");
    return [logs(), state];
  });

  alike(
    "is started again, does not stop by itself in time, and is killed",
    (runtime) => {
      docker("start", name(runtime));
      docker("exec", name(runtime), "kill", "-STOP", "1");
      docker("restart", "--time", "1", name(runtime));
      docker("kill", name(runtime));
      const code = docker("wait", name(runtime));
      return [code, inspect(name(runtime), "{{.State.Status}} {{.State.ExitCode}}")];
    },
    onlyWhole,
  );

  alike(
    "has told of all that",
    (runtime) => {
      const told = events(name(runtime), "{{.Action}} {{.Actor.Attributes.exitCode}}");
      assert.ok(told.includes("die 3") && told.includes("die 137"), told.join("\n"));
      return told;
    },
    onlyWhole,
  );
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

  /** Says when the terminal has the size that the user's has, and after its change; Docker gives it late. */
  const SESSION = [
    "sh",
    "-c",
    `until [ "$(stty size)" = "24 80" ]; do sleep 0.1; done; tty; echo sized
     until [ "$(stty size)" = "33 101" ]; do sleep 0.1; done; echo resized
     read line; echo got $line; exit 7`,
  ];
  const session = async (terminal: Pty): Promise<void> => {
    terminal.shows(/^sized\r?\n/m);
    // Docker's client may not listen for changes yet: it is told again.
    for (let i = 0; i < 60 && !/^resized$/m.test(terminal.output); i++) {
      await terminal.resize(33, 100);
      await terminal.resize(33, 101);
      pause(1000);
    }
    terminal.shows(/^resized\r?\n/m);
    await terminal.type("word\r");
    terminal.shows(/^got word\r?\n/m);
  };

  alike("is the container's", async (runtime) => {
    const command = dockerRun(runtime, ["-it", "--network", "none"], ...SESSION);
    const report = await onTerminal(command, session);
    assert.equal(report, "restored\nstatus 7\n");
    return report;
  });

  alike(
    "is an exec's, and attach leads to the first program's",
    (runtime) => {
      const echo = ["sh", "-c", "while read line; do echo $$ got $line; done; exit 9"];
      return withContainer(runtime, "attached", ["-it"], echo, async (name) => {
        const exec = await onTerminal(["docker", "exec", "-it", name, ...SESSION], session);
        assert.equal(exec, "restored\nstatus 7\n");
        // What is typed before it answers could reach a terminal that is not yet the container's.
        const attach = (keys: string): Promise<string> =>
          onTerminal(["docker", "attach", name], async (terminal) => {
            await terminal.type("word\n");
            terminal.shows(/^1 got word\r?\n/m);
            await terminal.type(keys);
          });
        const detached = await attach("\x10\x11");
        const still = inspect(name, "{{.State.Running}}");
        return [detached, still, await attach("\x04")];
      });
    },
    onlyWhole,
  );
});

describe("a container that ends", () => {
  alike("by its own status, with what it wrote and read", (runtime) => {
    const command = dockerRun(
      runtime,
      [
        ...["-i", "--user", "1000:1000", "--group-add", "5"],
        ...["--cap-drop", "all", "--cap-add", "CHOWN", "--network", "none", "--read-only"],
        ...["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"],
        ...["--security-opt", "apparmor=unconfined"],
      ],
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

  alike(
    "held by a seccomp profile of the user's",
    (runtime) => {
      const profile = `${folder}/seccomp.json`;
      const refusal = { names: ["chmod", "fchmodat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 };
      writeFileSync(
        profile,
        JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [refusal] }),
      );
      const options = ["--security-opt", `seccomp=${profile}`, "--network", "none"];
      const ended = call(dockerRun(runtime, options, "chmod", "600", "/etc/passwd"));
      assert.match(ended.stderr, /not supported/);
      return ended;
    },
    onlyWhole,
  );

  alike(
    "for want of memory",
    (runtime) => {
      // The shell lives on for a moment: who watches a group hears of it while the group is there.
      const hungry = "dd if=/dev/zero of=/dev/null bs=64M count=1; s=$?; sleep 2; exit $s";
      const limits = ["--memory", "24m", "--memory-swap", "24m", "--network", "none"];
      return withContainer(runtime, "hungry", limits, ["sh", "-c", hungry], (name) => {
        const code = docker("wait", name);
        becomes(name, "{{.State.OOMKilled}}", "true");
        const told = events(name, "{{.Action}}");
        assert.equal(code, "137");
        assert.ok(told.includes("oom"), told.join("\n"));
        return [inspect(name, "{{.State.Status}} {{.State.ExitCode}}"), told];
      });
    },
    onlyWhole,
  );

  alike(
    "and is started anew as often as it should",
    (runtime) => {
      const options = ["--restart", "on-failure:2"];
      return withContainer(
        runtime,
        "failing",
        options,
        ["sh", "-c", "echo tried; exit 3"],
        (name) => {
          becomes(name, "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}", "2 exited 3");
          const logs = docker("logs", name);
          assert.equal(logs, "tried\ntried\ntried");
          return logs;
        },
      );
    },
    onlyWhole,
  );

  alike(
    "and is always started anew, until it is stopped",
    (runtime) =>
      withContainer(runtime, "always", ["--restart", "always"], ["sleep", "600"], (name) => {
        process.kill(Number(inspect(name, "{{.State.Pid}}")), "SIGKILL");
        becomes(name, "{{.RestartCount}} {{.State.Status}}", "1 running");
        docker("stop", "--time", "0", name);
        return inspect(name, "{{.State.Status}} {{.State.ExitCode}}");
      }),
    onlyWhole,
  );

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

  test("ends Docker with the status by which scripts know why", onlyWhole, () => {
    const missing = [runc, tsrun].map((each) => ending(dockerRun(each, [], "no-such-program")));
    const refused = [runc, tsrun].map((each) => ending(dockerRun(each, [], "/etc/passwd")));
    for (const { status, said } of missing) {
      assert.equal(status, 127, said);
      assert.match(
        said,
        /OCI runtime create failed: .*"no-such-program": executable file not found in \$PATH/,
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
      ending(dockerRun(runtime, ["--sysctl", "net.no_such=1"], "true")).status,
    ],
    onlyWhole,
  );

  test("has Docker give its advice where a directory is mounted on a file", onlyWhole, () => {
    const volume = ["--volume", "/etc:/etc/passwd"];
    for (const { status, said } of [runc, tsrun].map((each) =>
      ending(dockerRun(each, volume, "true")),
    )) {
      assert.equal(status, 125, said);
      assert.match(said, /Are you trying to mount a directory onto a file/);
    }
  });
});

describe("what containers share", () => {
  alike(
    "another's network, processes and memory, or the host's",
    (runtime) => {
      const command = ["sh", "-c", "touch /dev/shm/mark; exec sleep 600"];
      return withContainer(runtime, "shared", ["--ipc", "shareable"], command, (name) => {
        const isHosts = (option: string, namespace: string): boolean => {
          const link = `/proc/self/ns/${namespace}`;
          const inside = ran(runtime, [`--${option}`, "host"], "readlink", link);
          return inside === output(["readlink", link]);
        };
        const hosts = [
          isHosts("network", "net"),
          isHosts("pid", "pid"),
          isHosts("ipc", "ipc"),
          isHosts("uts", "uts"),
          isHosts("cgroupns", "cgroup"),
        ];
        assert.deepEqual(hosts, [true, true, true, true, true]);
        const joined = ["--network", `container:${name}`, "--ipc", `container:${name}`];
        return [
          ran(runtime, joined, "ls", "/dev/shm"),
          ran(runtime, ["--pid", `container:${name}`], "sh", "-c", "ps -o args | grep '^sleep'"),
        ];
      });
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

describe("what containers are for", () => {
  const PAGE = "mkdir /www; echo page >/www/index.html; exec httpd -f -h /www";

  alike("they find each other by name, and the host finds a published port", async (runtime) => {
    const network = `between-${runtime.name}`;
    docker("network", "create", network);
    const options = ["--network", network, "--network-alias", "web", "--publish", "127.0.0.1::80"];
    try {
      return await withContainer(runtime, "web", options, ["sh", "-c", PAGE], (name) => {
        becomesServed(docker("port", name, "80/tcp"), "page");
        return ran(runtime, ["--network", network], "wget", "-q", "-O", "-", "http://web/");
      });
    } finally {
      docker("network", "rm", network);
    }
  });

  alike(
    "they are asked for their health",
    (runtime) => {
      const check = ["--health-cmd", "test -e /well || { echo ill; exit 1; }"];
      const pace = ["--health-interval", "1s", "--health-timeout", "60s", "--health-retries", "1"];
      return withContainer(runtime, "asked", [...check, ...pace], ["sleep", "600"], (name) => {
        becomes(name, "{{.State.Health.Status}}", "unhealthy");
        const said = inspect(name, "{{(index .State.Health.Log 0).Output}}");
        docker("exec", name, "touch", "/well");
        becomes(name, "{{.State.Health.Status}}", "healthy");
        return said;
      });
    },
    onlyWhole,
  );

  alike(
    "three of them are one application",
    (runtime) => {
      const project = `three-${runtime.name}`;
      const file = `${folder}/${project}.json`;
      writeFileSync(file, JSON.stringify(application(runtime)));
      const compose = (...args: string[]): string =>
        docker("compose", "--project-name", project, "--file", file, ...args);
      try {
        compose("up", "--detach", "--wait");
        becomesServed(compose("port", "web", "80"), "stored");
        // After an escape sequence that clears the line.
        const visits = (): string[] =>
          lines(compose("logs", "--no-log-prefix", "visitor").replaceAll("\u001b[2K", ""));
        // It may have asked before the server was there.
        eventually(
          () => `the visitor has seen the page, but said ${JSON.stringify(visits())}`,
          () => visits().includes("stored"),
        );
        const limits = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; id";
        compose("restart", "--timeout", "0", "web");
        return [
          compose("exec", "-T", "web", "sh", "-c", limits),
          lines(compose("ps", "--format", "{{.Service}} {{.State}} {{.Health}}")).sort(),
        ];
      } finally {
        compose("down", "--volumes", "--timeout", "0");
      }
    },
    onlyWhole,
  );
});

/** A store that becomes healthy, a server of what it stored, and a visitor. */
function application(runtime: EngineRuntime): object {
  const service = (script: string, options: object): object => ({
    image: BUSYBOX,
    pull_policy: "never",
    runtime: runtime.name,
    command: ["sh", "-c", script],
    ...options,
  });
  return {
    services: {
      store: service("echo stored >/data/index.html; exec sleep 600", {
        volumes: ["data:/data"],
        healthcheck: { test: ["CMD", "test", "-e", "/data/index.html"], interval: "1s" },
      }),
      web: service("exec httpd -f -h /data", {
        volumes: ["data:/data:ro"],
        depends_on: { store: { condition: "service_healthy" } },
        ports: ["127.0.0.1::80"],
        mem_limit: "64m",
        pids_limit: 20,
        read_only: true,
      }),
      visitor: service("until wget -q -O - http://web/; do sleep 1; done; exec sleep 600", {
        depends_on: ["web"],
        user: "1000:1000",
        cap_drop: ["ALL"],
      }),
    },
    volumes: { data: {} },
  };
}

/** Waits until the host gets this line from a server at HOST:PORT. */
function becomesServed(address: string, line: string): void {
  const command = ["busybox", "wget", "-q", "-O", "-", `http://${address}/`];
  eventually(
    `${address} serves "${line}"`,
    () =>
      call(command).stdout ===
      `${line}
`,
  );
}

/** Runs a command beside others. */
async function beside(command: readonly string[]): Promise<[string, number | null]> {
  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (data) => {
    said += data;
  });
  const [status] = await once(child, "close");
  return [said.trim(), status];
}

test("fifty at once come, answer and go", onlyWhole, async () => {
  const numbers = Array.from({ length: 50 }, (_, i) => i);
  const ends = numbers.map((i) =>
    beside(dockerRun(tsrun, ["--network", "none"], "sh", "-c", `echo ${i}; exit ${i}`)),
  );
  const expected = numbers.map((i) => [String(i), i]);
  assert.deepEqual(await Promise.all(ends), expected);
  assert.equal(docker("ps", "--all", "--quiet"), "");
});
