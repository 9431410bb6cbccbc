/** Hooks (specification, "POSIX-platform Hooks"): programs that get the container's state on their standard input. */

import type { Hook, State } from "@opencontainers-types";
import { O_APPEND, O_CREAT, O_WRONLY } from "#abi";
import { doing, Failure, pointerTo } from "../failure.ts";
import { close, open } from "../linux/fs.ts";
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

/** Descriptors of the files that get what hooks write; what goes to none is shown if the hook fails. */
export interface HookOutput {
  stdout?: number | undefined;
  stderr?: number | undefined;
}

/** What crun's annotations name (crun(1), "EXTENSIONS TO OCI"). Throws a Failure if it cannot be opened. */
export function openHookOutput(annotations: State["annotations"]): HookOutput {
  const openNamed = (name: string): number | undefined => {
    const path = annotations?.[name];
    return path === undefined
      ? undefined
      : doing(`opening ${path} for what hooks write`, pointerTo("annotations", name), () =>
          open(path, O_WRONLY | O_APPEND | O_CREAT, { mode: 0o600 }),
        );
  };
  return { stdout: openNamed("run.oci.hooks.stdout"), stderr: openNamed("run.oci.hooks.stderr") };
}

export const descriptorsOf = ({ stdout, stderr }: HookOutput): number[] =>
  [stdout, stderr].filter((fd) => fd !== undefined);

export const closeHookOutput = (output: HookOutput): void => descriptorsOf(output).forEach(close);

/** For hooks in the namespaces of the runtime, which may open the files anew. */
export function withHookOutput(
  annotations: State["annotations"],
  run: (circumstances: HookCircumstances) => void,
): void {
  const output = openHookOutput(annotations);
  try {
    run({ output });
  } finally {
    closeHookOutput(output);
  }
}

export interface HookCircumstances {
  output: HookOutput;
  /** The environment of a hook that has none of its own; by default that of this process. */
  inherited?: () => readonly (string | Uint8Array)[];
}

/** Runs hooks in order; throws the first one's Failure and does not go on to the next. */
export function runHooks(
  name: HookName,
  hooks: readonly Hook[] | undefined,
  state: State,
  circumstances: HookCircumstances,
): void {
  hooks?.forEach((hook, i) => {
    runHook(name, hook, i, state, circumstances);
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
  { output, inherited = ownEnvironment }: HookCircumstances,
): void {
  const problem = runProgram({
    path,
    argv: args && args.length > 0 ? args : [path],
    env: () => env ?? inherited(),
    input: JSON.stringify(state),
    ...output,
    // In the container the bundle is out of sight.
    directory: name === "startContainer" ? "/" : state.bundle,
    timeout: timeout === undefined ? undefined : Math.min(Number(timeout), LONGEST_TIMEOUT) * 1000,
  });
  if (problem !== undefined)
    throw new Failure(`the ${name} hook ${path} ${problem}`, { pointer: `/hooks/${name}/${i}` });
}
