/** The creator's part of a container's birth by a stage process (../init/stage.ts). */
import type { LinuxTimeOffset } from "@opencontainers-types";
import { CLONE_NEWTIME, O_WRONLY } from "#abi";
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import { type Channel, openChannel } from "../init/channel.ts";
import { keepsGroups } from "../init/identity.ts";
import { openNamespaces, type StagePlan } from "../init/namespaces.ts";
import { type FromStage, type OpenedStage, runStage, type ToStage } from "../init/stage.ts";
import { close, using } from "../linux/fs.ts";
import { openProcRoot, writeProc } from "../linux/proc.ts";
import { type Child, spawn, wait } from "../linux/process.ts";
import type { Construction } from "./construction.ts";

/** Opens the namespaces that the stage joins. Throws a Failure for one that is not what it is said to be. */
export function openStage({ joins, user, unshareFlags }: StagePlan): OpenedStage {
  const [opened] = user ? openNamespaces([user]) : [];
  return { joins: openNamespaces(joins), user: opened, unshareFlags };
}

/** Makes the container's process by a stage that begins in the cgroup `group`; `bear` is called in that. */
export function bearByStage(
  construction: Construction,
  plan: OpenedStage,
  group: number | undefined,
  bear: () => Child,
): Child {
  const { hasUser } = construction.namespaces;
  const { config, process } = construction.bundle;
  const user = hasUser ? (process.user ?? { uid: 0, gid: 0 }) : undefined;
  try {
    return bearBy(
      group,
      (channel) => runStage(plan, user, keepsGroups(config.annotations), channel, bear),
      (stage) => setUp(construction, plan, stage),
    );
  } finally {
    for (const { fd } of [...plan.joins, ...(plan.user ? [plan.user] : [])]) close(fd);
  }
}

/**
 * Has a stage process, which begins in the cgroup `group` and runs `run`, make another one. `doPart` is called with its pid
 * when it waits for its maker.
 */
export function bearBy(
  group: number | undefined,
  run: (channel: Channel<ToStage, FromStage>) => never,
  doPart: (stage: number) => void = () => {},
): Child {
  const { creator, child } = openChannel<FromStage, ToStage>();
  const stage = spawn({ cgroup: group }, () => {
    close(creator.fd);
    return run(child);
  });
  close(child.fd);
  try {
    return answer(creator, () => doPart(stage.pid));
  } finally {
    close(creator.fd);
    wait(stage.pidfd);
    close(stage.pidfd);
  }
}

/** Hears from the stage until the container's process is born. */
function answer(channel: Channel<FromStage, ToStage>, doPart: () => void): Child {
  for (;;) {
    const received = channel.receive();
    if (received === undefined)
      throw new Failure("the process that was to make the container's ended before it did", {
        hint: "was it killed, or is memory short?",
      });
    const { message, descriptors } = received;
    if (message.type === "failed") throw Failure.from(message.failure);
    if (message.type === "born") return { pid: message.pid, pidfd: descriptors[0] as number };
    doPart();
    channel.send({ type: "proceed" });
  }
}

/** Sets the namespaces of the stage up, before anybody is born into them. */
function setUp(
  { context, bundle, namespaces }: Construction,
  { user, unshareFlags }: OpenedStage,
  pid: number,
) {
  if (namespaces.hasUser) {
    const { adoptIdMappings, mapIds } = load(import("./userNamespace.ts"));
    if (user) adoptIdMappings(pid, bundle);
    else mapIds(pid, bundle, context.caller);
  }
  if ((unshareFlags & CLONE_NEWTIME) !== 0)
    setTimeOffsets(pid, bundle.config.linux?.timeOffsets ?? {});
}

/** time_namespaces(7): "/proc/PID/timens_offsets", which can be written until the first process is in the namespace. */
function setTimeOffsets(pid: number, offsets: Readonly<Record<string, LinuxTimeOffset>>): void {
  using(openProcRoot(), (proc) => {
    for (const [clock, { secs = 0, nanosecs = 0 }] of Object.entries(offsets))
      doing(
        `moving the clock ${clock} by ${secs} s and ${nanosecs} ns`,
        `/linux/timeOffsets/${clock}`,
        () => writeProc(proc, `${pid}/timens_offsets`, `${clock} ${secs} ${nanosecs}\n`, O_WRONLY),
      );
  });
}
