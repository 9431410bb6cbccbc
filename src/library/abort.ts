import { setMaxListeners } from "node:events";

/** Calls `act` when the signal comes, or at once if it has come; returns what takes that back. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) act();
  // One signal may be for any number of calls, of which each takes its listener back.
  setMaxListeners(0, signal);
  signal.addEventListener("abort", act, { once: true });
  return () => signal.removeEventListener("abort", act);
}
