/** What this machine offers to tests: what it lacks, the machine of test/vm has. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { USER } from "./config.ts";
import { cgroupRoot } from "./hierarchy.ts";

export type Controller = "cpu" | "cpuset" | "hugetlb" | "io" | "memory" | "misc" | "pids" | "rdma";

export type Feature =
  /** On cgroup v2. */
  | `${Controller} controller`
  /** As the first process, with its D-Bus, of the machine and not only of a user. */
  | "systemd"
  /** The ordinary user's, with its bus. */
  | "systemd of a user"
  | "swap"
  /** The capability: a root that may raise hard limits. */
  | "CAP_SYS_RESOURCE"
  /** Free ones, of any size. */
  | "hugepages"
  /** The release of runc that test/vm/guest/recent-runc names, as `runc-recent`. */
  | "recent runc"
  /** Enabled in the kernel, with apparmor_parser(8). */
  | "AppArmor"
  /** criu, and a kernel that it can work on. */
  | "criu"
  /** newuidmap and newgidmap, and ids from 100000 on that they give to the ordinary user of the tests. */
  | "subordinate ids"
  /** cgroup v1 hierarchies beside the cgroup v2 one, which the VM has not. */
  | "hybrid";

const GUEST = process.env["TSRUN_TEST_GUEST"] === "1";

/**
 * Options for a test that can run only where this machine has all these features. Elsewhere it is
 * skipped with a reason; in the VM, which is made to have them, a missing feature is an error.
 */
export function needs(...features: Feature[]): { skip?: string } {
  const missing = features.filter((feature) => !has(feature));
  if (missing.length === 0) return {};
  if (missing.includes("hybrid")) return { skip: "needs a machine with hybrid cgroups" };
  if (GUEST) throw new Error(`the VM lacks: ${missing.join(", ")}`);
  return { skip: `needs the VM: ${missing.join(", ")}` };
}

const succeeds = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore", timeout: 60_000 }).status === 0;

const known = new Map<Feature, boolean>();

/** Looks once: some answers cost a process. */
function has(feature: Feature): boolean {
  const isThere = known.get(feature) ?? look(feature);
  known.set(feature, isThere);
  return isThere;
}

function look(feature: Feature): boolean {
  switch (feature) {
    case "systemd":
      return succeeds("busctl", "--system", "status", "org.freedesktop.systemd1");
    case "systemd of a user":
      return existsSync(`/run/user/${USER}/bus`);
    case "CAP_SYS_RESOURCE":
      return mayRaiseLimits();
    case "swap":
      return readFileSync("/proc/swaps", "utf8").trim().includes("\n");
    case "hugepages":
      return freeHugepages();
    case "subordinate ids":
      return (
        succeeds("sh", "-c", "command -v newuidmap") &&
        hasSubordinates("/etc/subuid") &&
        hasSubordinates("/etc/subgid")
      );
    case "recent runc":
      return succeeds("runc-recent", "--version");
    case "criu":
      return succeeds("criu", "check");
    case "AppArmor":
      return succeeds("apparmor_parser", "--version") && succeeds("aa-enabled", "--quiet");
    case "hybrid":
      return /:[a-z_,]+:/.test(readFileSync("/proc/self/cgroup", "utf8"));
    default:
      return controllers().includes(feature.slice(0, feature.indexOf(" ")));
  }
}

const hasSubordinates = (file: string): boolean =>
  existsSync(file) && /:100000:65536$/m.test(readFileSync(file, "utf8"));

function mayRaiseLimits(): boolean {
  const effective = readFileSync("/proc/self/status", "utf8").match(/^CapEff:\s*(\w+)$/m)?.[1];
  return (BigInt(`0x${effective}`) & (1n << 24n)) !== 0n;
}

function controllers(): string[] {
  return readFileSync(join(cgroupRoot(), "cgroup.controllers"), "utf8").trim().split(" ");
}

function freeHugepages(): boolean {
  const sizes = "/sys/kernel/mm/hugepages";
  return (
    existsSync(sizes) &&
    readdirSync(sizes).some(
      (size) => Number(readFileSync(join(sizes, size, "free_hugepages"), "utf8")) > 0,
    )
  );
}
