/** Podman, as a user with a systemd of their own, with the configuration of docs/engines.md. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { after, before, test } from "node:test";
import { USER } from "../../integration/harness/config.ts";
import { eventually } from "../../integration/harness/waiting.ts";
import { output } from "./calls.ts";
import { ALONE, asUser, busybox, rootless, script, setUpUser, shown, tearDown } from "./podman.ts";
import { alike, tsrun } from "./runtimes.ts";
import { onlyWhole } from "./whole.ts";

const folder = mkdtempSync("/var/tmp/podman-rootless-");
before(() => setUpUser(folder));
after(() => {
  tearDown(asUser("podman"));
  output(["systemctl", "stop", `user@${USER}.service`]);
  rmSync(folder, { recursive: true });
});

alike(
  "a user's container lives as it was asked to, in a group of the user's systemd",
  (runtime) => {
    const podman = rootless(runtime);
    const name = "life";
    podman.output(
      ...["run", "--detach", "--name", name, ...ALONE, "--userns=keep-id", "--read-only"],
      ...["--memory=64m", "--pids-limit=50", "--hostname=living"],
      ...script(
        "id; hostname; cat /proc/self/uid_map; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
        "cat /proc/self/cgroup; cd /sys/fs/cgroup; head memory.max pids.max",
        "stat -c '%n %F %a %u:%g' /dev/* / /proc /sys | grep -v mqueue; touch /file",
        "trap 'exit 7' TERM; echo ready >&2; while :; do sleep 1; done",
      ),
    );
    try {
      eventually("the container is ready", () => /ready/.test(podman.call("logs", name).stderr));
      const state = (): string =>
        podman.output("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name);
      const [used, group] = podman
        .output("inspect", "--format", "{{.OCIRuntime}} {{.State.CgroupPath}}", name)
        .split(" ");
      assert.equal(used, runtime.name);
      podman.output("pause", name);
      const paused = state();
      podman.output("unpause", name);
      podman.output("stop", "--time=60", name);
      return {
        log: podman.call("logs", name).stdout.split("\n"),
        group: group?.replace(/libpod-\w+/, "libpod-ID"),
        paused,
        stopped: state(),
      };
    } finally {
      podman.call("rm", "--force", "--time=0", name);
    }
  },
);

alike("a user's container ends with 127 where there is no such command", (runtime) => {
  const { status } = rootless(runtime).call("run", "--rm", ...ALONE, ...busybox("nosuchcmd"));
  assert.equal(status, 127);
  return status;
});

const inspected: Record<string, { options: string[]; look: string[] }> = {
  "--userns=host": {
    options: [],
    look: ["id; cat /proc/self/uid_map /proc/self/gid_map; ls /dev | sort"],
  },
  "--userns=keep-id:uid=5,gid=6": {
    options: ["--userns=keep-id:uid=5,gid=6"],
    look: ["id; cat /proc/self/uid_map /proc/self/gid_map"],
  },
  "--userns=auto": {
    options: ["--userns=auto:size=500"],
    look: ["id; cat /proc/self/uid_map /proc/self/gid_map"],
  },
  "--privileged": {
    options: ["--privileged"],
    look: ["grep -E 'Cap|Seccomp:' /proc/self/status; ls /dev | grep -v ^tty"],
  },
  "--network=host --pid=host": {
    options: ["--network=host", "--pid=host"],
    look: [
      "awk '$5 ~ \"^/sys$\" { print $5, $6 }' /proc/self/mountinfo; cd /proc/self/ns; readlink net; readlink pid",
    ],
  },
  // The machine's network has no routes that pasta could copy.
  "--network=pasta": {
    options: ["--network=pasta:-a,10.9.0.2,-n,24,-g,10.9.0.1"],
    look: ["ip -o link | cut -d: -f2; ip -o -4 address show | grep -o 'inet [0-9.]*'"],
  },
  "--network=slirp4netns": {
    options: ["--network=slirp4netns"],
    look: ["ip -o link | cut -d: -f2; cat /proc/self/mountinfo | grep -c ' /sys '"],
  },
};
for (const [name, { options, look }] of Object.entries(inspected))
  alike(
    `${name} shows in a user's container`,
    (runtime) => shown(rootless(runtime), options, look),
    onlyWhole,
  );

alike(
  "--cgroup-manager=cgroupfs runs a user's container",
  (runtime) =>
    rootless(runtime, "--cgroup-manager=cgroupfs").output(
      ...["run", "--rm", ...ALONE],
      ...script("cat /proc/self/cgroup; id"),
    ),
  onlyWhole,
);

test(
  "--group-add=keep-groups keeps the user's groups, which are nobody's in the container",
  onlyWhole,
  () => {
    const words = ["run", "--rm", ...ALONE, "--group-add=keep-groups", ...script("id -G")];
    assert.match(rootless(tsrun).output(...words), /\b65534\b/);
    assert.doesNotMatch(
      rootless(tsrun).output("run", "--rm", ...ALONE, ...script("id -G")),
      /65534/,
    );
  },
);
