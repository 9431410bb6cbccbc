import type { Command } from "./command.ts";
import {
  type CreationFlags,
  creationDetails,
  creationOptions,
  toCreateOptions,
} from "./creation.ts";

interface RunFlags extends CreationFlags {
  detach?: boolean;
  keep?: boolean;
  subreaper?: boolean;
}

export const run: Command<RunFlags> = {
  summary: "create and run a container",
  arguments: ["<new-container-id>"],
  options: {
    ...creationOptions,
    "-d, --detach": "do not wait for the container's process",
    "--keep": "do not delete the container after its process has ended",
    "--no-subreaper":
      "do not become the parent of the container's orphans (by default tsrun does, and waits for them)",
  },
  details: creationDetails,
  exitStatus: `\
The exit status is that of the command, or 128 + n if signal n killed it; 0 with --detach; 1 for an
error.`,
  execute({ runtime, context }, [id = ""], flags) {
    const { detach = false, keep = false, subreaper = true } = flags;
    return runtime.run(context, { ...toCreateOptions(id, flags), detach, keep, subreaper });
  },
};
