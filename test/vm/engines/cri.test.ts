/** Pods and their containers through the CRI: containerd, with tsrun as the handler of a RuntimeClass. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, afterEach, before } from "node:test";
import { output } from "./calls.ts";
import { type Container, NAMESPACE, Pod, PROFILE, pods, removeAll, running } from "./crictl.ts";
import { documented } from "./documented.ts";
import { busyboxImage, PAUSE, pauseImage } from "./images.ts";
import { alike, installTsrun } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const CONFIG = "/etc/containerd/config.toml";
const SOCKET = "unix:///run/containerd/containerd.sock";
const CNI = "/etc/cni/net.d/10-pods.conflist";

/** What this machine adds to the documented part: runc in the same way, images and networks without a registry. */
const ADDED = `
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
`;

/** Emulated, what is expected within two seconds takes a minute. */
const CRICTL = `runtime-endpoint: ${SOCKET}\nimage-endpoint: ${SOCKET}\ntimeout: 240\n`;

const NETWORK = {
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      bridge: "pods0",
      isGateway: true,
      ipMasq: false,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.88.0.0/24" }]] },
    },
    { type: "loopback" },
  ],
};

const folder = mkdtempSync("/var/tmp/cri-");
const packaged = readFileSync(CONFIG, "utf8");
const TERM_ENDS = "trap 'exit 0' TERM; while true; do sleep 0.1; done";

before(() => {
  installTsrun();
  writeFileSync(CONFIG, documented("Kubernetes", CONFIG) + ADDED);
  mkdirSync("/etc/cni/net.d", { recursive: true });
  writeFileSync(CNI, JSON.stringify(NETWORK));
  writeFileSync("/etc/crictl.yaml", CRICTL);
  output(["systemctl", "restart", "containerd.service"]);
  for (const archive of [busyboxImage(folder), pauseImage(folder)])
    output(["ctr", "--namespace", "k8s.io", "images", "import", archive]);
});
afterEach(removeAll);
after(() => {
  output(["systemctl", "stop", "containerd.service"]);
  writeFileSync(CONFIG, packaged);
  for (const path of [folder, CNI]) rmSync(path, { recursive: true });
});

/** What a program says, in a container of its own. */
function said(pod: Pod, name: string, script: string, linux: object): string {
  const container = pod.run(name, script, { ...linux });
  assert.deepEqual(container.ended(), { exitCode: 0, reason: "Completed" }, container.logs);
  return container.logs;
}

const execStatus = (container: Container, ...program: string[]) => {
  const { status, stdout, stderr } = container.exec(...program);
  return { status, stdout, error: /command terminated.*|exit code \d+/.exec(stderr)?.[0] };
};

alike("the life of a pod and of a container in it", async (runtime) => {
  const pod = new Pod(runtime, folder, "life");
  const container = pod.create("main", `echo hello; hostname; ${TERM_ENDS}`, {
    resources: { memory_limit_in_bytes: 64 << 20, cpu_period: 100_000, cpu_quota: 50_000 },
  });
  const created = container.status.state;
  assert.deepEqual(running(), []);
  output(["crictl", "start", container.id]);
  assert.deepEqual(running(), [container.id]);

  const limits = () =>
    container.exec("cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max").stdout.trimEnd();
  const before = limits();
  container.update("--memory", String(96 << 20), "--cpu-period", "100000", "--cpu-quota", "20000");
  const after = limits();
  assert.deepEqual([before, after], ["67108864\n50000 100000", "100663296\n20000 100000"]);

  const executed = execStatus(container, "sh", "-c", "id; exit 3");
  const missing = container.exec("/no/such/program");
  assert.notEqual(missing.status, 0);
  const terminal = container.execOnTerminal(
    "sh",
    "-c",
    "tty; stty size; read line; echo got $line",
  );
  // With its end of line: what is typed is echoed wherever the output has come to.
  terminal.shows(/^24 80\r?\n/m);
  await terminal.type("word\r");
  await terminal.ended();
  assert.match(terminal.output, /got word/);
  assert.match(terminal.report, /^status 0$/m);

  const { logs, stats } = container;
  assert.match(logs, /^hello\nhost-of-life$/);
  container.stop(10);
  const ended = container.ended();
  container.remove();
  pod.stop();
  const { state } = pod.status;
  pod.remove();
  assert.deepEqual(pods(), []);
  return { created, before, after, executed, terminal: terminal.output, logs, stats, ended, state };
});

alike(
  "containers that die: by themselves, by a signal, at a stop that they ignore, without memory",
  (runtime) => {
    const pod = new Pod(runtime, folder, "deaths");
    const itself = pod.run("itself", "exit 6");
    const signalled = pod.run("signalled", "sh -c 'kill -SEGV $$'");
    const stubborn = pod.run("stubborn", "trap '' TERM; while true; do sleep 0.1; done");
    // It lives on for a while: containerd hears of the kill and of the end separately, and may hear of the end first.
    const greed = "dd if=/dev/zero of=/dev/null bs=64M count=1; status=$?; sleep 5; exit $status";
    const greedy = pod.run("greedy", greed, { resources: { memory_limit_in_bytes: 16 << 20 } });
    stubborn.stop(1);
    const ends = [itself, signalled, stubborn, greedy].map((container) => container.ended());
    assert.deepEqual(
      ends.map(({ exitCode }) => exitCode),
      [6, 139, 137, 137],
    );
    assert.deepEqual(ends.at(-1)?.reason, "OOMKilled");
    return ends;
  },
  onlyWhole,
);

alike("the containers of a pod share its namespaces", (runtime) => {
  const shared = { security_context: { namespace_options: { pid: NAMESPACE.pod } } };
  const pod = new Pod(runtime, folder, "shared", shared.security_context);
  pod.run("server", "nc -l -p 8080 -e echo served; sleep 1000", shared);
  const client = pod.run(
    "client",
    `programs=$(ps -o comm=); echo "$programs" | sort; hostname; ip -o -4 addr show dev eth0 | wc -l
     until nc 127.0.0.1 8080 </dev/null; do sleep 0.2; done`,
    shared,
  );
  const ended = client.ended();
  const { logs } = client;
  assert.match(logs, /catatonit/, "the pod's first process is seen");
  assert.match(logs, /^1\nserved$/m);
  const { ip } = pod.status.network;
  assert.match(ip, /^10\.88\.0\.\d+$/);
  return { ended, logs };
});

alike(
  "attach: what is typed goes to the program, what it says comes back",
  async (runtime) => {
    const pod = new Pod(runtime, folder, "attach");
    const script = "read line; echo got $line; exit 5";
    const container = pod.run("main", script, {}, { stdin: true, stdin_once: true, tty: true });
    const terminal = container.attach();
    await terminal.type("word\r");
    terminal.shows(/got word/);
    await terminal.ended();
    const ended = container.ended();
    assert.equal(ended.exitCode, 5);
    return { ended };
  },
  onlyWhole,
);

/** What of a process and of its root says how it is confined. */
const CONFINED = `id; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cat /proc/self/attr/current
  (echo > /written) 2>&1; grep -o ' /sys r[ow]' /proc/self/mountinfo; ls /dev | sort`;

alike(
  "security contexts",
  (runtime) => {
    const pod = new Pod(runtime, folder, "security");
    const seccomp = { profile_type: PROFILE.runtimeDefault };
    const plain = said(pod, "plain", CONFINED, { security_context: { seccomp } });
    const user = said(pod, "user", CONFINED, {
      security_context: {
        run_as_user: { value: 1000 },
        run_as_group: { value: 1000 },
        supplemental_groups: [5, 2000],
        no_new_privs: true,
        readonly_rootfs: true,
        capabilities: { drop_capabilities: ["ALL"], add_capabilities: ["NET_BIND_SERVICE"] },
        seccomp,
      },
    });
    assert.match(plain, /^Seccomp:\t2$/m);
    assert.match(plain, / \/sys ro$/m);
    assert.match(user, /^uid=1000\(user\) gid=1000\(user\) groups=.*2000/);
    assert.match(user, /Read-only file system/);
    return { plain, user };
  },
  onlyWhole,
);

alike(
  "a privileged container",
  (runtime) => {
    const pod = new Pod(runtime, folder, "privileged", { privileged: true });
    const privileged = { security_context: { privileged: true } };
    const script = `grep -E '^(Cap|Seccomp:)' /proc/self/status; grep -o ' /sys r[ow]' /proc/self/mountinfo
    mkdir /place && mount -t tmpfs none /place && echo mounted`;
    const seen = said(pod, "privileged", script, privileged);
    assert.match(seen, / \/sys rw\nmounted$/);
    return { seen };
  },
  onlyWhole,
);

alike(
  "a restart of containerd leaves pods alone",
  (runtime) => {
    const pod = new Pod(runtime, folder, "survivor");
    const container = pod.run("main", TERM_ENDS);
    const { pid } = container;
    output(["systemctl", "restart", "containerd.service"]);
    assert.deepEqual(running(), [container.id]);
    assert.equal(container.pid, pid);
    const executed = execStatus(container, "echo", "still here");
    container.stop(10);
    return { executed, ended: container.ended() };
  },
  onlyWhole,
);
