import type { Command } from "./command.ts";
import {
  type CreationFlags,
  creationDetails,
  creationOptions,
  toCreateOptions,
} from "./creation.ts";

export const create: Command<CreationFlags> = {
  summary: "create a container",
  arguments: ["<new-container-id>"],
  options: creationOptions,
  details: `${creationDetails}

The container's process waits until "tsrun start" lets it execute the command.`,
  execute({ runtime, context }, [id = ""], flags) {
    runtime.create(context, toCreateOptions(id, flags));
    return 0;
  },
};
