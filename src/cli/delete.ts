import { type Command, EXISTING_CONTAINER } from "./command.ts";

interface DeleteFlags {
  force?: boolean;
}

export const remove: Command<DeleteFlags> = {
  summary: "delete any resources held by a container, often one that was detached",
  arguments: ["<container-id>"],
  options: { "-f, --force": "delete the container even if it is still running (uses SIGKILL)" },
  details: `${EXISTING_CONTAINER}

For example, if the status of the container "ubuntu01" is "stopped", this deletes what is held for
it:

    # tsrun delete ubuntu01`,
  execute({ runtime, context }, [id = ""], { force = false }) {
    runtime.remove(context, id, { force });
    return 0;
  },
};
