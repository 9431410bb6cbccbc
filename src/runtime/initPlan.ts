/** What the container's process is told before it is made. */
import type { Linux, Spec } from "@opencontainers-types";
import { load } from "#host";
import { hierarchyMountPoint } from "../cgroup/hierarchy.ts";
import { planCapabilities } from "../init/capabilities.ts";
import type { InitEnd } from "../init/channel.ts";
import type { HookOutput } from "../init/hooks.ts";
import { keepsGroups } from "../init/identity.ts";
import type { InitPlan } from "../init/init.ts";
import { type MountCircumstances, planMounts } from "../init/mountPlan.ts";
import { type NamespacePlan, openNamespaces } from "../init/namespaces.ts";
import { keyringOf } from "../init/process.ts";
import { rootPropagation } from "../init/root.ts";
import type { Bundle } from "./bundle.ts";
import type { Construction } from "./construction.ts";
import type { Context } from "./context.ts";
import { hookState } from "./status.ts";

/** So many mounts and devices need no look at the limit of descriptors, which is 1024 at the least by custom. */
const FEW = 64;

/** Decides all that can be decided before there is a process. Throws a Failure. */
export function planInit(
  { bundle, context, directory, namespaces, options, state, seccomp, sharedRoot }: Construction,
  channel: InitEnd,
  awaitsPlacement: boolean,
): InitPlan {
  const { config } = bundle;
  const capabilities = planCapabilities(config.process?.capabilities);
  const notify = context.notifySocket && load(import("./notifySocket.ts"));
  const notifyMounts = notify ? [notify.makeNotifyFolder(context, directory)] : [];
  const host = circumstancesOf(bundle, context, namespaces, state.cgroup);
  const mounts = planMounts([...(config.mounts ?? []), ...notifyMounts], host);
  for (const name of capabilities.unknown)
    context.warn(`the capability ${name} is unknown and ignored (/process/capabilities)`);
  const { flags = [] } = config.linux?.personality ?? {};
  if (flags.length > 0)
    // "Currently no flag values are supported" (specification, "Personality").
    context.warn(`the flags ${flags.join(", ")} are ignored (/linux/personality/flags)`);
  const files = mounts.length + (config.linux?.devices?.length ?? 0);
  const openFiles =
    files > FEW ? load(import("../init/openFiles.ts")).makeRoomForFiles(files) : undefined;
  const devices = detachedDevices(config.linux ?? {}, namespaces, context);
  return {
    config,
    process: bundle.process,
    state: hookState(state, "creating"),
    rootfs: bundle.rootfs,
    hookOutput: containerHookOutput(config),
    sharedRoot,
    mounts,
    namespaces,
    joins: openNamespaces(namespaces.joins),
    idmaps: mounts.some(({ idmap }) => idmap)
      ? load(import("../init/idmappedMounts.ts")).makeNamespaces(mounts)
      : [],
    sources: namespaces.hasUser
      ? load(import("../init/userNamespace.ts")).planSources(
          bundle.rootfs,
          mounts,
          config.linux?.devices ?? [],
          devices,
        )
      : [],
    devices,
    openFiles,
    opensSources: context.caller.isUser,
    awaitsPlacement,
    propagation: rootPropagation(config.linux?.rootfsPropagation),
    capabilities,
    seccomp: seccomp?.filter,
    linux: config.linux ?? {},
    noPivot: options.noPivot,
    keyring: options.noNewKeyring ? undefined : keyringOf(state.id),
    keepsGroups: keepsGroups(config.annotations),
    preserveFds: options.preserveFds,
    variables: [
      ...(options.listenFds > 0
        ? load(import("../init/environment.ts")).listenVariables(options.listenFds)
        : []),
      ...(notify ? [notify.NOTIFY_VARIABLE] : []),
    ],
    channel,
  };
}

/** A user's devices are bound from the host. */
const detachedDevices = (linux: Linux, { hasUser }: NamespacePlan, { caller }: Context) =>
  hasUser && !caller.isUser && linux.devices?.length
    ? load(import("../init/detachedDevices.ts")).makeDetachedDevices(linux)
    : new Map<string, number>();

/** What the annotations name is the host's. */
const containerHookOutput = ({ hooks, annotations }: Spec): HookOutput | undefined =>
  hooks?.createContainer?.length || hooks?.startContainer?.length
    ? load(import("../init/hooks.ts")).openHookOutput(annotations)
    : undefined;

/** What the mounts depend on beside their own entries. */
export function circumstancesOf(
  { config, path }: Pick<Bundle, "config" | "path">,
  { caller, warn }: Context,
  { hasUser }: NamespacePlan,
  group: string | undefined,
): MountCircumstances {
  const cgroups = config.linux?.namespaces?.find(({ type }) => type === "cgroup");
  // A cgroup namespace that is joined may be one which the user namespace does not own.
  const isForeign = hasUser && Boolean(cgroups?.path);
  return {
    bundle: path,
    linux: config.linux ?? {},
    contextType: config.annotations?.["run.oci.mount_context_type"] ?? "context",
    hasUser,
    isPrivileged: !caller.isUser,
    hostCgroups: cgroups ? undefined : hierarchyMountPoint,
    ownCgroup: () => (isForeign && group ? hierarchyMountPoint() + group : undefined),
    warn,
  };
}
