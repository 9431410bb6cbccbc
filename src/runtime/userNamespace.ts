/** What only a creator outside can do for a container with a user namespace of its own. */
import type { CreatorEnd } from "../init/channel.ts";
import { giveStandardStreams, isNamelessStream, raiseHardLimits } from "../init/identity.ts";
import { hostId } from "../init/idMappings.ts";
import { type Source, sendSources } from "../init/sources.ts";
import { writeIdMaps } from "../init/userNamespace.ts";
import type { Bundle } from "./bundle.ts";

/**
 * Maps the ids of the namespace in which `pid` was born, and gives that process what its root could not reach. Its limits
 * come first, while it has its creator's ids: reading them takes no privilege then (prlimit(2)).
 */
export function settleUserNamespace(
  pid: number,
  bundle: Bundle,
  sources: readonly Source[],
  channel: CreatorEnd,
): void {
  raiseHardLimits(bundle.process.rlimits ?? [], pid);
  writeIdMaps(pid, bundle.config.linux ?? {});
  giveHostStreams(bundle);
  sendSources(pid, sources, channel);
}

/**
 * The standard streams belong to users of the host: who is root of a user namespace only could not give them to the
 * container's user.
 */
function giveHostStreams({ config, process }: Bundle): void {
  const owner = hostId(config.linux?.uidMappings ?? [], process.user?.uid ?? 0);
  if (!process.terminal && owner !== undefined) giveStandardStreams(owner, isNamelessStream);
}
