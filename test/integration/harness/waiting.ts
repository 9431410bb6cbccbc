/** Waiting for what takes a moment. */
import assert from "node:assert/strict";

/** Blocks this process for some milliseconds. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** How many times longer than elsewhere things may take here: the VM's processors may be emulated. */
export const patience: number = process.env["TSRUN_TEST_GUEST"] === "1" ? 10 : 1;

/** Waits up to 5 s, times `patience`, until `condition` holds, and fails with `what`, told then, when it never does. */
export function eventually(what: string | (() => string), condition: () => boolean): void {
  for (let i = 0; i < 250 * patience; i++) {
    if (condition()) return;
    pause(20);
  }
  assert.fail(
    `did not happen within ${5 * patience} s: ${typeof what === "string" ? what : what()}`,
  );
}
