/** The guest itself: all that later tests rely on is there and works. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { test } from "node:test";
import { needs } from "../integration/harness/machine.ts";
import { restartDaemon } from "./engines/docker.ts";

const CGROUP2_SUPER_MAGIC = 0x63677270;

const said = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: "utf8", timeout: 120_000 }).trim();

const versions: Record<string, string[]> = {
  systemd: ["systemctl", "--version"],
  runc: ["runc", "--version"],
  "recent runc": ["runc-recent", "--version"],
  crun: ["crun", "--version"],
  criu: ["criu", "--version"],
  conmon: ["conmon", "--version"],
  containerd: ["containerd", "--version"],
  podman: ["podman", "--version"],
  crictl: ["crictl", "--version"],
  "CNI plugins": ["dpkg-query", "--show", "containernetworking-plugins"],
  passt: ["dpkg-query", "--show", "passt"],
  docker: ["docker", "--version"],
  "docker compose": ["docker", "compose", "version"],
  socat: ["dpkg-query", "--show", "socat"],
  iptables: ["iptables", "--version"],
  nftables: ["nft", "--version"],
  apparmor: ["apparmor_parser", "--version"],
  uidmap: ["dpkg-query", "--show", "uidmap"],
  busybox: ["busybox"],
  bpftool: ["bpftool", "version"],
  strace: ["strace", "--version"],
};
for (const [name, [command, ...args]] of Object.entries(versions) as [string, [string]][])
  test(`there is ${name}`, (context) => {
    const [version] = said(command, ...args).split("\n");
    assert.match(version as string, /\d/);
    context.diagnostic(version as string);
  });

test("the recent runc is newer than Debian's, and knows seccomp", () => {
  const minor = (name: string): number => Number(/version 1\.(\d+)/.exec(said(name, "-v"))?.[1]);
  assert.ok(minor("runc-recent") > minor("runc"));
  assert.match(said("runc-recent", "--version"), /libseccomp/);
});

test("there is what tests may need", () => {
  needs("cpu controller", "cpuset controller", "io controller", "memory controller");
  needs("pids controller", "hugetlb controller", "rdma controller", "misc controller");
  needs("systemd", "swap", "hugepages", "recent runc");
});

test("the cgroup tree is pure cgroup v2", () => {
  assert.equal(statfsSync("/sys/fs/cgroup").type, CGROUP2_SUPER_MAGIC);
});

test("AppArmor can be used", () => {
  assert.match(readFileSync("/sys/kernel/security/lsm", "utf8"), /\bapparmor\b/);
  assert.equal(readFileSync("/sys/module/apparmor/parameters/enabled", "utf8"), "Y\n");
});

test("nothing failed at boot", () => {
  assert.equal(said("systemctl", "list-units", "--failed", "--plain", "--no-legend"), "");
});

test("a user has a manager of their own", () => {
  said("systemctl", "start", "user@1000.service");
  assert.equal(said("systemctl", "--user", "--machine=user@", "is-system-running"), "running");
});

test("the engines' services start", () => {
  // Not by its socket, which other tests may have ended: `docker info` succeeds without a daemon.
  restartDaemon();
  assert.match(
    said("docker", "info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}"),
    /^systemd 2$/,
  );
  assert.match(said("ctr", "version"), /Server:/);
  assert.match(said("podman", "info", "--format", "{{.Host.CgroupsVersion}}"), /^v2$/);
  said("systemctl", "stop", "docker.socket", "docker.service", "containerd.service");
});
