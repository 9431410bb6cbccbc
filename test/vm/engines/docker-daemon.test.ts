/** Docker's daemon is told of tsrun, and goes and comes, and so does what it started: containers fare as under runc. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { eventually } from "../../integration/harness/waiting.ts";
import { output } from "./calls.ts";
import {
  becomes,
  configure,
  docker,
  inspect,
  lines,
  remove,
  restartDaemon,
  startDocker,
  stopDocker,
  withContainer,
} from "./docker.ts";
import { BUSYBOX } from "./images.ts";
import { alike } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const OPTIONS = { "live-restore": true, experimental: true };
const COUNTER = ["sh", "-c", "i=0; while :; do i=$((i + 1)); echo $i; sleep 1; done"];

describe("Docker's daemon", onlyWhole, () => {
  before(() => startDocker("Docker", OPTIONS));
  after(() => stopDocker());

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
      docker("start", name);
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
