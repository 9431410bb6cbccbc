import { stringifyJson } from "../../spec/json.ts";
import { Failure } from "../failure.ts";
import type { EventsOptions } from "../runtime/events.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";
import { parseDuration } from "./duration.ts";

interface EventsFlags {
  interval?: string;
  stats?: boolean;
  pressure?: string[];
  cgroup?: boolean;
}

export const events: Command<EventsFlags> = {
  summary:
    "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
  arguments: ["<container-id>"],
  options: {
    "--interval <duration>":
      'time between two statistics, such as "500ms" or "1m30s" (default: "5s")',
    "--stats": "display the container's statistics once, and nothing else",
    "--pressure <trigger>...":
      "tell when processes wait too long for a resource: for the trigger" +
      ' "memory:some:150ms/1s" when some wait for memory for 150 of 1000 milliseconds; the' +
      ' resources are "cpu", "memory" and "io", "full" stands for all processes at a time;' +
      " may be given several times",
    "--cgroup": 'add to the statistics, as "cgroup", all that the files of the cgroup say',
  },
  details: `${EXISTING_CONTAINER}

Each event is a line of JSON on standard output. Its "type" is "stats" (at each interval), "oom"
(the kernel has killed a process for want of memory) or "pressure". It ends when the container does.`,
  execute({ runtime, context, output }, [id = ""], flags) {
    runtime.events(context, id, toOptions(flags), (event) =>
      output.write(`${stringifyJson(event)}\n`),
    );
    return 0;
  },
};

function toOptions({
  interval = "5s",
  stats = false,
  pressure = [],
  cgroup = false,
}: EventsFlags): EventsOptions {
  return {
    interval: toDuration("--interval", interval),
    once: stats,
    triggers: pressure.map(toTrigger),
    cgroup,
  };
}

function toDuration(what: string, text: string): bigint {
  const duration = parseDuration(text);
  if (duration === undefined)
    throw new Failure(`${what} is ${JSON.stringify(text)}, which is not a duration`, {
      hint: "a duration is one such as 5s, 500ms or 1m30s",
    });
  if (duration <= 0n) throw new Failure(`${what} is ${text}: it must be greater than 0`);
  return duration;
}

type Trigger = EventsOptions["triggers"][number];

function toTrigger(text: string): Trigger {
  const [, resource, kind, threshold = "", window = ""] =
    /^(cpu|memory|io):(some|full):([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (resource === undefined)
    throw new Failure(
      `--pressure is ${JSON.stringify(text)}: expected a resource, some or full, and two times`,
      { hint: "such as memory:some:150ms/1s" },
    );
  return {
    resource: resource as Trigger["resource"],
    kind: kind as Trigger["kind"],
    threshold: toDuration("the threshold of --pressure", threshold),
    window: toDuration("the window of --pressure", window),
  };
}
