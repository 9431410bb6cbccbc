/** `run`: create and start, and in the foreground wait and delete. */
import { exitStatus } from "../linux/process.ts";
import { blockSignals } from "../linux/signals.ts";
import type { Context, RunOptions } from "./context.ts";
import { remove, removeLocked } from "./delete.ts";
import { type Launched, launch } from "./launch.ts";
import { startCreated } from "./start.ts";
import { StateDirectory } from "./store.ts";
import { supervise } from "./supervise.ts";

/** Returns the exit status: the process's in the foreground (128 + n if signal n killed it), 0 when detached. */
export function run(context: Context, options: RunOptions): number {
  // Signals that come from now on are for the container; they wait until there is one.
  if (!options.detach) blockSignals();
  const launched = launch(context, options, !options.detach);
  try {
    startCreated(context, launched.directory, launched.state);
  } catch (error) {
    remove(context, options.id, { force: true });
    throw error;
  }
  if (options.detach) return 0;
  const ending = supervise(launched.child, launched.terminal);
  if (!options.keep) removeEnded(context, launched);
  return exitStatus(ending);
}

/** Somebody else may have deleted it in the meantime. */
function removeEnded(context: Context, { state }: Launched): void {
  const directory = StateDirectory.find(context.root, state.id);
  if (directory?.lock()) removeLocked(context, directory, state);
}
