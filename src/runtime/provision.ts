/** What a container's process gets from its creator while it sets itself up: what takes privilege outside of it. */
import { SOCK_SEQPACKET } from "#abi";
import { load } from "#host";
import type { ChosenCgroup } from "../cgroup/driver.ts";
import type { CreatorEnd } from "../init/channel.ts";
import { close, using } from "../linux/fs.ts";
import type { Child } from "../linux/process.ts";
import { listenAt } from "../linux/socket.ts";
import type { Newborn } from "./birth.ts";
import type { Construction } from "./construction.ts";
import { hear } from "./conversation.ts";
import { limit } from "./placement.ts";
import type { StateDirectory } from "./store.ts";

/** Gives the process all that it waits for, until it can go on by itself. Throws a Failure. */
export function provide(construction: Construction, cgroup: ChosenCgroup, newborn: Newborn): void {
  const { bundle, directory } = construction;
  const { plan, channel, group } = newborn;
  const { hooks, linux } = bundle.config;
  if (linux?.intelRdt) load(import("./intelRdt.ts")).applyIntelRdt(linux.intelRdt, construction);
  if (plan.namespaces.hasUser) settleUserNamespace(construction, newborn);
  for (const fd of [...plan.idmaps, ...plan.devices.values()]) close(fd);
  if (cgroup.movesProcess) channel.send({ type: "placed" });
  moveNetDevices(construction, channel);
  // After the handover come its hooks, which keep to the limits, and its memory policy, which is for the nodes of its
  // cpuset; a process without them need not wait for the limits.
  const isLimitedFirst = Boolean(hooks?.createContainer?.length || linux?.memoryPolicy);
  if (isLimitedFirst) limitGroup(construction, group);
  handOver(directory, channel);
  if (!isLimitedFirst) limitGroup(construction, group);
}

function settleUserNamespace(
  { context, bundle, child }: Construction,
  { plan, channel, isMapped }: Newborn,
): void {
  const { pid } = child as Child;
  const { mapIds, supply } = load(import("./userNamespace.ts"));
  if (!isMapped) mapIds(pid, bundle, context.caller);
  supply(pid, bundle, plan, channel);
}

function limitGroup(construction: Construction, group: number | undefined): void {
  if (group !== undefined) using(group, () => limit(construction, group));
}

/** When its process stands in its network namespace, and before the sysctls, which may name the devices. */
function moveNetDevices(construction: Construction, channel: CreatorEnd): void {
  const { netDevices = {} } = construction.bundle.config.linux ?? {};
  if (Object.keys(netDevices).length === 0) return;
  hear(construction.child as Child, channel);
  const { NetDevices } = load(import("./netDevices.ts"));
  construction.netDevices = new NetDevices(construction.child as Child);
  construction.netDevices.move(netDevices);
  channel.send({ type: "netDevices" });
}

/** Gives the process the socket on which it will wait for `start`, and the lock that it holds until execve. */
function handOver(directory: StateDirectory, channel: CreatorEnd): void {
  const descriptors = [listenAt(directory.socketPath(), SOCK_SEQPACKET), directory.holdExecLock()];
  channel.send({ type: "handover" }, descriptors);
  descriptors.forEach(close);
}
