/** The entry of the binary. */
import { args } from "#host";
import { writeAll } from "../linux/fs.ts";
import { exit } from "../linux/process.ts";
import type { LineReader, Runtime } from "./command.ts";
import { readPlainLine } from "./plainLine.ts";
import { program } from "./program.ts";

/** What each command needs of the runtime: modules of their own, so that a call loads no other's. */
const parts: Readonly<Record<string, () => Promise<Partial<Runtime>>>> = {
  create: () => import("../runtime/create.ts"),
  run: () => import("../runtime/run.ts"),
  start: () => import("../runtime/start.ts"),
  state: () => import("../runtime/state.ts"),
  kill: () => import("../runtime/kill.ts"),
  delete: () => import("../runtime/delete.ts"),
};

const output = {
  write: (text: string) => writeAll(1, text),
  writeError: (text: string) => writeAll(2, text),
};

/** Any argument that names a command loads its part: which of them is the command, the program finds out. */
async function loadRuntime(argv: readonly string[]): Promise<Runtime> {
  const names = argv.filter((arg) => Object.hasOwn(parts, arg));
  return Object.assign({}, ...(await Promise.all(names.map((name) => parts[name]?.()))));
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
async function loadReader(argv: readonly string[]): Promise<LineReader> {
  const plain = readPlainLine(argv);
  return plain ? () => plain : (await import("./commandLine.ts")).readLine;
}

const argv = readableArgs();
const runtime = await loadRuntime(argv);
const readLine = await loadReader(argv);
exit(program(() => args().slice(1), readLine, runtime, output));
