import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** What one request to the launcher came to. */
export interface Measurement {
  /** Wall-clock time from before the start to after the wait. */
  nanoseconds: number;
  /** The largest resident set (ru_maxrss) of the command and of what it waited for. */
  peakRssKib: number;
  /** 128+n for signal n. */
  exitStatus: number;
}

/** Longer than any command here can take: a hung runtime must not hang the benchmark. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * The mount namespace of all measured commands: the machine's own mounts, none of them shared with
 * it, and cgroup2 on /sys/fs/cgroup whatever the machine keeps there.
 */
const PRIVATE_MOUNTS = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$0"';

/** One running `launcher` (see launcher.c, which has the protocol). */
export class Launcher {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #failure: Error | undefined;
  #killed = false;

  constructor(executable: string) {
    this.#process = spawn(
      "unshare",
      ["--mount", "--propagation", "private", "sh", "-c", PRIVATE_MOUNTS, executable],
      { detached: true, stdio: ["pipe", "pipe", "inherit"] },
    );
    const { stdin, stdout } = this.#process;
    if (stdin === null || stdout === null) throw new Error("the launcher has no pipes");
    // That a launcher has not started or has died is told by the request that gets no answer.
    for (const source of [this.#process, stdin])
      source.on("error", (error) => {
        this.#failure ??= error;
      });
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Runs a command (the program by its path) and waits for it. */
  run(command: readonly string[]): Promise<Measurement> {
    return this.#request(command);
  }

  /** Waits for all processes that earlier commands left behind. */
  reap(): Promise<Measurement> {
    return this.#request([]);
  }

  /** Lets the launcher end. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.stdin?.end();
    await once(this.#process, "exit");
  }

  /** Ends the launcher and the command it is running; a pending request fails. */
  kill(): void {
    if (this.#killed || this.#process.pid === undefined || this.#process.exitCode !== null) return;
    this.#killed = true;
    process.kill(-this.#process.pid, "SIGKILL");
  }

  async #request(command: readonly string[]): Promise<Measurement> {
    this.#process.stdin?.write(`${command.map((word) => `${word}\0`).join("")}\0`);
    const timeout = setTimeout(() => {
      this.#failure ??= new Error(`not done in ${REQUEST_TIMEOUT_MS} ms`);
      this.kill();
    }, REQUEST_TIMEOUT_MS);
    const answer = await this.#answers.next();
    clearTimeout(timeout);
    if (answer.done) {
      const reason = this.#failure?.message ?? "the launcher ended";
      throw new Error(`${reason}: ${command.join(" ") || "waiting for what was left behind"}`);
    }
    const [nanoseconds = Number.NaN, peakRssKib = Number.NaN, exitStatus = Number.NaN] =
      answer.value.split(" ").map(Number);
    return { nanoseconds, peakRssKib, exitStatus };
  }
}
