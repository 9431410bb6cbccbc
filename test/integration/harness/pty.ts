/** The user's side of a terminal, in a process of its own (terminal.py). */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, HUNG_MS } from "./waiting.ts";

const PROGRAM = join(import.meta.dirname, "terminal.py");

/** Its output grows in a file in `folder`; `args` are those of terminal.py, without its limit. */
export class Pty {
  readonly #child: ChildProcess;
  readonly #folder: string;

  constructor(folder: string, args: readonly string[]) {
    this.#folder = folder;
    const [out, err] = ["stdout", "stderr"].map((name) => openSync(join(folder, name), "w"));
    // The system's python3, not one of the user's environment: only its package is asked for.
    this.#child = spawn("/usr/bin/python3", ["-S", PROGRAM, String(HUNG_MS / 1000), ...args], {
      stdio: ["pipe", out, err],
      timeout: HUNG_MS,
      killSignal: "SIGKILL",
    });
    for (const fd of [out, err]) closeSync(fd as number);
  }

  /** What the terminal has shown so far. */
  get output(): string {
    return readFileSync(join(this.#folder, "stdout"), "utf8").replaceAll("\r\n", "\n");
  }

  /** What happened to it: see terminal.py. */
  get report(): string {
    return readFileSync(join(this.#folder, "stderr"), "utf8");
  }

  shows(pattern: RegExp): void {
    eventually(
      () => `the terminal shows ${pattern}, but ${JSON.stringify(this.output)}; ${this.report}`,
      () => pattern.test(this.output),
    );
  }

  #tell(line: string): Promise<void> {
    // Written before the next synchronous wait blocks Node's loop.
    return new Promise((resolve) => this.#child.stdin?.write(`${line}\n`, () => resolve()));
  }

  type(text: string): Promise<void> {
    return this.#tell(`send ${Buffer.from(text).toString("hex")}`);
  }

  resize(rows: number, columns: number): Promise<void> {
    return this.#tell(`size ${rows} ${columns}`);
  }

  /** From now on nobody reads what it says. */
  lookAway(): Promise<void> {
    return this.#tell("look away");
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Waits for the end; the report is complete then. */
  ended(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }
}
