/** What has to be known of the kernel's groups before systemd is told of a limit. */
import { ENOENT, O_PATH } from "#abi";
import { unless } from "../../linux/errno.ts";
import { close, findAt, readText } from "../../linux/fs.ts";
import { handOnControllers } from "../controllers.ts";
import { inGroup, inHierarchy } from "../hierarchy.ts";
import type { Manager } from "./manager.ts";

/** The group that a limit is for, as far as the limit's meaning depends on it. */
export interface LimitedGroup {
  /** Whether it has a file: that depends on the kernel, and for `io.bfq.weight` on the modules that are loaded. */
  hasFile: (file: string) => boolean;
  /** The period of its `cpu.max`, in microseconds; undefined if it has none. */
  cpuPeriod: () => bigint | undefined;
}

/** The group of a scope that there is. What is asked throws a BusError if there is none. */
export const groupOfScope = (manager: Manager, unit: string): LimitedGroup => ({
  hasFile: (file) => inGroup(manager.groupOf(unit), (group) => has(group, file)) ?? false,
  cpuPeriod: () => inGroup(manager.groupOf(unit), cpuPeriod),
});

/** What the kernel has where nothing is set. */
const DEFAULT_CPU_PERIOD = 100_000n;

/**
 * The group of a scope that is about to be made. Which files it will have shows in systemd's own, once that gets the
 * controllers, which the new one gets in any case.
 */
export const groupToBe = (manager: Manager): LimitedGroup => ({
  hasFile(file) {
    const above = manager.controlGroup();
    inHierarchy((root) => handOnControllers(root, above.slice(1) || "."));
    return inGroup(`${above}/init.scope`, (group) => has(group, file)) ?? false;
  },
  cpuPeriod: () => DEFAULT_CPU_PERIOD,
});

function cpuPeriod(group: number): bigint | undefined {
  const max = unless([ENOENT], () => readText("cpu.max", group));
  return max === undefined ? undefined : BigInt(max.trimEnd().split(" ")[1] as string);
}

function has(group: number, file: string): boolean {
  const fd = findAt(group, file, O_PATH);
  if (fd !== undefined) close(fd);
  return fd !== undefined;
}
