/** Finding a program, and running it to its end, with what it writes kept for an error. */
import {
  AT_FDCWD,
  EACCES,
  ENOENT,
  ENOTDIR,
  F_ADD_SEALS,
  F_SEAL_GROW,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  POLLIN,
  SEEK_SET,
  SIGKILL,
  X_OK,
} from "#abi";
import { env } from "#host";
import { setsid } from "./credentials.ts";
import { unless } from "./errno.ts";
import {
  access,
  close,
  closeFrom,
  dup,
  fcntl,
  lseek,
  memfd,
  readBytes,
  stat,
  using,
  writeAll,
} from "./fs.ts";
import { chdir } from "./namespaces.ts";
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
} from "./process.ts";
import { poll, resetSignalActions, unblockSignals } from "./signals.ts";
import { printable } from "./text.ts";

/** A program's absolute path by PATH: never one of the working directory, which is anybody's. Undefined if there is none. */
export const findProgram = (name: string): string | undefined =>
  (env("PATH") ?? "")
    .split(":")
    .filter((directory) => directory.startsWith("/"))
    .map((directory) => `${directory}/${name}`)
    .find((path) => access(AT_FDCWD, path, X_OK, 0) === 0);

export interface Program {
  path: string;
  argv: readonly string[];
  /** By default the environment that this process was given. */
  env?: () => readonly (string | Uint8Array)[];
  /** What it reads from its standard input. */
  input: string;
  /** Descriptors for what it writes; by default that is kept, to be shown if it fails. */
  stdout?: number | undefined;
  stderr?: number | undefined;
  /** Where it begins, if that is still there; by default where this process is. */
  directory?: string;
  /** It is killed after so many milliseconds. */
  timeout?: number | undefined;
}

/** What went wrong, to follow the program's name in a sentence; undefined if it exited with 0. */
export function runProgram(program: Program): string | undefined {
  // Files in memory, not pipes: nobody has to feed or drain them, and a daemon that a program leaves behind blocks nothing.
  const input = memfd("program-input", MFD_CLOEXEC);
  const output = memfd("program-output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  try {
    writeAll(input, program.input);
    lseek(input, 0, SEEK_SET);
    const { pid, pidfd } = spawn({}, () => execute(program, input, output));
    const ending = using(pidfd, () => awaitEnd(pid, pidfd, program.timeout));
    if (ending === undefined)
      return `ran longer than its timeout of ${Number(program.timeout) / 1000} s and was killed`;
    return exitStatus(ending) === 0 ? undefined : `${describeEnding(ending)}${shown(output)}`;
  } finally {
    // What a daemon that is left behind goes on to say would fill memory for nobody.
    fcntl(output, F_ADD_SEALS, F_SEAL_GROW);
    close(input);
    close(output);
  }
}

function execute(program: Program, input: number, output: number): never {
  const { path, argv, env, directory, stdout = output, stderr = output } = program;
  try {
    dup(input, 0);
    dup(stdout, 1);
    dup(stderr, 2);
    // The caller's descriptors are for the container at most: a daemon that is left behind must not hold them open.
    closeFrom(3);
    // A group of its own, so that a timeout reaches what the program has started.
    setsid();
    if (directory !== undefined) unless([ENOENT, ENOTDIR, EACCES], () => chdir(directory));
    const exec = prepareExec(path, argv, (env ?? ownEnvironment)());
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

/** How the program ended, or undefined if it had to be killed. */
function awaitEnd(
  pid: number,
  pidfd: number,
  milliseconds: number | undefined,
): Ending | undefined {
  if (poll([{ fd: pidfd, events: POLLIN }], milliseconds).length > 0) return wait(pidfd);
  signalGroup(pid, SIGKILL);
  sendSignal(pidfd, SIGKILL);
  wait(pidfd);
  return undefined;
}

/** What a program wrote is shown up to this many bytes, the last ones. */
const OUTPUT_SHOWN = 512;

function shown(output: number): string {
  lseek(output, Math.max(0, stat(output).size - OUTPUT_SHOWN), SEEK_SET);
  const text = printable(readBytes(output)).trim();
  return text === "" ? "" : `, saying: ${text}`;
}
