/** Hooks (specification, "POSIX-platform Hooks"): programs that get the container's state on their standard input. */

import type { Hook, State } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import { ownEnvironment } from "../linux/process.ts";
import { runProgram } from "../linux/program.ts";

/** The kinds, in the order in which they run. */
export const HOOK_NAMES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

export type HookName = (typeof HOOK_NAMES)[number];

/** Gives the environment of a hook that has none of its own. */
type Inherited = () => readonly (string | Uint8Array)[];

/** Runs hooks in order; throws the first one's Failure and does not go on to the next. */
export function runHooks(
  name: HookName,
  hooks: readonly Hook[] | undefined,
  state: State,
  inherited: Inherited = ownEnvironment,
): void {
  hooks?.forEach((hook, i) => {
    runHook(name, hook, i, state, inherited);
  });
}

/** In seconds. What is longer is beyond what the kernel counts, and nobody's wait. */
const LONGEST_TIMEOUT = 2 ** 31;

/** Whether an error, which may come from another process, is that of a hook of this kind. */
export const isHookFailure = (error: unknown, name: HookName): error is Failure =>
  error instanceof Failure && (error.pointer?.startsWith(`/hooks/${name}/`) ?? false);

/** Runs the hook with the index `i` of its kind. Throws a Failure if it does not exit with 0 in time. */
export function runHook(
  name: HookName,
  { path, args, env, timeout }: Hook,
  i: number,
  state: State,
  inherited: Inherited = ownEnvironment,
): void {
  const problem = runProgram({
    path,
    argv: args && args.length > 0 ? args : [path],
    env: () => env ?? inherited(),
    input: JSON.stringify(state),
    // In the container the bundle is out of sight.
    directory: name === "startContainer" ? "/" : state.bundle,
    timeout: timeout === undefined ? undefined : Math.min(Number(timeout), LONGEST_TIMEOUT) * 1000,
  });
  if (problem !== undefined)
    throw new Failure(`the ${name} hook ${path} ${problem}`, { pointer: `/hooks/${name}/${i}` });
}
