/** The command line of test/vm/run. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "./task.ts";

const USAGE = `Usage: test/vm/run [--terminal] [--deadline SECONDS] [--results FOLDER] [FOLDER] -- COMMAND...

Boots the guest, with a copy of FOLDER at /job, runs the command there as root, and ends with its
status. What the command leaves in /job/out goes to the results' folder (FOLDER/out).`;

function usage(): never {
  console.error(USAGE);
  process.exit(2);
}

const separator = process.argv.indexOf("--");
const command = process.argv.slice(separator + 1);
if (separator < 0 || command.length === 0) usage();
const { values, positionals } = parseArgs({
  args: process.argv.slice(2, separator),
  options: {
    terminal: { type: "boolean", default: false },
    deadline: { type: "string", default: "600" },
    results: { type: "string" },
  },
  allowPositionals: true,
});
if (positionals.length > 1) usage();

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
const [folder] = positionals;
const ending = await run({
  folder,
  // A single word is a script.
  command: command.length === 1 ? (command[0] as string) : command.map(quoted).join(" "),
  results: values.results ?? (folder && join(folder, "out")),
  terminal: values.terminal,
  deadline: Number(values.deadline),
});
if ("failure" in ending) console.error(ending.failure);
process.exitCode = "status" in ending ? ending.status : 1;
