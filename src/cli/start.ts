import { type Command, EXISTING_CONTAINER } from "./command.ts";

export const start: Command = {
  summary: "execute the user-defined command in a created container",
  arguments: ["<container-id>"],
  options: {},
  details: EXISTING_CONTAINER,
  execute({ runtime, context }, [id = ""]) {
    runtime.start(context, id);
    return 0;
  },
};
