/** What the root of a user namespace may not mount: replaced by the host's, or refused with a remedy. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import { describe, test } from "node:test";
import { alike, mountsBelow, printed } from "./harness/alike.ts";
import { type Bundle, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config, mountAt, shareNamespace } from "./harness/config.ts";
import { eventually, failed } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const inUserNamespace = (script: string, edit: (config: Config) => void): Bundle =>
  shellBundle(script, {
    edit: (config) => {
      addUserNamespace(config);
      config.linux.maskedPaths = [];
      edit(config);
    },
  });

const refused = ({ path }: Bundle, ...patterns: RegExp[]): void =>
  leavesNothing(() => failed(tsrun.call(["run", "-b", path, newId()]), ...patterns));

describe("a sysfs with the host's network", () => {
  test("is the host's /sys, read-only with all that is mounted there, as with crun", () => {
    const script = `for file in /sys/new /sys/fs/cgroup/cgroup.procs; do
        echo x 2>/dev/null > $file || echo read-only; done; [ -d /sys/class/net/lo ] && echo there`;
    const bundle = inUserNamespace(script, (config) => shareNamespace(config, "network"));
    assert.equal(alike(bundle, crun), "read-only\nread-only\nthere\n");
  });

  test("has no mount that can be written to, without a cgroup mount of its own", () => {
    const bundle = inUserNamespace(mountsBelow("/sys"), (config) => {
      shareNamespace(config, "network");
      config.mounts = config.mounts.filter(({ type }) => type !== "cgroup");
    });
    const lines = printed(bundle).trim().split("\n");
    assert.ok(lines.length > 0);
    for (const line of lines) assert.match(line, /^\S+ \S+ ro,nosuid,nodev,noexec\S* -/);
  });

  test("is refused if it is not asked for as read-only, as crun does", () => {
    const bundle = inUserNamespace("true", (config) => {
      shareNamespace(config, "network");
      const sys = mountAt(config, "/sys");
      sys.options = sys.options?.filter((option) => option !== "ro") ?? [];
    });
    refused(bundle, /sysfs/, /EPERM/, /new network namespace/);
    assert.notEqual(crun.call(["run", "-b", bundle.path, newId()], { input: "" }).status, 0);
  });
});

for (const [type, namespace] of [
  ["mqueue", "ipc"],
  ["proc", "pid"],
] as const)
  test(`${type} of the host's is refused with a remedy; runc and crun refuse it, too`, () => {
    const bundle = inUserNamespace("true", (config) => shareNamespace(config, namespace));
    refused(bundle, new RegExp(`making the ${type}: .*EPERM`), /bind the host's instead/);
    assert.notEqual(crun.call(["run", "-b", bundle.path, newId()], { input: "" }).status, 0);
  });

describe("cgroup2", () => {
  test("in a cgroup namespace that is another's is the container's own group, as with runc", () => {
    const other: ChildProcess = spawn("unshare", ["--cgroup", "sleep", "20"], { stdio: "ignore" });
    try {
      const path = `/proc/${other.pid}/ns/cgroup`;
      eventually(
        "there is a cgroup namespace",
        () => readlinkSync(path) !== readlinkSync("/proc/self/ns/cgroup"),
      );
      const script =
        "cat /sys/fs/cgroup/cgroup.procs; echo $$; [ -e /sys/fs/cgroup/cgroup.type ] && echo group";
      const bundle = inUserNamespace(script, (config) => {
        shareNamespace(config, "cgroup");
        config.linux.namespaces.push({ type: "cgroup", path });
      });
      // Its members only: the shell, and cat.
      assert.match(printed(bundle), /^1\n\d+\n1\ngroup\n$/);
    } finally {
      other.kill("SIGKILL");
    }
  });

  for (const access of ["ro", "rw"])
    test(`${access} in a namespace of its own`, () => {
      const bundle = inUserNamespace(mountsBelow("/sys/fs/cgroup"), (config) => {
        mountAt(config, "/sys/fs/cgroup").options = ["nosuid", "noexec", "nodev", access];
      });
      assert.match(printed(bundle), new RegExp(`^/ /sys/fs/cgroup ${access},nosuid,nodev,noexec,`));
    });
});

test("what becomes read-only late does so in a user namespace, too", () => {
  const bundle = inUserNamespace(
    "mkdir /mnt/x 2>&1; ls /mnt; mkdir /dev/x 2>&1; true",
    (config) => {
      mountAt(config, "/dev").options?.push("ro");
      config.mounts.push(
        { destination: "/mnt", type: "tmpfs", options: ["ro"] },
        { destination: "/mnt/inner", type: "tmpfs" },
      );
    },
  );
  assert.match(printed(bundle), /\/mnt\/x.*Read-only.*\ninner\n.*\/dev\/x.*Read-only/);
});
