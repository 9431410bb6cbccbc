/**
 * The process that goes before the container's where that one has to be born into what it cannot enter: it joins, makes,
 * and then makes the container's process, as a child of its own creator (CLONE_PARENT, clone(2)), and ends.
 */
import type { User } from "@opencontainers-types";
import { EPERM } from "#abi";
import { load } from "#host";
import type { FailureData } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { setns } from "../linux/namespaces.ts";
import { type Child, exit } from "../linux/process.ts";
import { type Channel, failThrough } from "./channel.ts";
import { enterNamespaces, makeNamespaces, type OpenedNamespace } from "./namespaces.ts";

/** A StagePlan whose namespaces are open. */
export interface OpenedStage {
  joins: OpenedNamespace[];
  user: OpenedNamespace | undefined;
  /** CLONE_NEW* */
  unshareFlags: number;
}

/**
 * `waiting`: its maker may do to it what it has to: set its new namespaces up, or move it into a cgroup; `born` carries the
 * new process's pidfd.
 */
export type FromStage =
  | { type: "waiting" }
  | { type: "born"; pid: number }
  | { type: "failed"; failure: FailureData };

export type ToStage = { type: "proceed" };

/** Never returns. `user` is the container's, if it has a user namespace; `bear` makes the container's process. */
export function runStage(
  plan: OpenedStage,
  user: User | undefined,
  keepsGroups: boolean,
  channel: Channel<ToStage, FromStage>,
  bear: () => Child,
): never {
  try {
    join(plan);
    makeNamespaces(plan.unshareFlags);
    awaitMaker(channel);
    if (user) load(import("./userNamespace.ts")).becomeNamespaceRoot(user, keepsGroups);
    return reportBirth(channel, bear);
  } catch (error) {
    return failThrough(channel, error);
  }
}

/** Lets its maker do its part. Without a maker there is nobody to be a container for. */
export function awaitMaker(channel: Channel<ToStage, FromStage>): void {
  channel.send({ type: "waiting" });
  if (channel.receive() === undefined) exit(1);
}

/** The last thing that a stage does. */
export function reportBirth(channel: Channel<ToStage, FromStage>, bear: () => Child): never {
  const { pid, pidfd } = bear();
  channel.send({ type: "born", pid }, [pidfd]);
  return exit(0);
}

/** What the host owns may be joined before the user namespace is, what that one owns maybe only after it. */
function join({ joins, user }: OpenedStage): void {
  if (!user) {
    enterNamespaces(joins);
    return;
  }
  const left = joins.filter(
    ({ fd, flag }) =>
      !unless([EPERM], () => {
        setns(fd, flag);
        return true;
      }),
  );
  enterNamespaces([user, ...left]);
}
