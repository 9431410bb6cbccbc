/** Waiting for what takes a moment. */
import assert from "node:assert/strict";

/** Blocks this process for some milliseconds. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** How many times longer than elsewhere things may take here: the VM's processors may be emulated. */
export const patience: number = process.env["TSRUN_TEST_GUEST"] === "1" ? 10 : 1;

/** What counts as hung, in milliseconds: a machine that others use as well may stand still for seconds. */
export const HUNG_MS: number = 60_000 * patience;

/** How long what is waited for may take, in milliseconds. */
const LIMIT_MS = HUNG_MS / 2;

/**
 * Waits up to half of `HUNG_MS` until `condition` holds, and fails with `what`, told then, when it never does. By the clock:
 * where looking takes a process, it may take a second.
 */
export function eventually(what: string | (() => string), condition: () => boolean): void {
  const end = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > end)
      assert.fail(
        `did not happen within ${LIMIT_MS / 1000} s: ${typeof what === "string" ? what : what()}`,
      );
    pause(20);
  }
}
