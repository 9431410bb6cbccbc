/** Timers on the monotonic clock (timerfd_create(2)). */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { POLLIN } from "#abi";
import { using } from "../../../src/linux/fs.ts";
import { poll } from "../../../src/linux/signals.ts";
import { openTimer, readTimer } from "../../../src/linux/timer.ts";

const MILLISECOND = 1_000_000n;

test("a timer ticks again and again, the first time after its interval", () => {
  using(openTimer(20n * MILLISECOND), (timer) => {
    const start = Date.now();
    equal(readTimer(timer), 0n);
    for (let tick = 0; tick < 3; tick++) {
      deepEqual(
        poll([{ fd: timer, events: POLLIN }], 5000).map(({ fd }) => fd),
        [timer],
      );
      ok(readTimer(timer) >= 1n);
    }
    ok(Date.now() - start >= 50);
  });
});

test("an interval of hours does not tick at once", () => {
  using(openTimer(3_600_000n * MILLISECOND), (timer) => {
    deepEqual(poll([{ fd: timer, events: POLLIN }], 20), []);
  });
});

test("one that the kernel does not take", () => {
  throws(() => openTimer(-1n), /timerfd_settime\(-1\): EINVAL/);
});
