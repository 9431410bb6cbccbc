/** What tests expect of calls, of containers' states and of things that take a moment. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type Outcome, type Runtime, tsrun } from "./runtime.ts";

/** The call has succeeded without a word on stderr. */
export function succeeded(outcome: Outcome, what = "the call"): Outcome {
  assert.equal(outcome.status, 0, `${what} failed: ${outcome.stderr}`);
  assert.equal(outcome.stderr, "", `${what} complained`);
  return outcome;
}

/** Status 1 and one line on stderr, which matches every pattern. */
export function failed(outcome: Outcome, ...patterns: RegExp[]): void {
  const { status, stderr } = outcome;
  assert.equal(status, 1, `status ${status}, stderr: ${stderr}`);
  assert.match(stderr, /^[^\n]+\n$/, `stderr must be exactly one line:\n${stderr}`);
  assert.doesNotMatch(
    stderr,
    /undefined|\[object|NaN|\bat \S+ \(|\w+Error:/,
    "the message is for people",
  );
  for (const pattern of patterns) assert.match(stderr, pattern);
}

/** The state as `state` prints it. */
export interface State {
  ociVersion: string;
  id: string;
  pid: number;
  status: string;
  bundle: string;
  rootfs: string;
  created: string;
  owner: string;
  annotations?: Record<string, string>;
}

export function stateOf(id: string, runtime: Runtime = tsrun): State {
  return JSON.parse(succeeded(runtime.call(["state", id]), "state").stdout) as State;
}

/** Blocks this process for some milliseconds. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** How many times longer than elsewhere things may take here: the VM's processors may be emulated. */
export const patience: number = process.env["TSRUN_TEST_GUEST"] === "1" ? 10 : 1;

/** Waits up to 5 s, times `patience`, until `condition` holds, and fails with `what` when it never does. */
export function eventually(what: string, condition: () => boolean): void {
  for (let i = 0; i < 250 * patience; i++) {
    if (condition()) return;
    pause(20);
  }
  assert.fail(`did not happen within ${5 * patience} s: ${what}`);
}

export function becomes(id: string, status: string, runtime: Runtime = tsrun): void {
  eventually(`${id} is ${status}`, () => stateOf(id, runtime).status === status);
}

export function appears(path: string): void {
  eventually(`${path} appears`, () => existsSync(path));
}
