/** Runs command lines with a runtime that only records what it is asked for. */
import type { CommandLine, Runtime } from "../../../src/cli/command.ts";
import { readLine } from "../../../src/cli/commandLine.ts";
import { commands } from "../../../src/cli/commands.ts";
import { readPlainLine } from "../../../src/cli/plainLine.ts";
import { program } from "../../../src/cli/program.ts";
import type { Context } from "../../../src/runtime/context.ts";

export interface Recording {
  status: number;
  stdout: string;
  stderr: string;
  /** The runtime's functions that were called, each with its arguments after the context. */
  calls: [name: keyof Runtime, ...args: unknown[]][];
  context: Context | undefined;
}

export const CONTAINER_STATUS = 7;

export const plainLine = (argv: readonly string[]): CommandLine | undefined =>
  readPlainLine(argv, (name) => commands.get(name));

/** `failing`: what the runtime does before it returns. */
export function record(argv: readonly string[], failing: () => void = () => {}): Recording {
  const recording: Recording = {
    status: -1,
    stdout: "",
    stderr: "",
    calls: [],
    context: undefined,
  };
  const note = (name: keyof Runtime, context: Context, ...args: unknown[]): void => {
    recording.context = context;
    recording.calls.push([name, ...args]);
    failing();
  };
  const runtime: Runtime = {
    create: (...args) => note("create", ...args),
    run: (...args) => {
      note("run", ...args);
      return CONTAINER_STATUS;
    },
    exec: (...args) => {
      note("exec", ...args);
      return CONTAINER_STATUS;
    },
    start: (...args) => note("start", ...args),
    state: (context, id) => {
      note("state", context, id);
      const [status, owner] = ["stopped", ""] as const;
      return { ociVersion: "1.3.0", id, pid: 0, status, bundle: "/b", rootfs: "/b/rootfs", owner };
    },
    list: (context) => {
      note("list", context);
      return [];
    },
    kill: (...args) => note("kill", ...args),
    remove: (...args) => note("remove", ...args),
    pause: (...args) => note("pause", ...args),
    resume: (...args) => note("resume", ...args),
    update: (...args) => note("update", ...args),
    updateIntelRdt: (...args) => note("updateIntelRdt", ...args),
    events: (context, id, options, tell) => {
      note("events", context, id, options);
      tell({ type: "oom", id });
    },
    processes: (...args) => {
      note("processes", ...args);
      return [1, 2];
    },
    processTable: (...args) => {
      note("processTable", ...args);
      return [Uint8Array.of(0x50, 0x49, 0x44, 0xff, 0x0a)];
    },
    checkpoint: (...args) => note("checkpoint", ...args),
    restore: (...args) => {
      note("restore", ...args);
      return CONTAINER_STATUS;
    },
    features: () => {
      recording.calls.push(["features"]);
      return { ociVersionMin: "1.0.0", ociVersionMax: "1.3.0" };
    },
  };
  recording.status = program(
    () => argv,
    (argv, output) => plainLine(argv) ?? readLine(argv, output),
    runtime,
    {
      write: (text) => {
        recording.stdout += typeof text === "string" ? text : String.fromCharCode(...text);
      },
      writeError: (text) => {
        recording.stderr += text;
      },
    },
  );
  return recording;
}
