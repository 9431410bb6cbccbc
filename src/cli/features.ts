import { stringifyJson } from "../../spec/json.ts";
import type { Command } from "./command.ts";

export const features: Command = {
  summary: "show what the runtime can do",
  arguments: [],
  options: {},
  details: `The document is written to standard output as JSON, as the runtime specification defines it
(features.md). It tells of the runtime: the host may lack what the runtime knows.`,
  execute({ runtime, output }) {
    output.write(`${stringifyJson(runtime.features(), 2)}\n`);
    return 0;
  },
};
