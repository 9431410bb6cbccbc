/** Command lines of engines. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Emulated, an engine takes seconds for what is a matter of milliseconds elsewhere. */
const DEADLINE_S = 240;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds until it is killed, and the test fails. */
  readonly deadline?: number;
}

/** Runs a command to its end. What it leaves running does not hold the call up: its output goes to files. */
export function call(command: readonly string[], options: CallOptions = {}): Ended {
  const { deadline = DEADLINE_S } = options;
  const [program, ...args] = command as [string, ...string[]];
  const folder = mkdtempSync(join(tmpdir(), "call-"));
  const names = ["stdout", "stderr"].map((name) => join(folder, name)) as [string, string];
  const files = names.map((name) => openSync(name, "w"));
  try {
    const { status, signal, error } = spawnSync(program, args, {
      stdio: [options.input === undefined ? "ignore" : "pipe", ...files],
      ...(options.input === undefined ? {} : { input: options.input }),
      env: { ...process.env, ...options.env },
      timeout: deadline * 1000,
      killSignal: "SIGKILL",
    });
    const [stdout, stderr] = names.map((name) => readFileSync(name, "utf8")) as [string, string];
    const end = { status, stdout, stderr };
    if (error !== undefined && !("code" in error && error.code === "ETIMEDOUT")) throw error;
    assert.ok(signal === null, told(command, end, `was killed, after up to ${deadline} s`));
    return end;
  } finally {
    for (const file of files) closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

/** Runs a command that must succeed; what it prints, without space at the end. */
export function output(command: readonly string[], options: CallOptions = {}): string {
  const end = call(command, options);
  assert.ok(end.status === 0, told(command, end, `ended with status ${end.status}`));
  return end.stdout.trimEnd();
}

/** For failures: the command line, what became of it, and all that it said. */
export function told(command: readonly string[], { stdout, stderr }: Ended, what: string): string {
  const words = command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`));
  const streams = [`stderr: ${stderr.trimEnd()}`, `stdout: ${stdout.trimEnd()}`];
  return [`${words.join(" ")}: ${what}`, ...streams].join("\n");
}
