import { stringifyJson } from "../../spec/json.ts";
import { Failure } from "../failure.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";

interface PsFlags {
  format?: string;
}

export const ps: Command<PsFlags> = {
  summary: "display the processes running inside a container",
  arguments: ["<container-id>", "[ps-options...]"],
  options: {
    "-f, --format <format>":
      '"table", which ps(1) makes, or "json", a list of pids (default: "table")',
  },
  details: `${EXISTING_CONTAINER}

What follows it are options of ps(1); without any they are "-ef". The pids are those of the caller's
PID namespace, and ps must print them.`,
  execute({ runtime, context, output }, [id = "", ...words], { format = "table" }) {
    if (format === "json") output.write(`${stringifyJson(runtime.processes(context, id))}\n`);
    else if (format === "table")
      for (const row of runtime.processTable(context, id, toPsOptions(words))) output.write(row);
    else throw new Failure(`--format is ${JSON.stringify(format)}: expected table or json`);
    return 0;
  },
};

/** A `--` between the id and the options is ours. */
function toPsOptions(words: readonly string[]): readonly string[] {
  const options = words[0] === "--" ? words.slice(1) : words;
  return options.length > 0 ? options : ["-ef"];
}
