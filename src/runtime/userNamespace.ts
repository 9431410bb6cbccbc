/** What only a creator outside can do for a container with a user namespace of its own. */
import type { Linux, LinuxIDMapping, Process } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import type { CreatorEnd } from "../init/channel.ts";
import { giveStandardStreams, isNamelessStream, raiseHardLimits } from "../init/identity.ts";
import { hostId, isSameMap, parseIdMap } from "../init/idMappings.ts";
import type { InitPlan } from "../init/init.ts";
import { sendSources } from "../init/sources.ts";
import { readText } from "../linux/fs.ts";
import type { Bundle } from "./bundle.ts";
import type { Caller } from "./caller.ts";
import { writeIdMaps } from "./idMaps.ts";
import { checkIds } from "./userNamespaceChecks.ts";

/**
 * Maps the ids of the new user namespace in which `pid` is. Its limits come first, while it has its creator's ids: reading
 * them takes no privilege then (prlimit(2)).
 */
export function mapIds(pid: number, bundle: Bundle, caller: Caller): void {
  raiseHardLimits(bundle.process.rlimits ?? [], pid);
  writeIdMaps(pid, bundle.config.linux ?? {}, caller);
}

/**
 * Learns how the ids of the user namespace that `pid` has joined are mapped, and goes on as if config.json had said so.
 * Engines that join write mappings as well: throws a Failure if they are others.
 */
export function adoptIdMappings(pid: number, { config, process }: Bundle): void {
  raiseHardLimits(process.rlimits ?? [], pid);
  const linux = config.linux as Linux;
  for (const [name, file] of [
    ["uidMappings", "uid_map"],
    ["gidMappings", "gid_map"],
  ] as const) {
    const actual = parseIdMap(readText(`/proc/${pid}/${file}`));
    if (actual.length === 0)
      throw new Failure("the user namespace to join has no root: its ids are not mapped yet", {
        pointer: "/linux/namespaces",
        hint: `whoever made it has to write its ${file} first`,
      });
    const said = linux[name] ?? [];
    if (said.length > 0 && !isSameMap(said, actual))
      throw new Failure(`linux.${name} is not how the user namespace to join is mapped`, {
        pointer: `/linux/${name}`,
        hint: `leave it out, or write what holds: ${JSON.stringify(actual)}`,
      });
    linux[name] = actual;
  }
  checkIds(config);
}

/** Gives the container's process what it could not reach as a root of a user namespace only. */
export function supply(
  pid: number,
  { config, process }: Bundle,
  { sources, opensSources }: InitPlan,
  channel: CreatorEnd,
): void {
  giveHostStreams(process, config.linux?.uidMappings ?? []);
  if (opensSources) channel.send({ type: "mapped" });
  else sendSources(pid, sources, channel);
}

/**
 * The standard streams belong to users of the host: who is root of a user namespace only could not give them to the
 * container's user.
 */
export function giveHostStreams(process: Process, uids: readonly LinuxIDMapping[]): void {
  const owner = hostId(uids, process.user?.uid ?? 0);
  if (!process.terminal && owner !== undefined) giveStandardStreams(owner, isNamelessStream);
}
