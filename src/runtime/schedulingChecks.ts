/** What process.scheduler and process.execCPUAffinity must fulfil beyond the schema (sched_setattr(2), sched(7)). */
import type { CPUAffinity, LinuxSchedulerPolicy, Scheduler } from "@opencontainers-types";
import { doing, Failure } from "../failure.ts";
import { parseList } from "../linux/listFormat.ts";

const REAL_TIME: readonly LinuxSchedulerPolicy[] = ["SCHED_FIFO", "SCHED_RR"];
const NICE: readonly LinuxSchedulerPolicy[] = ["SCHED_OTHER", "SCHED_BATCH"];

const failure = (text: string, member: string, hint?: string): Failure =>
  new Failure(text, { pointer: `/process/scheduler/${member}`, hint });

/**
 * Refuses what has no meaning for the policy, as runc does, and what the kernel would refuse with an errno that does not
 * say why. A nice value beside a policy that has none is accepted and has no effect. Throws a Failure.
 */
export function checkScheduler(scheduler: Scheduler): void {
  const { policy, nice = 0, priority = 0 } = scheduler;
  if (policy === "SCHED_ISO")
    throw failure(
      "there is no scheduling policy SCHED_ISO: Linux has reserved its number and never had it",
      "policy",
      "SCHED_RR with a low priority comes closest",
    );
  if (NICE.includes(policy) && (nice < -20 || nice > 19))
    throw failure(`the nice value ${nice} is not one of -20 to 19`, "nice");
  if (REAL_TIME.includes(policy)) {
    if (priority < 1 || priority > 99)
      throw failure(`the priority of ${policy} is ${priority}, and not one of 1 to 99`, "priority");
  } else if (priority !== 0)
    throw failure(
      `${policy} has no priority`,
      "priority",
      "only SCHED_FIFO and SCHED_RR have one; for the others there is nice",
    );
  if (policy === "SCHED_DEADLINE") checkDeadline(scheduler);
  else refuseTimes(scheduler);
}

const TIMES = ["runtime", "deadline", "period"] as const;

function refuseTimes(scheduler: Scheduler): void {
  for (const name of TIMES)
    if (BigInt(scheduler[name] ?? 0) !== 0n)
      throw failure(`${scheduler.policy} has no ${name}`, name, "only SCHED_DEADLINE has it");
}

/** In nanoseconds: the kernel's clock for these is a little coarser than one (sched(7)). */
const SHORTEST = 1024n;
const LONGEST = 2n ** 63n - 1n;

/** "sched_runtime <= sched_deadline <= sched_period"; a period of 0 is the deadline (sched(7), SCHED_DEADLINE). */
function checkDeadline(scheduler: Scheduler): void {
  const times = TIMES.map((name) => [name, BigInt(scheduler[name] ?? 0)] as const);
  let [shorter, least]: [string, bigint] = ["the shortest time", SHORTEST];
  for (const [name, value] of times) {
    if (name === "period" && value === 0n) continue;
    if (value < least || value > LONGEST)
      throw failure(
        `the ${name} of SCHED_DEADLINE is ${value} ns, which is ${value > LONGEST ? "2^63 or more" : `less than ${shorter}, ${least} ns`}`,
        name,
        "runtime <= deadline <= period must hold",
      );
    [shorter, least] = [`the ${name}`, value];
  }
}

/** The lists are for `exec` and have no effect on a container's first process; that they are lists is checked here, too. */
export function checkAffinity(affinity: CPUAffinity): void {
  for (const name of ["initial", "final"] as const) {
    const list = affinity[name] ?? "";
    const pointer = `/process/execCPUAffinity/${name}`;
    doing(`reading the list of CPUs ${JSON.stringify(list)}`, pointer, () => {
      if (list !== "" && parseList(list).length === 0) throw new Error("it names none");
    });
  }
}
