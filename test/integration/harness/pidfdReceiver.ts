/** A receiver of pidfds for tests: a process, since Node cannot receive descriptors. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "./bundle.ts";
import { appears, eventually } from "./expect.ts";

const PROGRAM = join(import.meta.dirname, "pidfdReceiver.py");

export interface ReceivedPidfd {
  /** The message that came with it. */
  text: string;
  /** How many descriptors came. */
  descriptors: number;
  /** The process that the descriptor stands for. */
  pid: number;
}

export class PidfdReceiver {
  /** For --pidfd-socket. */
  readonly path: string;
  readonly #output: string;
  readonly #child: ChildProcess;

  constructor() {
    const folder = newFolder("pidfd");
    this.path = join(folder, "socket");
    this.#output = join(folder, "output");
    const out = openSync(this.#output, "w");
    this.#child = spawn("/usr/bin/python3", ["-S", PROGRAM, this.path], {
      stdio: ["pipe", out, "inherit"],
      timeout: 20_000,
      killSignal: "SIGKILL",
    });
    closeSync(out);
    appears(this.path);
  }

  /** Waits until something has come. */
  get received(): ReceivedPidfd {
    eventually("a descriptor arrives", () => this.#text().endsWith("\n"));
    return JSON.parse(this.#text());
  }

  /** Sends a signal through the descriptor. */
  signal(number: number): Promise<void> {
    // Written before the next synchronous wait blocks Node's loop.
    return new Promise((resolve) => this.#child.stdin?.write(`${number}\n`, () => resolve()));
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #text(): string {
    return readFileSync(this.#output, "utf8");
  }
}
