/** The whole program but for where its arguments come from and its output goes. */

import manifest from "../../package.json" with { type: "json" };
import { doing, Failure, observeSteps } from "../failure.ts";
import type { LineReader, Output, Runtime } from "./command.ts";
import { toContext } from "./globals.ts";
import { type Log, toLog } from "./log.ts";

/** Does what the arguments ask for; returns the exit status. Throws nothing. */
export function program(
  args: () => readonly string[],
  readLine: LineReader,
  runtime: Runtime,
  output: Output,
): number {
  let log: Log | undefined;
  let isDebugged = false;
  let failureStatus = 1;
  try {
    const argv = doing("reading the command line", undefined, args);
    const line = readLine(argv, output);
    isDebugged = line.globals.debug ?? false;
    log = toLog(line.globals, output);
    const call = line.call();
    if (!call) return 0;
    failureStatus = call.command.failureStatus ?? 1;
    log?.open();
    if (line.globals.debug) debug(log);
    const context = toContext(line.globals, (message) => warn(message, output, log));
    return call.command.execute({ runtime, context, output }, call.args, call.flags);
  } catch (error) {
    report(error, isDebugged, output, log);
    return failureStatus;
  }
}

/** From here on the log hears of every step. */
function debug(log: Log | undefined): void {
  log?.append("debug", `this is tsrun ${manifest.version}`);
  observeSteps((step) => attempt(() => log?.append("debug", step)));
}

/** A warning goes to the log, where there is one, and else to the user. */
function warn(message: string, output: Output, log: Log | undefined): void {
  if (log) log.append("warning", message);
  else output.writeError(`tsrun: warning: ${message}\n`);
}

/** An error goes to both, once to each place. Nobody is left to tell if it cannot be written. */
function report(error: unknown, withStack: boolean, output: Output, log: Log | undefined): void {
  const message = describe(error);
  const stack = withStack && error instanceof Error ? error.stack?.trimEnd() : undefined;
  if (!log?.isStandardError) attempt(() => output.writeError(`tsrun: ${message}\n`));
  const problem = attempt(() => {
    const failure = Failure.of(error);
    const { faults } = failure;
    // The error comes last: there are programs that read the last line only.
    if (stack) log?.append("debug", stack);
    log?.append("error", message, {
      ...failure.toData(),
      ...(faults.length > 0 ? { faults } : {}),
    });
  });
  if (problem && describe(problem) !== message)
    attempt(() => output.writeError(`tsrun: ${describe(problem)}\n`));
}

/** The errors that the engine itself throws: mistakes of the program, not of its user. */
const ENGINE_ERRORS = /^(Internal|Range|Reference|Syntax|Type)Error$/;

function describe(error: unknown): string {
  const isMistake = !(error instanceof Error) || ENGINE_ERRORS.test(error.name);
  const { message } = Failure.of(error);
  return isMistake ? `internal error: ${message}` : message;
}

function attempt(write: () => void): unknown {
  try {
    write();
  } catch (error) {
    return error;
  }
  return undefined;
}
