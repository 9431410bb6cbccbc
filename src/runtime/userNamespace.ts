/** What only a creator outside can do for a container with a user namespace of its own. */
import type { CreatorEnd } from "../init/channel.ts";
import { giveStandardStreams } from "../init/identity.ts";
import { hostId } from "../init/idMappings.ts";
import { type Source, sendSources } from "../init/sources.ts";
import { writeIdMaps } from "../init/userNamespace.ts";
import type { Bundle } from "./bundle.ts";

/** Maps the ids of the namespace in which `pid` was born, and gives that process what its root could not reach. */
export function settleUserNamespace(
  pid: number,
  bundle: Bundle,
  sources: readonly Source[],
  channel: CreatorEnd,
): void {
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
  if (!process.terminal && owner !== undefined) giveStandardStreams(owner);
}
