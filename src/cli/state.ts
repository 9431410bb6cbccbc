import { stringifyJson } from "../../spec/json.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";

export const state: Command = {
  summary: "output the state of a container",
  arguments: ["<container-id>"],
  options: {},
  details: `${EXISTING_CONTAINER}

The state is written to standard output as JSON, as the runtime specification defines it.`,
  execute({ runtime, context, output }, [id = ""]) {
    output.write(`${stringifyJson(runtime.state(context, id), 2)}\n`);
    return 0;
  },
};
