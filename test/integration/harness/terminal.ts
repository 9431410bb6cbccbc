/** Terminals for tests: one to run commands on, and the receiver of a console socket. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "./bundle.ts";
import { appears, eventually } from "./expect.ts";

const PROGRAM = join(import.meta.dirname, "terminal.py");

/** A terminal whose other side is a process of its own; its output grows in a file. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #folder: string;

  constructor(...args: string[]) {
    this.#folder = newFolder("terminal");
    const [out, err] = ["stdout", "stderr"].map((name) => openSync(join(this.#folder, name), "w"));
    // The system's python3, not one of the user's environment: only its package is asked for.
    this.#child = spawn("/usr/bin/python3", ["-S", PROGRAM, ...args], {
      stdio: ["pipe", out, err],
      timeout: 20_000,
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
    eventually(`the terminal shows ${pattern}`, () => pattern.test(this.output));
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

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Waits for the end; the report is complete then. */
  ended(): Promise<void> {
    if (this.#child.exitCode !== null) return Promise.resolve();
    return new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }
}

/** A listening console socket, and the terminal that arrives over it. */
export function consoleSocket(): { path: string; terminal: Terminal } {
  const path = join(newFolder("console"), "socket");
  const terminal = new Terminal("socket", path);
  appears(path);
  return { path, terminal };
}
