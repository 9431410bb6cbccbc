/** What tests expect of calls and of containers' states. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type Outcome, type Runtime, tsrun } from "./runtime.ts";
import { eventually } from "./waiting.ts";

export { eventually, patience, pause } from "./waiting.ts";

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

export function becomes(id: string, status: string, runtime: Runtime = tsrun): void {
  eventually(`${id} is ${status}`, () => stateOf(id, runtime).status === status);
}

export function appears(path: string): void {
  eventually(`${path} appears`, () => existsSync(path));
}
