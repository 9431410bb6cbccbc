import { type Command, EXISTING_CONTAINER } from "./command.ts";

export const resume: Command = {
  summary: "resume all processes that have been paused",
  arguments: ["<container-id>"],
  options: {},
  details: EXISTING_CONTAINER,
  execute({ runtime, context }, [id = ""]) {
    runtime.resume(context, id);
    return 0;
  },
};
