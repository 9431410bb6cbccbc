/** Podman, as root, with the configuration of docs/engines.md. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Pty } from "../../integration/harness/pty.ts";
import { eventually } from "../../integration/harness/waiting.ts";
import { output } from "./calls.ts";
import { ALONE, busybox, type Podman, rootful, script, setUp, shown, tearDown } from "./podman.ts";
import { alike, tsrun } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const folder = mkdtempSync("/var/tmp/podman-");
/** Whose ids --userns=auto takes, and which. */
const SUBORDINATES = "containers:10000000:65536\n";
const files = ["/etc/subuid", "/etc/subgid"].map((path) => ({
  path,
  content: readFileSync(path, "utf8"),
}));
before(() => {
  for (const { path } of files) appendFileSync(path, SUBORDINATES);
  setUp(folder);
});
after(() => {
  tearDown(["podman"]);
  for (const { path, content } of files) writeFileSync(path, content);
  rmSync(folder, { recursive: true });
});

/** What a process can see of how it is confined. */
const LOOK = [
  "id; hostname; pwd; umask; env | sort",
  "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status",
  "cat /proc/self/oom_score_adj /proc/self/cgroup",
  "cd /sys/fs/cgroup && head cpu.max memory.max memory.swap.max pids.max",
  "ulimit -n; ulimit -c",
  "stat -c '%n %F %a %u:%g %t,%T' /dev/* /dev/shm",
  "cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
  "touch /file; touch /tmp/file && touch /data/file && ls /data",
];
/** Sorted: Podman orders mounts by depth alone, and takes those of one depth from a map. Without masked folders, which differ from one runtime to the next. */
const MOUNTS = "awk '$5 !~ \"^/(proc|sys)/.\" { print $5, $6 }' /proc/self/mountinfo | sort";

describe("a container", () => {
  alike("lives as it was asked to", (runtime) => {
    const podman = rootful(runtime);
    const name = "life";
    podman.output(
      ...["run", "--detach", "--name", name, "--hostname=living", ...ALONE],
      ...["--memory=64m", "--cpus=0.5", "--pids-limit=50"],
      ...["--read-only", "--tmpfs=/data:size=1m,mode=1777", "--shm-size=2m", "--init"],
      ...["--cap-drop=all", "--cap-add=chown,net_bind_service", "--user=1000:5", "--group-add=7"],
      ...["--ulimit=nofile=100:200", "--env=ASKED=yes", "--workdir=/home", "--umask=0027"],
      ...["--sysctl=net.ipv4.ip_unprivileged_port_start=80", "--oom-score-adj=100"],
      ...["--security-opt=no-new-privileges", "--annotation=org.example=1"],
      ...script(
        ...LOOK,
        MOUNTS,
        "trap 'echo leaving; exit 7' TERM; echo ready >&2",
        "while :; do sleep 1; done",
      ),
    );
    try {
      return lead(podman, name);
    } finally {
      podman.call("rm", "--force", "--time=0", name);
    }
  });

  /** Emulated, each call of Podman takes seconds: what the host's files show is read there. */
  function lead(podman: Podman, name: string): object {
    eventually("the container is ready", () => /ready/.test(podman.call("logs", name).stderr));
    const identity = podman.output(
      ...["inspect", "--format", "{{.Id}} {{.OCIRuntime}} {{.State.CgroupPath}}", name],
    );
    const [id = "", runtime, cgroup = ""] = identity.split(" ");
    assert.equal(runtime, podman.runtime.name);
    const anonymous = (text: string) => text.replaceAll(id, "ID").replaceAll(id.slice(0, 12), "ID");
    const group = (file: string) => readFileSync(join("/sys/fs/cgroup", cgroup, file), "utf8");
    const seen: Record<string, unknown> = {
      log: anonymous(podman.call("logs", name).stdout).split("\n"),
      cgroup: anonymous(cgroup),
      executed: executed(podman, name, anonymous),
    };
    podman.output("pause", name);
    seen["paused"] = group("cgroup.events");
    podman.output("unpause", name);
    podman.output("update", "--memory=32m", "--pids-limit=40", "--cpus=0.25", name);
    seen["updated"] = ["memory.max", "pids.max", "cpu.max"].map(group);
    podman.output("stop", "--time=60", name);
    seen["stopped"] = podman.output(
      ...["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name],
    );
    seen["said"] = podman.output("logs", "--tail=1", name);
    podman.output("restart", name);
    seen["restarted"] = podman.output("inspect", "--format={{.State.Status}}", name);
    podman.output("kill", "--signal=KILL", name);
    seen["killed"] = podman.output("wait", name);
    return seen;
  }

  function executed(podman: Podman, name: string, anonymous: (text: string) => string): object {
    const look = "id; pwd; echo $ASKED $MORE; ulimit -n; grep Cap /proc/self/status";
    const asRoot = podman.call(
      ...["exec", "--privileged", "--user=0", "--workdir=/tmp", "--env=MORE=1", name],
      ...["sh", "-c", `${look}; cat /proc/self/cgroup; exit 3`],
    );
    assert.equal(asRoot.status, 3);
    return {
      asItself: podman.output("exec", name, "sh", "-c", look),
      asRoot: anonymous(asRoot.stdout),
      missing: podman.call("exec", name, "nosuchcmd").status,
    };
  }

  alike(
    "is told of while it runs, and executes what it cannot or need not wait for",
    (runtime) => {
      const podman = rootful(runtime);
      const name = "more";
      podman.output(
        ...["run", "--detach", "--name", name, ...ALONE, "--memory=64m"],
        ...busybox("sleep", "1000"),
      );
      try {
        const status = (...words: string[]) => podman.call("exec", ...words).status;
        return {
          top: podman.output("top", name, "user", "args", "capeff", "seccomp").split("\n"),
          stats: podman.output("stats", "--no-stream", "--format", "{{.PIDs}} {{.MemLimit}}", name),
          refused: status(name, "/etc/passwd"),
          inDetached: status("--detach", name, "touch", "/tmp/done"),
        };
      } finally {
        podman.call("rm", "--force", "--time=0", name);
      }
    },
    onlyWhole,
  );

  const ends: Record<string, { words: string[]; bounded?: true }> = {
    "with the status of its program": { words: script("exit 42"), bounded: true },
    "with 137 where it was killed": { words: ["--init", ...script("kill -KILL $$")] },
    "with 127 where there is no such command": { words: busybox("nosuchcmd"), bounded: true },
    "with 127 where there is no such file": { words: busybox("/nosuch/cmd") },
    "with 126 where it may not be executed": { words: busybox("/etc/passwd") },
    "with 126 where it is a folder": { words: busybox("/etc") },
    "with 125 where Podman refuses": { words: ["--nosuchflag", ...busybox("true")] },
  };
  for (const [name, { words, bounded }] of Object.entries(ends))
    alike(
      `ends ${name}`,
      (runtime) => {
        const { status, stdout } = rootful(runtime).call("run", "--rm", ...ALONE, ...words);
        assert.equal(status, Number(/\d+/.exec(name)?.[0] ?? 42));
        return stdout;
      },
      bounded ? {} : onlyWhole,
    );

  alike("has a terminal, whose size follows the user's", async (runtime) => {
    const { command } = rootful(runtime);
    const at = mkdtempSync(join(folder, "terminal-"));
    const program = script(
      "tty; stty size; trap 'stty size; exit 5' WINCH; echo begun",
      "while :; do sleep 1; done",
    );
    const words = ["run", "-it", "--rm", ...ALONE, ...program];
    const pty = new Pty(at, ["foreground", "30", "100", ...command, ...words]);
    try {
      pty.shows(/^begun\r?\n/m);
      await pty.resize(40, 120);
      await pty.ended();
      return { report: pty.report, shown: pty.output };
    } finally {
      pty.kill();
    }
  });

  test("is tsrun's where nothing else is said", () => {
    output(["podman", "create", "--name=default", ...busybox("true")]);
    assert.equal(
      output(["podman", "inspect", "--format", "{{.OCIRuntime}}", "default"]),
      tsrun.name,
    );
    output(["podman", "rm", "default"]);
  });
});

describe("an option", () => {
  const inspected: Record<string, { options: string[]; look: string[] }> = {
    "--privileged": {
      options: ["--privileged"],
      look: ["grep -E 'Cap|Seccomp:' /proc/self/status", MOUNTS, "ls /dev | grep -v ^tty"],
    },
    "--userns=auto": {
      options: ["--userns=auto:size=5000"],
      look: [
        "cat /proc/self/uid_map /proc/self/gid_map",
        "id; stat -c %u:%g / /proc /sys /dev/null",
      ],
    },
    "--uidmap": {
      options: ["--uidmap=0:100000:5000", "--gidmap=0:200000:5000", "--user=1000"],
      look: [
        "cat /proc/self/uid_map /proc/self/gid_map",
        "id; stat -c %u:%g / /proc /sys /dev/null",
      ],
    },
    "--security-opt seccomp=FILE": {
      options: [`--security-opt=seccomp=${profile()}`],
      look: ["mkdir /tmp/made || echo refused", "grep Seccomp: /proc/self/status"],
    },
    "--security-opt unmask=ALL": {
      options: ["--security-opt=unmask=ALL"],
      look: ["awk '$5 ~ \"^/(proc|sys)/.\" { print $5 }' /proc/self/mountinfo"],
    },
    "--network=host --pid=host --ipc=host --uts=host": {
      options: ["--network=host", "--pid=host", "--ipc=host", "--uts=host", "--cgroupns=host"],
      look: [
        "test $(ps | wc -l) -gt 20 && echo many; hostname",
        "cd /proc/self/ns; for kind in cgroup ipc net pid uts; do readlink $kind; done",
      ],
    },
    "--volume": {
      options: [
        ...[`--volume=${shared()}:/bound:ro,noexec`, `--volume=${shared()}:/rw:rshared`],
        ...[
          "--volume=named:/named:U",
          "--mount=type=tmpfs,dst=/tmpfs,tmpfs-size=1m",
          "--user=1000",
        ],
        ...[`--volume=${shared()}:/over:O`, "--device=/dev/fuse", "--volume=/dev/null:/null"],
      ],
      look: [
        "cat /bound/file; touch /bound/x; touch /named/x && stat -c %u /named /named/x; df -k /tmpfs | tail -1",
        'awk \'$5 ~ "^/(bound|rw|named|tmpfs|over|null)" { print $5, $6, $7 ~ ":" }\' /proc/self/mountinfo | sort',
        "stat -c '%n %F' /dev/fuse /null",
      ],
    },
    "--network": {
      options: [
        "--network=bridge",
        "--dns=192.0.2.1",
        "--add-host=there:192.0.2.2",
        "--publish=8080:80",
      ],
      look: [
        "ip -o link | cut -d: -f2 | cut -d@ -f1; cat /etc/resolv.conf; grep there /etc/hosts; ip route | cut -d' ' -f1",
      ],
    },
    "--cgroup-parent": {
      options: ["--cgroup-parent=parent.slice", "--cgroupns=host"],
      look: ["sed 's/libpod-[0-9a-f]*/ID/' /proc/self/cgroup"],
    },
    "--cpuset-cpus --blkio-weight --memory-reservation": {
      options: ["--cpuset-cpus=0", "--memory=64m", "--memory-reservation=32m", "--memory-swap=96m"],
      look: ["cd /sys/fs/cgroup; head cpuset.cpus memory.low memory.max memory.swap.max"],
    },
  };
  for (const [name, { options, look }] of Object.entries(inspected))
    alike(
      `${name} shows in the container`,
      (runtime) => shown(rootful(runtime), options, look),
      onlyWhole,
    );

  alike(
    "--cgroup-manager=cgroupfs puts it into a group of its own, with its limits",
    (runtime) => {
      const podman = rootful(runtime, "--cgroup-manager=cgroupfs");
      return podman.output(
        ...["run", "--rm", ...ALONE, "--memory=64m", "--cgroupns=host"],
        ...script(
          "sed 's/libpod-[0-9a-f]*/ID/' /proc/self/cgroup; cat /sys/fs/cgroup/libpod_parent/libpod-*/memory.max",
        ),
      );
    },
    onlyWhole,
  );

  test("--cgroups=disabled leaves it where Podman is", onlyWhole, () => {
    const [, own] = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8")) as unknown as [
      string,
      string,
    ];
    const words = ["run", "--rm", ...ALONE, "--cgroups=disabled", "--cgroupns=host"];
    assert.equal(rootful(tsrun).output(...words, ...script("cat /proc/self/cgroup")), `0::${own}`);
  });

  alike(
    "--cgroups=split puts it below its unit",
    (runtime) => {
      const unit = [
        "systemd-run",
        "--pipe",
        "--wait",
        "--quiet",
        "--unit=split.service",
        "--property=Delegate=yes",
      ];
      const { command } = rootful(runtime);
      const words = ["run", "--rm", ...ALONE, "--cgroups=split", "--cgroupns=host"];
      return output([
        ...unit,
        ...command,
        ...words,
        ...script("sed 's/libpod-payload-[0-9a-f]*/ID/' /proc/self/cgroup"),
      ]);
    },
    onlyWhole,
  );

  /** A filter that refuses one call. */
  function profile(): string {
    const path = join(folder, "profile.json");
    const refused = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1 };
    writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [refused] }));
    return path;
  }

  function shared(): string {
    const path = join(folder, "shared");
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "file"), "of the host\n");
    return path;
  }
});

describe("with one container", () => {
  /** The namespaces of a container's first process. */
  const namespaces = (podman: Podman, name: string): Record<string, string> => {
    const pid = podman.output("inspect", "--format", "{{.State.Pid}}", name);
    const kinds = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
    return Object.fromEntries(kinds.map((kind) => [kind, readlinkSync(`/proc/${pid}/ns/${kind}`)]));
  };

  alike(
    "others share namespaces, in a pod and by name",
    (runtime) => {
      const podman = rootful(runtime);
      const start = (name: string, ...options: string[]) =>
        podman.output("run", "--detach", "--name", name, ...options, ...busybox("sleep", "1000"));
      const shared = (...names: string[]) => {
        const [one, other] = names.map((name) => namespaces(podman, name));
        return Object.keys(one as object).filter((kind) => one?.[kind] === other?.[kind]);
      };
      const pod = ["--name=pod", "--share=net,ipc,uts,pid", ...ALONE, "--hostname=together"];
      try {
        podman.output("pod", "create", ...pod);
        for (const name of ["first", "second"]) start(name, "--pod=pod");
        start("third", ...ALONE);
        start("fourth", "--network=container:third", "--pid=container:third");
        const equal = [shared("first", "second"), shared("third", "fourth")];
        const seen = podman.output("top", "fourth", "args").split("\n").sort();
        podman.output("pod", "pause", "pod");
        const paused = podman.output("pod", "ps", "--format={{.Status}}");
        podman.output("pod", "unpause", "pod");
        podman.output("pod", "stop", "--time=0", "pod");
        return { equal, seen, paused, stopped: podman.output("pod", "ps", "--format={{.Status}}") };
      } finally {
        podman.call("rm", "--force", "--depend", "--time=0", "third");
        podman.call("pod", "rm", "--force", "--time=0", "pod");
      }
    },
    onlyWhole,
  );

  alike(
    "files are copied, and its health is looked at",
    (runtime) => {
      const podman = rootful(runtime);
      const health = [
        "--health-cmd=test -e /tmp/well",
        "--health-interval=disable",
        "--health-retries=1",
      ];
      try {
        podman.output(
          "run",
          "--detach",
          "--name=ill",
          ...ALONE,
          ...health,
          ...busybox("sleep", "1000"),
        );
        const ill = podman.call("healthcheck", "run", "ill").status;
        writeFileSync(join(folder, "well"), "copied\n");
        podman.output("cp", join(folder, "well"), "ill:/tmp/well");
        podman.output("cp", "ill:/etc/passwd", join(folder, "passwd"));
        return {
          ill,
          well: podman.call("healthcheck", "run", "ill").status,
          copied: podman.output("exec", "ill", "cat", "/tmp/well"),
          back: readFileSync(join(folder, "passwd"), "utf8"),
        };
      } finally {
        podman.call("rm", "--force", "--time=0", "ill");
      }
    },
    onlyWhole,
  );

  alike(
    "a timer of systemd looks at its health, and a program that ignores SIGTERM is killed in time",
    (runtime) => {
      const podman = rootful(runtime);
      try {
        podman.output(
          "run",
          "--detach",
          "--name=checked",
          ...ALONE,
          "--health-cmd=true",
          "--health-interval=5s",
          ...script("trap '' TERM; while :; do sleep 1; done"),
        );
        eventually(
          "it is healthy",
          () =>
            podman.output("inspect", "--format={{.State.Health.Status}}", "checked") === "healthy",
        );
        podman.output("stop", "--time=1", "checked");
        return podman.output("inspect", "--format={{.State.ExitCode}}", "checked");
      } finally {
        podman.call("rm", "--force", "--time=0", "checked");
      }
    },
    onlyWhole,
  );
});
