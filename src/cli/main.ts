/** The entry of the binary. */
import { args } from "#host";
import { writeAll } from "../linux/fs.ts";
import { exit } from "../linux/process.ts";
import { create } from "../runtime/create.ts";
import { remove } from "../runtime/delete.ts";
import { kill } from "../runtime/kill.ts";
import { run } from "../runtime/run.ts";
import { start } from "../runtime/start.ts";
import { state } from "../runtime/state.ts";
import { program } from "./program.ts";

const runtime = { create, run, start, state, kill, remove };
const output = {
  write: (text: string) => writeAll(1, text),
  writeError: (text: string) => writeAll(2, text),
};

exit(program(() => args().slice(1), runtime, output));
