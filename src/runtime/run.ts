/**
 * `run`: create and start, and in the foreground wait and delete. What comes after the process was made is loaded while
 * that one sets itself up.
 */
import { load } from "#host";
import { becomeSubreaper, exitStatus } from "../linux/process.ts";
import { blockSignals } from "../linux/signals.ts";
import type { Context, RunOptions } from "./context.ts";
import { type Launched, launch } from "./launch.ts";
import type { Readiness } from "./notifySocket.ts";

/** Returns the exit status: the process's in the foreground (128 + n if signal n killed it), 0 when detached. */
export function run(context: Context, options: RunOptions): number {
  if (!options.detach) prepareToAttend(options);
  const launched = launch(context, options, !options.detach);
  const readiness = orDiscard(context, launched, options, () =>
    load(import("./start.ts")).startCreated(context, launched.directory, launched.state),
  );
  if (options.detach) {
    readiness?.await(launched.state);
    return 0;
  }
  return attend(context, launched, { readiness, keep: options.keep });
}

/** Signals that come from now on are for the container; they wait until there is one. */
export function prepareToAttend({ subreaper }: Pick<RunOptions, "subreaper">): void {
  blockSignals();
  if (subreaper) becomeSubreaper();
}

/** The result of a step; if it fails, nothing of the container is left, nor the pid of what is none. */
export function orDiscard<T>(
  context: Context,
  launched: Launched,
  { pidFile }: Pick<RunOptions, "pidFile">,
  step: () => T,
): T {
  try {
    return step();
  } catch (error) {
    load(import("./delete.ts")).discard(context, launched.directory, launched.state);
    if (pidFile !== undefined) load(import("./pidFile.ts")).removePidFile(pidFile);
    throw error;
  }
}

/** Waits in the foreground until the container's process has ended, deletes it, and returns its exit status. */
export function attend(
  context: Context,
  launched: Launched,
  { readiness, keep = false }: { readiness?: Readiness | undefined; keep?: boolean } = {},
): number {
  const { supervise } = load(import("./supervise.ts"));
  const ending = supervise(launched.child, launched.terminal, readiness);
  if (!keep) load(import("./delete.ts")).discard(context, launched.directory, launched.state);
  return exitStatus(ending);
}
