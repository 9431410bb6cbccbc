import { equal } from "node:assert/strict";
import { describe, test } from "node:test";
import type { CPUAffinity, Scheduler } from "@opencontainers-types";
import { Failure } from "../../../src/failure.ts";
import { checkAffinity, checkScheduler } from "../../../src/runtime/schedulingChecks.ts";

/** Where the check points to, or undefined where it accepts. */
function pointerOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error.pointer;
    throw error;
  }
}

describe("process.scheduler", () => {
  const deadline: Scheduler = { policy: "SCHED_DEADLINE", runtime: 2000, deadline: 3000 };
  const cases: [string, Scheduler, string | undefined][] = [
    ["nothing but a policy", { policy: "SCHED_OTHER" }, undefined],
    ["the lowest nice value", { policy: "SCHED_BATCH", nice: 19 }, undefined],
    ["the highest nice value", { policy: "SCHED_OTHER", nice: -20 }, undefined],
    ["nice above", { policy: "SCHED_OTHER", nice: 20 }, "nice"],
    ["nice below", { policy: "SCHED_BATCH", nice: -21 }, "nice"],
    ["a nice value without effect", { policy: "SCHED_FIFO", nice: 100, priority: 1 }, undefined],
    ["a real-time priority", { policy: "SCHED_RR", priority: 99 }, undefined],
    ["no real-time priority", { policy: "SCHED_FIFO" }, "priority"],
    ["a priority above", { policy: "SCHED_FIFO", priority: 100 }, "priority"],
    ["a negative priority", { policy: "SCHED_RR", priority: -1 }, "priority"],
    ["a priority of an idle process", { policy: "SCHED_IDLE", priority: 1 }, "priority"],
    ["a priority of 0", { policy: "SCHED_IDLE", priority: 0 }, undefined],
    ["a policy that Linux has not", { policy: "SCHED_ISO" }, "policy"],
    ["a runtime without deadlines", { policy: "SCHED_OTHER", runtime: 1 }, "runtime"],
    ["a period without deadlines", { policy: "SCHED_FIFO", priority: 1, period: 5n }, "period"],
    ["times of 0", { policy: "SCHED_OTHER", runtime: 0, deadline: 0, period: 0 }, undefined],
    ["a deadline", deadline, undefined],
    ["a deadline with its period", { ...deadline, period: 3000 }, undefined],
    ["no runtime", { policy: "SCHED_DEADLINE", deadline: 3000 }, "runtime"],
    ["no deadline", { policy: "SCHED_DEADLINE", runtime: 3000 }, "deadline"],
    ["a runtime of too few nanoseconds", { ...deadline, runtime: 1023 }, "runtime"],
    ["more runtime than the deadline", { ...deadline, runtime: 3001 }, "deadline"],
    ["a deadline after the period", { ...deadline, period: 2999 }, "period"],
    ["the longest deadline", { ...deadline, deadline: 2n ** 63n - 1n }, undefined],
    ["a longer one", { ...deadline, deadline: 2n ** 63n }, "deadline"],
    ["a priority beside a deadline", { ...deadline, priority: 1 }, "priority"],
  ];
  for (const [name, scheduler, member] of cases)
    test(name, () => {
      const expected = member && `/process/scheduler/${member}`;
      equal(
        pointerOf(() => checkScheduler(scheduler)),
        expected,
      );
    });
});

describe("process.execCPUAffinity", () => {
  const cases: [CPUAffinity, string | undefined][] = [
    [{}, undefined],
    [{ initial: "", final: "" }, undefined],
    [{ initial: "7", final: "0-3, 7" }, undefined],
    [{ initial: "3-1" }, "initial"],
    [{ initial: "0", final: "1--2" }, "final"],
    [{ final: "99999" }, "final"],
    [{ final: " , " }, "final"],
  ];
  for (const [affinity, member] of cases)
    test(JSON.stringify(affinity), () => {
      const expected = member && `/process/execCPUAffinity/${member}`;
      equal(
        pointerOf(() => checkAffinity(affinity)),
        expected,
      );
    });
});
