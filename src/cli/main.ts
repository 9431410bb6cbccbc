/** The entry of the binary. */
import { args, load } from "#host";
import { writeAll } from "../linux/fs.ts";
import { exit } from "../linux/process.ts";
import type { LineReader } from "./command.ts";
import { loadCommand, loadRuntime } from "./loading.ts";
import { readPlainLine } from "./plainLine.ts";
import { program } from "./program.ts";

const output = {
  write: (text: string | Uint8Array) => writeAll(1, text),
  writeError: (text: string) => writeAll(2, text),
};

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
  const plain = readPlainLine(argv, loadCommand);
  return plain ? () => plain : load(import("./commandLine.ts")).readLine;
}

const argv = readableArgs();
exit(program(() => args().slice(1), loadReader(argv), loadRuntime(argv), output));
