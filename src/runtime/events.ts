/** `events`: what happens in a container, and what it uses, told as runc does. */
import { ENODEV, ENOENT } from "#abi";
import { cgroupProcesses } from "../cgroup/group.ts";
import { type Watch, watchGroup } from "../cgroup/statistics/events.ts";
import { parseKeyed, readFile } from "../cgroup/statistics/formats.ts";
import type { PressureKind, PressureResource, Stall } from "../cgroup/statistics/pressure.ts";
import { readStatistics, type Statistics } from "../cgroup/statistics/statistics.ts";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import type { Context } from "./context.ts";
import { inOwnGroup } from "./ownGroup.ts";
import { type RuncStatistics, toRuncStatistics } from "./runcStatistics.ts";
import { statusOf } from "./status.ts";
import { StateDirectory } from "./store.ts";

export interface EventsOptions extends Watch {
  /** Tells the statistics once, at once, and nothing else. */
  once: boolean;
  /** Tells with them all that the group's files say. */
  cgroup: boolean;
}

/** In runc's words, but for `pressure` and `cgroup`, which runc does not have. */
export type ContainerEvent =
  | { type: "stats"; id: string; data: RuncStatistics & { cgroup?: Statistics } }
  | { type: "oom"; id: string }
  | { type: "pressure"; id: string; data: PressureEvent };

/** Processes have waited for a resource for as long as a trigger says. */
export interface PressureEvent extends Stall {
  resource: PressureResource;
  kind: PressureKind;
}

/** Calls `tell` with what happens until the container has ended. Throws a Failure if it has already. */
export function events(
  context: Context,
  id: string,
  options: EventsOptions,
  tell: (event: ContainerEvent) => void,
): void {
  const directory = StateDirectory.get(context.root, id);
  const state = directory.read();
  if (!state || statusOf(directory, state) === "stopped")
    throw new Failure(`the container ${id} is not running`, { kind: "container-status" });
  inOwnGroup(state, (group) => {
    const tellStatistics = (): void => {
      // The group may be gone between two looks, and then the watch is over as well.
      const statistics = unless([ENODEV, ENOENT], () => readStatistics(group));
      if (statistics) tell({ type: "stats", id, data: toData(statistics, state.cgroup, options) });
    };
    if (options.once) return tellStatistics();
    if (readFile(group, "memory.events", parseKeyed) === undefined)
      context.warn(
        `the cgroup of ${id} has no memory controller: nobody will hear of processes killed for want of memory`,
      );
    for (const event of watchGroup(group, options))
      if (event.type === "interval") tellStatistics();
      else if (event.type === "oom") tell({ type: "oom", id });
      else {
        const { resource, kind } = event.trigger;
        tell({ type: "pressure", id, data: { resource, kind, ...event.stall } });
      }
  });
}

/** Without the pids controller the processes are counted, as runc does. */
function toData(
  statistics: Statistics,
  path: string | undefined,
  { cgroup }: EventsOptions,
): RuncStatistics & { cgroup?: Statistics } {
  const pids = statistics.pids ?? {
    current: path === undefined ? 0 : cgroupProcesses(path).length,
    max: undefined,
  };
  return {
    ...toRuncStatistics({ ...statistics, pids }),
    ...(cgroup ? { cgroup: statistics } : {}),
  };
}
