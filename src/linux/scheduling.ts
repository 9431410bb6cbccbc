/** When a process runs, and when its reads and writes are served (sched_setattr(2), ioprio_set(2)). */

import { IOPRIO_CLASS_SHIFT, IOPRIO_WHO_PGRP, SYS_ioprio_set, SYS_sched_setattr } from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { struct } from "./struct.ts";

const schedAttr = struct({
  size: "u32",
  policy: "u32",
  flags: "u64",
  nice: "i32",
  priority: "u32",
  runtime: "u64",
  deadline: "u64",
  period: "u64",
  utilMin: "u32",
  utilMax: "u32",
});

/** struct sched_attr; times are nanoseconds. */
export interface SchedulingAttributes {
  /** SCHED_* */
  policy: number;
  /** SCHED_FLAG_* */
  flags: number;
  nice: number;
  priority: number;
  runtime: number | bigint;
  deadline: number | bigint;
  period: number | bigint;
}

/** sched_setattr(2) of a process, which has one thread; 0 is the calling one. */
export function setScheduling(pid: number, attributes: SchedulingAttributes): void {
  const bytes = schedAttr.pack({ size: schedAttr.size, ...attributes });
  check(syscall(SYS_sched_setattr, pid, bytes, 0), "sched_setattr", pid);
}

/** ioprio_set(2) of all processes of a process group. `ioClass`: IOPRIO_CLASS_*; `level`: 0 (first) to 7. */
export function setGroupIoPriority(group: number, ioClass: number, level: number): void {
  const priority = (ioClass << IOPRIO_CLASS_SHIFT) | level;
  check(syscall(SYS_ioprio_set, IOPRIO_WHO_PGRP, group, priority), "ioprio_set", group);
}
