/** Podman and systemd: inside a container, and around it; pods of Kubernetes' files; containers that are saved. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe } from "node:test";
import { eventually } from "../../integration/harness/waiting.ts";
import { call, output } from "./calls.ts";
import { BUSYBOX, DEBIAN_SYSTEMD, debianImage } from "./images.ts";
import { ALONE, type Podman, rootful, script, setUp, tearDown } from "./podman.ts";
import { alike } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const folder = "/var/tmp/podman-systemd";

const property = (unit: string, name: string): string =>
  output(["systemctl", "show", "--value", `--property=${name}`, unit]);

/** Writes a file of systemd's, and removes it after the use of what it declares. */
function withUnit<Result>(path: string, content: string, unit: string, use: () => Result): Result {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  try {
    output(["systemctl", "daemon-reload"]);
    return use();
  } finally {
    call(["systemctl", "stop", unit]);
    call(["systemctl", "reset-failed", unit]);
    rmSync(path);
    output(["systemctl", "daemon-reload"]);
  }
}

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: played
spec:
  restartPolicy: Never
  containers:
    - name: server
      image: ${BUSYBOX}
      imagePullPolicy: Never
      command: [sh, -c, "echo $GREETING > /shared/said; exec sleep 1000"]
      env:
        - { name: GREETING, value: hello }
      resources:
        limits: { memory: 64Mi, cpu: 500m }
      securityContext:
        runAsUser: 1000
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] }
      volumeMounts:
        - { name: shared, mountPath: /shared }
    - name: client
      image: ${BUSYBOX}
      imagePullPolicy: Never
      command: [sh, -c, "until [ -s /shared/said ]; do sleep 0.2; done; cat /shared/said; exec sleep 1000"]
      volumeMounts:
        - { name: shared, mountPath: /shared }
  volumes:
    - name: shared
      hostPath: { path: FOLDER }
`;

/** Counts, and has the count in its memory alone. */
const COUNTER = "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.2; done";

const state = (podman: Podman, name: string): string =>
  podman.output("inspect", "--format={{.State.Status}} {{.State.Checkpointed}}", name);

const last = (podman: Podman, name: string): number =>
  Number(podman.output("logs", "--tail=1", name));

function counts(podman: Podman, name: string, from: number): void {
  eventually(`${name} counts beyond ${from}`, () => last(podman, name) > from);
}

describe("Podman and systemd", onlyWhole, () => {
  before(() => {
    mkdirSync(folder);
    setUp(folder);
    // Some 200 MB.
    output(["podman", "load", "--input", debianImage(folder)], { deadline: 900 });
  });
  after(() => {
    tearDown(["podman"]);
    rmSync(folder, { recursive: true });
  });

  alike("systemd runs in a container, with groups of its own", (runtime) => {
    const podman = rootful(runtime);
    const inside = (...words: string[]) => podman.call("exec", "whole", ...words);
    podman.output("run", "--detach", "--name=whole", ...ALONE, "--memory=256m", DEBIAN_SYSTEMD);
    try {
      eventually("it is up", () =>
        ["running", "degraded"].includes(inside("systemctl", "is-system-running").stdout.trim()),
      );
      const look =
        "cat /proc/self/cgroup; cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/pids.max";
      const scope = inside(
        ...["systemd-run", "--pipe", "--wait", "--quiet", "--property=TasksMax=7"],
        ...["sh", "-c", look],
      );
      const seen = {
        first: inside("cat", "/proc/1/comm").stdout,
        failed: inside("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout,
        controllers: inside("cat", "/sys/fs/cgroup/cgroup.controllers").stdout,
        memory: inside("cat", "/sys/fs/cgroup/memory.max").stdout,
        scope: [scope.status, scope.stdout.replace(/run-[\w-]+\.service/, "run.service")],
        container: inside("cat", "/run/host/container-manager", "/run/systemd/container").stdout,
      };
      assert.equal(seen.first, "systemd\n");
      assert.match(scope.stdout, /\n7\n$/);
      podman.output("stop", "--time=120", "whole");
      return {
        ...seen,
        stopped: podman.output("inspect", "--format={{.State.ExitCode}}", "whole"),
      };
    } finally {
      podman.call("rm", "--force", "--time=0", "whole");
    }
  });

  alike("a unit that Podman generates runs a container", (runtime) => {
    const podman = rootful(runtime);
    const program = script("trap 'exit 0' TERM; while :; do sleep 1; done");
    podman.output("create", "--name=generated", ...ALONE, ...program);
    try {
      const unit = podman.output("generate", "systemd", "--new", "--name", "generated");
      podman.output("rm", "generated");
      assert.match(unit, new RegExp(`--runtime ${runtime.name}`));
      const path = "/run/systemd/system/container-generated.service";
      return withUnit(path, `${unit}\n`, "container-generated", () => {
        output(["systemctl", "start", "container-generated"]);
        const pid = podman.output("inspect", "--format={{.State.Pid}}", "generated");
        const seen = {
          runtime:
            podman.output("inspect", "--format={{.OCIRuntime}}", "generated") === runtime.name,
          active: property("container-generated", "ActiveState"),
          type: property("container-generated", "Type"),
          runs: existsSync(`/proc/${pid}`),
        };
        output(["systemctl", "stop", "container-generated"]);
        const result = property("container-generated", "Result");
        return { ...seen, result, exists: podman.call("container", "exists", "generated").status };
      });
    } finally {
      podman.call("rm", "--force", "--ignore", "--time=0", "generated");
    }
  });

  alike(
    "a quadlet's container is ready when it says so, and its end is the service's",
    (runtime) => {
      const podman = rootful(runtime);
      const ready = join(folder, "ready");
      mkdirSync(ready, { recursive: true });
      const program = "sleep 2; touch /ready/now; systemd-notify --ready; sleep 5; exit 4";
      const content = `[Container]
Image=${DEBIAN_SYSTEMD}
ContainerName=quadlet
Exec=sh -c '${program}'
Notify=true
Network=none
Volume=${ready}:/ready
GlobalArgs=--runtime ${runtime.name}

[Service]
TimeoutStartSec=300
`;
      return withUnit("/run/containers/systemd/quadlet.container", content, "quadlet", () => {
        output(["systemctl", "start", "quadlet"]);
        const seen = {
          told: existsSync(join(ready, "now")),
          runtime: podman.output("inspect", "--format={{.OCIRuntime}}", "quadlet") === runtime.name,
        };
        assert.deepEqual(seen, { told: true, runtime: true });
        eventually("it has ended", () => property("quadlet", "ActiveState") === "failed");
        rmSync(ready, { recursive: true });
        return { ...seen, status: property("quadlet", "ExecMainStatus") };
      });
    },
  );

  alike("kube play makes a pod of a file, and kube down removes it", (runtime) => {
    const podman = rootful(runtime);
    const shared = mkdtempSync(join(folder, "shared-"));
    output(["chmod", "777", shared]);
    const file = join(folder, "pod.yaml");
    writeFileSync(file, POD.replace("FOLDER", shared));
    podman.output("kube", "play", "--network=none", file);
    try {
      const logs = () => podman.call("logs", "played-client").stdout;
      eventually("the client has read", () => logs() !== "");
      const look =
        "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max; grep CapEff /proc/self/status; touch /x";
      return {
        said: logs(),
        pods: podman.output("pod", "ps", "--format={{.Name}} {{.Status}} {{.NumberOfContainers}}"),
        server: podman.call("exec", "played-server", "sh", "-c", look).stdout,
        down: podman.call("kube", "down", "--force", file).status,
        left: podman.output("ps", "--all", "--quiet"),
      };
    } finally {
      podman.call("pod", "rm", "--force", "--ignore", "--time=0", "played");
    }
  });

  alike("a container is saved and goes on, here and as another one", (runtime) => {
    const podman = rootful(runtime);
    const archive = join(folder, "checkpoint.tar");
    try {
      podman.output("run", "--detach", "--name=saved", ...ALONE, ...script(COUNTER));
      counts(podman, "saved", 0);
      podman.output("container", "checkpoint", "saved");
      const checkpointed = state(podman, "saved");
      const before = last(podman, "saved");
      podman.output("container", "restore", "saved");
      counts(podman, "saved", before);
      podman.output("container", "checkpoint", "--export", archive, "--leave-running", "saved");
      podman.output("container", "restore", "--import", archive, "--name=other");
      counts(podman, "other", before);
      return { checkpointed, other: state(podman, "other"), saved: state(podman, "saved") };
    } finally {
      podman.call("rm", "--force", "--ignore", "--time=0", "saved", "other");
    }
  });
});
