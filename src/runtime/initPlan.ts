/** What the container's process is told before it is made. */
import { load } from "#host";
import { hierarchyMountPoint } from "../cgroup/hierarchy.ts";
import { planCapabilities } from "../init/capabilities.ts";
import type { InitEnd } from "../init/channel.ts";
import type { InitPlan } from "../init/init.ts";
import { planMounts } from "../init/mounts.ts";
import { makesUserNamespace, openNamespaces } from "../init/namespaces.ts";
import { rootPropagation } from "../init/root.ts";
import type { Construction } from "./construction.ts";
import { hookState } from "./status.ts";

/** Decides all that can be decided before there is a process. Throws a Failure. */
export function planInit(
  { bundle, context, namespaces, options, state }: Construction,
  channel: InitEnd,
  awaitsPlacement: boolean,
): InitPlan {
  const { config } = bundle;
  const hasOwnCgroups = config.linux?.namespaces?.some(({ type }) => type === "cgroup");
  const hostCgroups = hasOwnCgroups ? undefined : hierarchyMountPoint;
  const capabilities = planCapabilities(config.process?.capabilities);
  const mounts = planMounts(config.mounts ?? [], bundle.path, hostCgroups);
  for (const name of capabilities.unknown)
    context.warn(`the capability ${name} is unknown and ignored (/process/capabilities)`);
  return {
    config,
    process: bundle.process,
    state: hookState(state, "creating"),
    rootfs: bundle.rootfs,
    mounts,
    namespaces,
    joins: openNamespaces(namespaces.joins),
    sources: makesUserNamespace(namespaces)
      ? load(import("../init/userNamespace.ts")).planSources(
          bundle.rootfs,
          mounts,
          config.linux?.devices ?? [],
        )
      : [],
    awaitsPlacement,
    propagation: rootPropagation(config.linux?.rootfsPropagation),
    capabilities,
    noPivot: options.noPivot,
    noNewKeyring: options.noNewKeyring,
    preserveFds: options.preserveFds,
    listenFds: options.listenFds,
    channel,
  };
}
