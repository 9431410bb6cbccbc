/** The entry of the binary. */
import { args, load } from "#host";
import { writeAll } from "../linux/fs.ts";
import { exit } from "../linux/process.ts";
import type { LineReader, Runtime } from "./command.ts";
import { readPlainLine } from "./plainLine.ts";
import { program } from "./program.ts";

/** What each command needs of the runtime: modules of their own, so that a call loads no other's. */
const parts: Readonly<Record<string, () => Partial<Runtime>>> = {
  create: () => load(import("../runtime/create.ts")),
  run: () => load(import("../runtime/run.ts")),
  start: () => load(import("../runtime/start.ts")),
  state: () => load(import("../runtime/state.ts")),
  kill: () => load(import("../runtime/kill.ts")),
  delete: () => load(import("../runtime/delete.ts")),
  pause: () => load(import("../runtime/pause.ts")),
  resume: () => load(import("../runtime/pause.ts")),
  update: () => load(import("../runtime/update.ts")),
  events: () => load(import("../runtime/events.ts")),
  ps: () => load(import("../runtime/ps.ts")),
};

const output = {
  write: (text: string | Uint8Array) => writeAll(1, text),
  writeError: (text: string) => writeAll(2, text),
};

/** Any argument that names a command loads its part: which of them is the command, the program finds out. */
function loadRuntime(argv: readonly string[]): Runtime {
  const names = argv.filter((arg) => Object.hasOwn(parts, arg));
  return Object.assign({}, ...names.map((name) => parts[name]?.()));
}

/** Arguments that are not UTF-8 are reported by the program, which reads them again. */
function readableArgs(): string[] {
  try {
    return args().slice(1);
  } catch {
    return [];
  }
}

/** commander is loaded for the lines that are not plain. */
function loadReader(argv: readonly string[]): LineReader {
  const plain = readPlainLine(argv);
  return plain ? () => plain : load(import("./commandLine.ts")).readLine;
}

const argv = readableArgs();
exit(program(() => args().slice(1), loadReader(argv), loadRuntime(argv), output));
