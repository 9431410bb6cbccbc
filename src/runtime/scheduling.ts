/**
 * process.scheduler and process.ioPriority. The creator sets them, since real-time scheduling takes CAP_SYS_NICE on the
 * host, which the root of a user namespace has not.
 */
import type { LinuxIOPriority, Process, Scheduler } from "@opencontainers-types";
import * as abi from "#abi";
import { EBUSY, EINVAL, EOPNOTSUPP, EPERM } from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { setGroupIoPriority, setScheduling } from "../linux/scheduling.ts";

/** SCHED_ISO, which has a number and no kernel, is refused before. */
const POLICIES: Readonly<Record<Scheduler["policy"], number>> = {
  SCHED_OTHER: abi.SCHED_NORMAL,
  SCHED_FIFO: abi.SCHED_FIFO,
  SCHED_RR: abi.SCHED_RR,
  SCHED_BATCH: abi.SCHED_BATCH,
  SCHED_ISO: -1,
  SCHED_IDLE: abi.SCHED_IDLE,
  SCHED_DEADLINE: abi.SCHED_DEADLINE,
};

const FLAGS: Readonly<Record<NonNullable<Scheduler["flags"]>[number], number>> = {
  SCHED_FLAG_RESET_ON_FORK: abi.SCHED_FLAG_RESET_ON_FORK,
  SCHED_FLAG_RECLAIM: abi.SCHED_FLAG_RECLAIM,
  SCHED_FLAG_DL_OVERRUN: abi.SCHED_FLAG_DL_OVERRUN,
  SCHED_FLAG_KEEP_POLICY: abi.SCHED_FLAG_KEEP_POLICY,
  SCHED_FLAG_KEEP_PARAMS: abi.SCHED_FLAG_KEEP_PARAMS,
  SCHED_FLAG_UTIL_CLAMP_MIN: abi.SCHED_FLAG_UTIL_CLAMP_MIN,
  SCHED_FLAG_UTIL_CLAMP_MAX: abi.SCHED_FLAG_UTIL_CLAMP_MAX,
};

const IO_CLASSES: Readonly<Record<LinuxIOPriority["class"], number>> = {
  IOPRIO_CLASS_RT: abi.IOPRIO_CLASS_RT,
  IOPRIO_CLASS_BE: abi.IOPRIO_CLASS_BE,
  IOPRIO_CLASS_IDLE: abi.IOPRIO_CLASS_IDLE,
};

/**
 * Schedules a process, the only one of its process group, as its config asks. It must be in its cgroup, within its
 * cpuset, and have run all hooks of `create`: a process under SCHED_DEADLINE cannot fork. Throws a Failure.
 */
export function applyScheduling(pid: number, { scheduler, ioPriority }: Process): void {
  if (ioPriority) applyIoPriority(pid, ioPriority);
  if (scheduler) applyScheduler(pid, scheduler);
}

function applyScheduler(pid: number, scheduler: Scheduler): void {
  const { policy, nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  const flags = (scheduler.flags ?? []).reduce((bits, name) => bits | FLAGS[name], 0);
  const attributes = { policy: POLICIES[policy], flags, nice, priority, runtime, deadline, period };
  try {
    setScheduling(pid, attributes);
  } catch (cause) {
    throw new Failure(`scheduling the process as ${policy}`, {
      cause,
      pointer: "/process/scheduler",
      hint: remedy(cause, policy),
    });
  }
}

/** "ERRORS" of sched_setattr(2), and what the kernel's documentation adds. */
function remedy(cause: unknown, policy: Scheduler["policy"]): string | undefined {
  const isDeadline = policy === "SCHED_DEADLINE";
  if (isErrno(cause, EPERM))
    return isDeadline
      ? "it takes CAP_SYS_NICE, and a process that may run on all CPUs: no cpu.cpus in linux.resources, none above its cgroup"
      : "it takes CAP_SYS_NICE; and in a cgroup v1 cpu group, a cpu.rt_runtime_us above 0";
  if (isErrno(cause, EBUSY))
    return "the deadline processes of this machine leave not so much time: see /proc/sys/kernel/sched_rt_runtime_us";
  if (isErrno(cause, EOPNOTSUPP))
    return "this kernel has no utilization clamping (CONFIG_UCLAMP_TASK)";
  if (isErrno(cause, EINVAL) && isDeadline)
    return "the period must be within /proc/sys/kernel/sched_deadline_period_{min,max}_us";
  return undefined;
}

function applyIoPriority(pid: number, { class: name, priority }: LinuxIOPriority): void {
  doing(`setting the I/O priority ${name} ${priority}`, "/process/ioPriority", () =>
    setGroupIoPriority(pid, IO_CLASSES[name], priority),
  );
}
