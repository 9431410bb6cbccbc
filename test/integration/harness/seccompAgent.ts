/** Seccomp agents for tests: processes that answer what a filter notifies of. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "./bundle.ts";
import { appears, eventually, type State } from "./expect.ts";

const PROGRAM = join(import.meta.dirname, "seccompAgent.py");

/** The specification's "Container Process State". */
export interface ContainerProcessState {
  ociVersion: string;
  fds: string[];
  pid: number;
  metadata?: string;
  state: State;
}

export class SeccompAgent {
  /** For linux.seccomp.listenerPath. */
  readonly path: string;
  readonly #output: string;
  readonly #child: ChildProcess;

  /** `answers`: the errno of calls by their numbers; all others go on. */
  constructor(answers: Readonly<Record<number, number>> = {}) {
    const folder = newFolder("agent");
    this.path = join(folder, "socket");
    this.#output = join(folder, "output");
    const out = openSync(this.#output, "w");
    const words = Object.entries(answers).map(([number, errno]) => `${number}=${errno}`);
    this.#child = spawn("/usr/bin/python3", ["-S", PROGRAM, this.path, ...words], {
      stdio: ["ignore", out, "inherit"],
      timeout: 20_000,
      killSignal: "SIGKILL",
    });
    closeSync(out);
    appears(this.path);
  }

  /** What it was sent, and how many descriptors with it. */
  get received(): { state: ContainerProcessState; descriptors: number } {
    return JSON.parse(this.#lines()[0] as string);
  }

  /** The numbers of the calls that it was asked about; waits for the end of the filter's last process. */
  asked(): number[] {
    eventually("the agent ends", () => this.#lines().length === 2);
    return JSON.parse(this.#lines()[1] as string);
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #lines(): string[] {
    return readFileSync(this.#output, "utf8").trim().split("\n");
  }
}
