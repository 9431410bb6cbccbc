import { type Command, EXISTING_CONTAINER } from "./command.ts";

export const pause: Command = {
  summary: "suspend all processes inside the container",
  arguments: ["<container-id>"],
  options: {},
  details: `${EXISTING_CONTAINER}

Its processes are frozen until "tsrun resume". They can be killed meanwhile.`,
  execute({ runtime, context }, [id = ""]) {
    runtime.pause(context, id);
    return 0;
  },
};
