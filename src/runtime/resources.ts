/** What a container is limited to: `linux.resources`, in its group and, where systemd holds that, in its unit. */
import type { LinuxResources } from "@opencontainers-types";
import { load } from "#host";
import { replaceDeviceFilter } from "../cgroup/deviceFilter.ts";
import { applySettings, type Setting } from "../cgroup/setting.ts";
import { inOwnGroup } from "./ownGroup.ts";
import type { StoredState } from "./store.ts";

/**
 * Limits an existing container to other resources; without `devices`, their filter stays as it is. systemd hears of
 * them first: it sets anew what it knows whenever it reloads. Throws a Failure; then some may be set and others not.
 */
export function applyResources(state: StoredState, resources: LinuxResources): void {
  const { settings } = load(import("../cgroup/resources.ts")).planResources(resources);
  if (state.scope) load(import("../cgroup/systemd/scope.ts")).updateScope(state.scope, settings);
  inOwnGroup(state, (group) => {
    limitGroup(state, group, settings);
    if (resources.devices) replaceDeviceFilter(group, resources.devices);
  });
}

/** Writes the settings into the container's group, as systemd would if it holds that. Throws a Failure. */
export function limitGroup(state: StoredState, group: number, settings: readonly Setting[]): void {
  const written = state.scope
    ? load(import("../cgroup/systemd/properties.ts")).roundedForSystemd(settings)
    : settings;
  applySettings(group, state.cgroup as string, written);
}
