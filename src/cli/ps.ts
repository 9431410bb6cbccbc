import { stringifyJson } from "../../spec/json.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";

interface PsFlags {
  format?: "table" | "json" | "";
}

export const ps: Command<PsFlags> = {
  summary: "display the processes running inside a container",
  arguments: ["<container-id>", "[ps-options...]"],
  options: {
    "-f, --format <table|json>":
      'a table, which ps(1) makes, or a list of pids as JSON (default: "table")',
  },
  details: `${EXISTING_CONTAINER}

What follows it are options of ps(1); without any they are "-ef". The pids are those of the caller's
PID namespace, and ps must print them.`,
  execute({ runtime, context, output }, [id = "", ...words], { format }) {
    if (format === "json") output.write(`${toJson(runtime.processes(context, id))}\n`);
    else for (const row of runtime.processTable(context, id, toPsOptions(words))) output.write(row);
    return 0;
  },
};

/** A list without members is null, as Go writes it. */
const toJson = (pids: readonly number[]): string => stringifyJson(pids.length > 0 ? pids : null);

/** A `--` between the id and the options is ours. */
function toPsOptions(words: readonly string[]): readonly string[] {
  const options = words[0] === "--" ? words.slice(1) : words;
  return options.length > 0 ? options : ["-ef"];
}
