/** Runs tsrun and its peers, and collects what they say. */
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { newFolder } from "./bundle.ts";
import { runName } from "./isolation.ts";
import { HUNG_MS } from "./waiting.ts";

/** How a call ended. The output is read from files, so it grows while a container still writes. */
export interface Outcome {
  status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  input?: string;
  cwd?: string;
  env?: Record<string, string>;
  /** Further descriptors, from 3 upwards. */
  fds?: number[];
}

/** A command line whose /sys/fs/cgroup is a cgroup2 mount, whatever the machine has there. */
const PURE_CGROUP = [
  ...["unshare", "--mount", "--propagation", "unchanged", "sh", "-c"],
  `grep -q " /sys/fs/cgroup .* - cgroup2 " /proc/self/mountinfo ||
    mount -t cgroup2 none /sys/fs/cgroup && exec "$@"`,
  "sh",
];

export class Runtime {
  readonly name: string;
  readonly command: readonly string[];

  constructor(name: string, command: readonly string[]) {
    this.name = name;
    this.command = command;
  }

  /** The same runtime with further global options. */
  with(...options: string[]): Runtime {
    return new Runtime(this.name, [...this.command, ...options]);
  }

  /** The same runtime where /sys/fs/cgroup is cgroup2, as on a machine without cgroup v1. */
  onPureCgroup(): Runtime {
    return new Runtime(this.name, [...PURE_CGROUP, ...this.command]);
  }

  /** The same runtime, called by way of another command, which does not change where /sys/fs/cgroup is. */
  calledBy(...words: readonly string[]): Runtime {
    const isWrapped = PURE_CGROUP.every((word, i) => this.command[i] === word);
    const own = isWrapped ? this.command.slice(PURE_CGROUP.length) : this.command;
    const called = new Runtime(this.name, [...words, ...own]);
    return isWrapped ? called.onPureCgroup() : called;
  }

  /** Runs to the end, and fails after `HUNG_MS`. Detached containers do not hold the call up. */
  call(args: string[], options: CallOptions = {}): Outcome {
    const folder = newFolder("call");
    const [out, err] = [join(folder, "stdout"), join(folder, "stderr")];
    const files = [openSync(out, "w"), openSync(err, "w")];
    const stdin = options.input === undefined ? "ignore" : "pipe";
    const [file, ...rest] = [...this.command, ...args] as [string, ...string[]];
    const child = spawnSync(file, rest, {
      stdio: [stdin, ...files, ...(options.fds ?? [])],
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      timeout: HUNG_MS,
      killSignal: "SIGKILL",
    });
    for (const fd of files) closeSync(fd);
    if (child.error !== undefined)
      throw new Error(`${this.name} ${args.join(" ")}: ${child.error}`);
    return {
      status: child.status,
      get stdout() {
        return readFileSync(out, "utf8");
      },
      get stderr() {
        return readFileSync(err, "utf8");
      },
    };
  }

  /** Starts a call that the test goes on talking to; it is killed after `HUNG_MS`. */
  spawn(args: string[], stdio: StdioOptions = "ignore"): ChildProcess {
    const [file, ...rest] = [...this.command, ...args] as [string, ...string[]];
    return spawn(file, rest, { stdio, timeout: HUNG_MS, killSignal: "SIGKILL" });
  }
}

function runtimeAt(name: string, path: string): Runtime {
  switch (basename(path)) {
    case "runc":
      return new Runtime(name, [path]).onPureCgroup();
    case "crun":
      // Its device filter wants CAP_SYS_RESOURCE, which a container that runs the tests may lack.
      return new Runtime(name, [path, "--cgroup-manager=disabled"]).onPureCgroup();
    default:
      return new Runtime(name, [path]);
  }
}

/**
 * The binary under test. TSRUN may name another one, runc or crun too: tests that can fail do so
 * where those depart from the specification.
 */
export const tsrunPath: string = resolve(process.env["TSRUN"] ?? "build/tsrun");
if (!existsSync(tsrunPath)) throw new Error(`${tsrunPath} does not exist: run make first`);

export const tsrun: Runtime = runtimeAt("tsrun", tsrunPath);
export const runc: Runtime = runtimeAt("runc", "runc");
export const crun: Runtime = runtimeAt("crun", "crun");

let ids = 0;

/** A container id that this run has not used, with the prefix by which its cgroups are known. */
export function newId(): string {
  return `${runName}-${++ids}`;
}
