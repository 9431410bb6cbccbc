import { Failure } from "../failure.ts";
import { signalNumber } from "../linux/signals.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";

interface KillFlags {
  all?: boolean;
}

export const kill: Command<KillFlags> = {
  summary: "send a signal (default: SIGTERM) to the container's init process",
  arguments: ["<container-id>", "[signal]"],
  options: { "-a, --all": "send the signal to all processes inside the container" },
  details: `${EXISTING_CONTAINER}
"[signal]" is a number or a name: 9, KILL and SIGKILL are the same.

For example, this sends SIGKILL to the init process of the container "ubuntu01":

    # tsrun kill ubuntu01 KILL`,
  execute({ runtime, context }, [id = "", signal], { all = false }) {
    runtime.kill(context, id, toSignal(signal || "SIGTERM"), { all });
    return 0;
  },
};

function toSignal(text: string): number {
  const signal = signalNumber(text);
  if (signal !== undefined) return signal;
  throw new Failure(`unknown signal ${JSON.stringify(text)}`, {
    hint: "a signal is a number up to 64 or a name such as TERM or SIGTERM",
  });
}
