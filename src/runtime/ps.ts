/** `ps`: the processes of a container, and what ps(1) tells of them. */
import { EACCES, ENOENT, ENOTDIR, MFD_CLOEXEC, SEEK_SET } from "#abi";
import { env } from "#host";
import { cgroupProcesses } from "../cgroup/group.ts";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { close, closeFrom, dup, lseek, memfd, readBytes, using, writeAll } from "../linux/fs.ts";
import {
  describeEnding,
  type Ending,
  exit,
  exitStatus,
  ownEnvironment,
  prepareExec,
  spawn,
  wait,
} from "../linux/process.ts";
import { printable } from "../linux/text.ts";
import type { Context } from "./context.ts";
import { goneCgroup, noCgroup, ownCgroup } from "./ownGroup.ts";
import { livingProcess } from "./process.ts";
import { StateDirectory } from "./store.ts";

/** The pids of a container's processes, as tsrun sees them. Throws a Failure for a container that lives without a cgroup. */
export function processes(context: Context, id: string): number[] {
  const state = StateDirectory.look(context.root, id, (directory) => directory.read());
  if (state && state.cgroup === undefined) throw noCgroup(id);
  const cgroup = state && ownCgroup(state);
  if (cgroup !== undefined) return cgroupProcesses(cgroup);
  if (state && livingProcess(state) !== undefined) throw goneCgroup(state);
  return [];
}

/**
 * What ps(1) with these options prints, but only the header and the rows of the container's processes. They are bytes,
 * because the names of processes are. Rows in which no pid can be found, since a word before it has blanks in it, are left
 * out. Throws a Failure when ps fails, or shows no pids.
 */
export function processTable(
  context: Context,
  id: string,
  options: readonly string[],
): Uint8Array[] {
  const pids = new Set(processes(context, id));
  const [header, ...rows] = linesOf(runPs(options));
  const column = header ? wordsOf(header).indexOf("PID") : -1;
  if (!header || column < 0) throw new Failure("ps has not printed a column PID");
  const found = rows.map((row) => pidIn(row, column));
  if (found.length > 0 && found.every(Number.isNaN))
    throw new Failure("ps has printed no number in the place of a pid", {
      hint: "let the pid come first: what stands before it must be one word",
    });
  return [header, ...rows.filter((_, i) => pids.has(found[i] as number))];
}

/** NaN where there is none. */
function pidIn(row: Uint8Array, column: number): number {
  const word = wordsOf(row)[column] ?? "";
  return /^\d+$/.test(word) ? Number(word) : Number.NaN;
}

function runPs(options: readonly string[]): Uint8Array {
  // Files in memory, not pipes: nobody has to drain two of them at a time.
  const output = memfd("ps-output", MFD_CLOEXEC);
  const errors = memfd("ps-errors", MFD_CLOEXEC);
  try {
    const { pidfd } = spawn({}, () => execPs(options, output, errors));
    const ending = using(pidfd, (fd) => wait(fd) as Ending);
    if (exitStatus(ending) === 0) return contents(output);
    throw new Failure(`ps ${describeEnding(ending)}, saying: ${printable(contents(errors))}`);
  } finally {
    close(output);
    close(errors);
  }
}

/** The usual search path where there is none (execvp(3)). */
const DEFAULT_PATH = "/bin:/usr/bin";

function execPs(options: readonly string[], output: number, errors: number): never {
  try {
    dup(output, 1);
    dup(errors, 2);
    closeFrom(3);
    // Not from the working directory, which is anybody's.
    const folders = (env("PATH") || DEFAULT_PATH).split(":").filter((path) => path.startsWith("/"));
    const environment = ownEnvironment();
    for (const folder of folders)
      unless(
        [ENOENT, ENOTDIR, EACCES],
        prepareExec(`${folder}/ps`, ["ps", ...options], environment),
      );
    throw new Failure("there is no ps in PATH", { hint: "--format json needs none" });
  } catch (error) {
    writeAll(2, (error as Error).message);
    return exit(1);
  }
}

function contents(file: number): Uint8Array {
  lseek(file, 0, SEEK_SET);
  return readBytes(file);
}

const NEWLINE = 0x0a;

/** With their newlines. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length;
    lines.push(bytes.subarray(start, end));
    start = end;
  }
  return lines;
}

/** Whoever prints more before the pid will not find it. */
const LINE_READ = 4096;

/** The words of a line, byte by byte: all that is looked at are pids and the names of columns. */
const wordsOf = (line: Uint8Array): string[] =>
  String.fromCharCode(...line.subarray(0, LINE_READ))
    .split(/[ \t\n]+/)
    .filter((word) => word !== "");
