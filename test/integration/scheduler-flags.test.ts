/** Every flag of process.scheduler reaches the kernel, which may not be able to do what it asks for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle } from "./harness/bundle.ts";
import type { Config } from "./harness/config.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const DEADLINE = { policy: "SCHED_DEADLINE", runtime: 1e6, deadline: 1e7, period: 2e7 } as const;
const BATCH = { policy: "SCHED_BATCH" } as const;

const FLAGS: Record<string, NonNullable<Config["process"]["scheduler"]>> = {
  SCHED_FLAG_RESET_ON_FORK: BATCH,
  SCHED_FLAG_RECLAIM: DEADLINE,
  SCHED_FLAG_DL_OVERRUN: DEADLINE,
  SCHED_FLAG_KEEP_POLICY: BATCH,
  SCHED_FLAG_KEEP_PARAMS: BATCH,
  SCHED_FLAG_UTIL_CLAMP_MIN: BATCH,
  SCHED_FLAG_UTIL_CLAMP_MAX: BATCH,
};

for (const [flag, scheduler] of Object.entries(FLAGS))
  test(`the kernel is asked for ${flag}`, () => {
    const { path } = makeBundle(["/bin/true"], {
      edit: (config) => {
        config.process.scheduler = { ...scheduler, flags: [flag] };
      },
    });
    const log = join(path, "strace");
    const strace = ["strace", "-f", "-qq", "-e", "trace=sched_setattr", "-o", log, tsrunPath];
    new Runtime("tsrun", strace).call(["run", "--bundle", path, newId()]);
    const asked = readFileSync(log, "utf8").match(/sched_flags=(\w+)/g);
    assert.deepEqual(asked, [`sched_flags=${flag}`]);
  });
