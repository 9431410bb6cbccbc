/** Hooks (specification, "POSIX-platform Hooks"): programs that get the container's state on their standard input. */

import type { Hook, State } from "@opencontainers-types";
import { EACCES, ENOENT, ENOTDIR, MFD_CLOEXEC, POLLIN, SEEK_SET, SIGKILL } from "#abi";
import { Failure } from "../failure.ts";
import { setsid } from "../linux/credentials.ts";
import { unless } from "../linux/errno.ts";
import {
  close,
  closeFrom,
  dup,
  lseek,
  memfd,
  readBytes,
  stat,
  using,
  writeAll,
} from "../linux/fs.ts";
import { chdir } from "../linux/namespaces.ts";
import {
  describeEnding,
  type Ending,
  exit,
  exitStatus,
  ownEnvironment,
  prepareExec,
  sendSignal,
  signalGroup,
  spawn,
  wait,
} from "../linux/process.ts";
import { poll, resetSignalActions, unblockSignals } from "../linux/signals.ts";
import { printable } from "../linux/text.ts";

export type HookName =
  | "prestart"
  | "createRuntime"
  | "createContainer"
  | "startContainer"
  | "poststart"
  | "poststop";

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

/** What a hook wrote is shown in its error up to this many bytes. */
const OUTPUT_SHOWN = 512;

/** Runs the hook with the index `i` of its kind. Throws a Failure if it does not exit with 0 in time. */
export function runHook(
  name: HookName,
  hook: Hook,
  i: number,
  state: State,
  inherited: Inherited = ownEnvironment,
): void {
  const what = `the ${name} hook ${hook.path}`;
  const pointer = `/hooks/${name}/${i}`;
  // In the container the bundle is out of sight.
  const directory = name === "startContainer" ? "/" : state.bundle;
  // Files in memory, not pipes: nobody has to feed or drain them, and a daemon that a hook leaves behind blocks nothing.
  const input = memfd("hook-state", MFD_CLOEXEC);
  const output = memfd("hook-output", MFD_CLOEXEC);
  try {
    writeAll(input, JSON.stringify(state));
    lseek(input, 0, SEEK_SET);
    const { pid, pidfd } = spawn({}, () => execHook(hook, input, output, directory, inherited));
    const ending = using(pidfd, () => waitForHook(pid, pidfd, hook.timeout));
    if (ending === undefined)
      throw new Failure(`${what} ran longer than its timeout of ${hook.timeout} s and was killed`, {
        pointer,
      });
    if (exitStatus(ending) !== 0)
      throw new Failure(`${what} ${describeEnding(ending)}${outputOf(output)}`, { pointer });
  } finally {
    close(input);
    close(output);
  }
}

/** `directory`: where the hook begins, if it is still there. */
function execHook(
  { path, args, env }: Hook,
  input: number,
  output: number,
  directory: string,
  inherited: Inherited,
): never {
  try {
    dup(input, 0);
    dup(output, 1);
    dup(output, 2);
    // The caller's descriptors are for the container at most: a daemon that a hook leaves must not hold them open.
    closeFrom(3);
    // A group of its own, so that a timeout reaches what the hook has started.
    setsid();
    unless([ENOENT, ENOTDIR, EACCES], () => chdir(directory));
    const exec = prepareExec(path, args && args.length > 0 ? args : [path], env ?? inherited());
    resetSignalActions();
    unblockSignals();
    return exec();
  } catch (error) {
    writeAll(2, (error as Error).message);
    return exit(COMMAND_NOT_RUN);
  }
}

/** The shell's status for a command that cannot be run. */
const COMMAND_NOT_RUN = 127;

/** How the hook ended, or undefined if it had to be killed after `timeout` seconds. */
function waitForHook(
  pid: number,
  pidfd: number,
  timeout: number | bigint | undefined,
): Ending | undefined {
  const milliseconds = timeout === undefined ? undefined : Number(timeout) * 1000;
  if (poll([{ fd: pidfd, events: POLLIN }], milliseconds).length > 0) return wait(pidfd);
  signalGroup(pid, SIGKILL);
  sendSignal(pidfd, SIGKILL);
  wait(pidfd);
  return undefined;
}

function outputOf(output: number): string {
  lseek(output, Math.max(0, stat(output).size - OUTPUT_SHOWN), SEEK_SET);
  const text = printable(readBytes(output)).trim();
  return text === "" ? "" : `, saying: ${text}`;
}
