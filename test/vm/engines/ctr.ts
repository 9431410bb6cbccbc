/** containerd's own client, ctr: each function is one of its command lines. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Pty } from "../../integration/harness/pty.ts";
import { eventually } from "../../integration/harness/waiting.ts";
import { type CallOptions, call, type Ended, output } from "./calls.ts";
import { BUSYBOX } from "./images.ts";
import type { EngineRuntime } from "./runtimes.ts";

/** `ctr run` of busybox; options come before the image, as ctr wants them. */
export const runLine = (
  runtime: EngineRuntime,
  name: string,
  program: readonly string[],
  options: readonly string[] = [],
): string[] => [
  // Emulated, containerd may be busy for longer than the ten seconds that ctr gives it to answer.
  ...["ctr", "--connect-timeout", "240s", "run", "--runc-binary", runtime.path],
  ...[...options, BUSYBOX, name, ...program],
];

/** Starts a container in the background. */
export function start(
  runtime: EngineRuntime,
  name: string,
  program: readonly string[],
  options: readonly string[] = [],
): void {
  output(runLine(runtime, name, program, ["--detach", "--null-io", ...options]));
}

/** Runs a container to its end, and removes it. */
export function run(
  runtime: EngineRuntime,
  name: string,
  program: readonly string[],
  options: readonly string[] = [],
  callOptions: CallOptions = {},
): Ended {
  return call(runLine(runtime, name, program, ["--rm", ...options]), callOptions);
}

let execs = 0;

const execLine = (
  name: string,
  program: readonly string[],
  options: readonly string[],
): string[] => [
  "ctr",
  "task",
  "exec",
  "--exec-id",
  `exec-${++execs}`,
  ...options,
  name,
  ...program,
];

/** Runs one more program in a container, to its end. */
export const exec = (
  name: string,
  program: readonly string[],
  options: readonly string[] = [],
): Ended => call(execLine(name, program, options));

/** The same on a terminal of 24 rows and 80 columns. */
export const execOnTerminal = (name: string, program: readonly string[], scratch: string): Pty =>
  onTerminal(execLine(name, program, ["--tty"]), scratch);

export const runOnTerminal = (
  runtime: EngineRuntime,
  name: string,
  program: readonly string[],
  scratch: string,
): Pty => onTerminal(runLine(runtime, name, program, ["--rm", "--tty"]), scratch);

function onTerminal(line: readonly string[], scratch: string): Pty {
  return new Pty(mkdtempSync(join(scratch, "terminal-")), ["foreground", "24", "80", ...line]);
}

/** RUNNING, PAUSED, STOPPED, by the container's name. */
export function statuses(): Map<string, string> {
  const [, ...rows] = output(["ctr", "task", "list"]).split("\n");
  return new Map(
    rows.map((row) => {
      const [name, , status] = row.split(/\s+/) as [string, string, string];
      return [name, status];
    }),
  );
}

export function becomes(name: string, status: string): void {
  eventually(`${name} is ${status}`, () => statuses().get(name) === status);
}

export function pidOf(name: string): number {
  const row = output(["ctr", "task", "list"])
    .split("\n")
    .find((each) => each.split(/\s+/)[0] === name);
  return Number(row?.split(/\s+/)[1]);
}

/** Of a task's figures, those that its limits and its programs decide. */
export interface Metrics {
  readonly pids: { readonly current: number; readonly limit: number };
  readonly cpu: { readonly usage_usec: number };
  readonly memory: {
    readonly usage: number;
    readonly usage_limit: number;
    readonly swap_limit: number;
  };
}

export const metrics = (name: string): Metrics =>
  JSON.parse(output(["ctr", "task", "metrics", "--format", "json", name]));

export const kill = (name: string, signal: string, ...options: string[]): string =>
  output(["ctr", "task", "kill", "--signal", signal, ...options, name]);

/** Deletes a stopped container; the status with which its program ended: ctr warns of one that is not 0. */
export function remove(name: string): number {
  const { status, stderr } = call(["ctr", "task", "delete", name]);
  assert.equal(status, 0, stderr);
  output(["ctr", "container", "delete", name]);
  return statusesIn(stderr)[0] ?? 0;
}

/** Kills and deletes containers; the statuses with which their programs ended, those that are not 0. */
export function removeByForce(names: readonly string[]): number[] {
  if (names.length === 0) return [];
  // Emulated, each takes ctr up to ten seconds.
  const deadline = 1200;
  const { status, stderr } = call(["ctr", "task", "delete", "--force", ...names], { deadline });
  assert.equal(status, 0, stderr);
  output(["ctr", "container", "delete", ...names], { deadline });
  return statusesIn(stderr);
}

const statusesIn = (warnings: string): number[] =>
  [...warnings.matchAll(/non-zero exit code (\d+)/g)].map(([, status]) => Number(status));

export const containers = (): string[] =>
  output(["ctr", "container", "list", "--quiet"]).split("\n").filter(Boolean);

/** Ends and deletes whatever is there. */
export function removeAll(): void {
  for (const name of containers()) {
    // A container need not have a task.
    call(["ctr", "task", "delete", "--force", name]);
    output(["ctr", "container", "delete", name]);
  }
}
