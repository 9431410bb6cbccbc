/** Docker's daemon is told of tsrun, and goes and comes, and so does what it started: containers fare as under runc. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { eventually } from "../../integration/harness/waiting.ts";
import { call, output } from "./calls.ts";
import {
  becomes,
  configure,
  type DaemonOptions,
  docker,
  inspect,
  lines,
  ran,
  remove,
  restartDaemon,
  script,
  startDocker,
  stopDocker,
  withContainer,
} from "./docker.ts";
import { BUSYBOX } from "./images.ts";
import { alike } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const OPTIONS = { "live-restore": true, experimental: true };
const COUNTER = ["sh", "-c", "i=0; while :; do i=$((i + 1)); echo $i; sleep 1; done"];

/** Emulated, clearing away takes longer than the five seconds that containerd gives it. */
const CONTAINERD = "/etc/containerd/config.toml";
const PATIENCE = '[timeouts]\n"io.containerd.timeout.shim.cleanup" = "240s"\n';

describe("Docker's daemon", onlyWhole, () => {
  const packaged = readFileSync(CONTAINERD, "utf8");
  before(() => {
    writeFileSync(CONTAINERD, `${packaged}\n${PATIENCE}`);
    startDocker("Docker", OPTIONS);
  });
  after(() => {
    stopDocker();
    writeFileSync(CONTAINERD, packaged);
  });

  const processOf = (name: string): number => Number(inspect(name, "{{.State.Pid}}"));
  const stateOf = (name: string): string => inspect(name, "{{.State.Status}} {{.State.ExitCode}}");

  alike("is killed, and has its containers back", (runtime) =>
    withContainer(runtime, "survivor", ["--restart", "always"], COUNTER, (name) => {
      const running = processOf(name);
      output(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "docker.service"]);
      restartDaemon();
      assert.equal(processOf(name), running);
      const answer = docker("exec", name, "echo", "here");
      docker("stop", "--time", "0", name);
      return [answer, stateOf(name)];
    }),
  );

  alike("has a container cleared away whose shim is killed, and can start it again", (runtime) =>
    withContainer(runtime, "orphan", ["--network", "none"], ["sleep", "600"], (name) => {
      const running = processOf(name);
      const shim = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${running}/status`, "utf8"))?.[1];
      process.kill(Number(shim), "SIGKILL");
      becomes(name, "{{.State.Status}}", "exited");
      const state = stateOf(name);
      eventually("its process has ended", () => !existsSync(`/proc/${running}`));
      // containerd tells of the end before it has removed the folder that a new shim needs.
      eventually("it starts again", () => call(["docker", "start", name]).status === 0);
      return [state, docker("exec", name, "echo", "here")];
    }),
  );

  alike("keeps a container's processes, and has them go on", (runtime) =>
    withContainer(runtime, "counter", ["--network", "none"], COUNTER, (name) => {
      const counted = (): string[] => lines(docker("logs", name));
      eventually("it counts", () => counted().length > 2);
      docker("checkpoint", "create", name, "first");
      const before = counted();
      const seen = [docker("checkpoint", "ls", name), stateOf(name)];
      docker("start", "--checkpoint", "first", name);
      eventually("it goes on", () => counted().length > before.length + 2);
      const all = counted();
      assert.deepEqual(
        all,
        all.map((_, i) => String(i + 1)),
      );
      return seen;
    }),
  );

  test("makes tsrun the runtime of all that names no other, also of what builds an image", () => {
    configure("Docker, tsrun for all containers", OPTIONS);
    output(["systemctl", "reload", "docker.service"]);
    // A signal, whose effect nobody waits for.
    eventually(
      "it has read that",
      () => docker("info", "--format", "{{.DefaultRuntime}}") === "tsrun",
    );
    const folder = mkdtempSync("/var/tmp/docker-build-");
    const runtime = (name: string): string => inspect(name, "{{.HostConfig.Runtime}}");
    try {
      docker("run", "--name", "default", BUSYBOX, "true");
      assert.equal(runtime("default"), "tsrun");
      remove("default");
      writeFileSync(`${folder}/Dockerfile`, `FROM ${BUSYBOX}\nRUN echo built >/file\n`);
      const env = { DOCKER_BUILDKIT: "0" };
      output(["docker", "build", "--rm=false", "--tag", "built", folder], { env });
      assert.equal(runtime(docker("ps", "--latest", "--quiet")), "tsrun");
      assert.equal(docker("run", "--rm", "built", "cat", "/file"), "built");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const otherwise: Record<string, DaemonOptions> = {
  "with cgroupfs as its driver": { "exec-opts": ["native.cgroupdriver=cgroupfs"] },
  "with user namespaces": { "userns-remap": "default" },
};
for (const [how, options] of Object.entries(otherwise))
  describe(`Docker's daemon, ${how},`, onlyWhole, () => {
    before(() => startDocker("Docker", options));
    after(() => stopDocker());

    const limits = ["--memory", "64m", "--pids-limit", "50", "--cpus", "0.5", "--read-only"];
    const LOOK = script(
      "id; cat /proc/self/uid_map /proc/self/cgroup",
      "cd /sys/fs/cgroup && cat memory.max pids.max cpu.max",
      "stat -c '%n %a %u:%g' /proc/1 /etc/hosts /dev/console /dev/null /dev/shm /tmp",
      "grep Cap /proc/self/status; echo >/dev/null; echo >/file",
      "mount -t tmpfs tmpfs /mnt; hostname other",
    );

    alike("has containers with limits, entered and changed", (runtime) =>
      withContainer(runtime, "other", limits, ["sleep", "600"], (name) => {
        const id = inspect(name, "{{.Id}}");
        const group = readFileSync(`/proc/${inspect(name, "{{.State.Pid}}")}/cgroup`, "utf8");
        docker("update", "--memory", "32m", "--memory-swap", "64m", name);
        return {
          group: group.replaceAll(id, "ID"),
          seen: docker("exec", name, "sh", "-c", `exec 2>&1; ${LOOK}; true`),
          driver: docker("info", "--format", "{{.CgroupDriver}} {{json .SecurityOptions}}"),
        };
      }),
    );

    alike("has a terminal and a volume for a container", (runtime) => {
      const volume = ["--volume", "kept:/kept", "--network", "none"];
      const terminal = ["-t", ...volume];
      const first = ran(
        runtime,
        terminal,
        "sh",
        "-c",
        "tty; stat -c %u $(tty); echo 1 >/kept/file",
      );
      const second = ran(runtime, volume, "sh", "-c", "stat -c %u /kept/file; rm /kept/file");
      docker("volume", "rm", "kept");
      return [first, second];
    });
  });
