/** `linux.resources.cpu` in the files of the cpu and the cpuset controllers (cgroup-v2.rst, CPU and Cpuset). */
import type { LinuxCPU } from "@opencontainers-types";
import { Failure } from "../../failure.ts";
import { resourcePointer } from "./pointer.ts";
import type { Setting } from "./setting.ts";

const setting = (file: string, value: string, field: keyof LinuxCPU): Setting => ({
  file,
  value,
  pointer: resourcePointer("cpu", field),
});

/** Shares, quota and period of 0 and empty lists ask for nothing. Throws a Failure. */
export function* cpuSettings(cpu: LinuxCPU = {}): Iterable<Setting> {
  const { shares, idle, cpus, mems } = cpu;
  if (idle !== undefined) yield idleSetting(idle);
  if (shares && !isIdle(cpu))
    yield setting("cpu.weight", String(sharesToWeight(Number(shares))), "shares");
  yield* bandwidth(cpu);
  if (cpus) yield setting("cpuset.cpus", cpus, "cpus");
  if (mems) yield setting("cpuset.mems", mems, "mems");
}

/** The kernel refuses a weight for an idle group, which has the least of all. runc's systemd driver warns, too. */
export const cpuWarnings = (cpu: LinuxCPU = {}): string[] =>
  cpu.shares && isIdle(cpu)
    ? ["linux.resources.cpu.shares has no effect: an idle group (cpu.idle is 1) has no weight"]
    : [];

const isIdle = ({ idle }: LinuxCPU): boolean => Number(idle) === 1;

function idleSetting(idle: number | bigint): Setting {
  const idles = setting("cpu.idle", String(idle), "idle");
  if (idle < 0 || idle > 1)
    throw new Failure(`cpu.idle is 0 or 1, not ${idle}`, { pointer: idles.pointer });
  // A kernel before 5.15 has no idle groups.
  return idle ? idles : { ...idles, optional: true };
}

/**
 * The shares of cgroup v1, 2 to 262144, as a weight of cgroup v2, 1 to 10000: the curve through the least, the default
 * (1024 and 100) and the greatest values of both, which runc has since 1.3.2, crun since 1.23. Before, they had a line.
 */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const magnitude = Math.log2(shares);
  return Math.ceil(10 ** ((magnitude * magnitude + 125 * magnitude) / 612 - 7 / 34));
}

/** What the kernel has where nothing is set. */
const DEFAULT_PERIOD = 100000;

function* bandwidth({ quota = 0, period = 0, burst }: LinuxCPU): Iterable<Setting> {
  if (quota > 0 && burst !== undefined && burst > quota)
    throw new Failure(`a burst of ${burst} µs exceeds the quota of ${quota} µs`, {
      pointer: resourcePointer("cpu", "burst"),
    });
  // The kernel takes no quota that is smaller than the group's burst, and no burst that is larger than its quota.
  if (burst !== undefined) yield setting("cpu.max.burst", "0", "burst");
  if (quota || period)
    yield setting(
      "cpu.max",
      `${quota > 0 ? quota : "max"} ${period || DEFAULT_PERIOD}`,
      quota ? "quota" : "period",
    );
  if (burst) yield setting("cpu.max.burst", String(burst), "burst");
}
