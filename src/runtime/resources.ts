/** What a container is limited to: `linux.resources`, in its group and, where systemd holds that, in its unit. */
import type { LinuxDeviceCgroup } from "@opencontainers-types";
import { load } from "#host";
import { replaceDeviceFilter } from "../cgroup/devices/filter.ts";
import type { Scope } from "../cgroup/driver.ts";
import { applySettings, type Setting } from "../cgroup/resources/setting.ts";
import { inOwnGroup } from "./ownGroup.ts";
import type { StoredState } from "./store.ts";

/**
 * Limits an existing container anew; without `devices`, their filter stays as it is, as it does if a setting fails.
 * systemd hears of the settings first: it sets anew what it knows whenever it reloads. Throws a Failure; then some may be
 * set and others not.
 */
export function applyResources(
  state: StoredState,
  settings: readonly Setting[],
  devices?: readonly LinuxDeviceCgroup[],
): void {
  const lost = state.scope ? updateScope(state, state.scope, settings) : [];
  inOwnGroup(state, (group) => {
    limitGroup(state, group, [...lost, ...settings]);
    if (devices) replaceDeviceFilter(group, devices);
  });
}

/** Tells systemd; returns what held and is lost by that. */
function updateScope(state: StoredState, scope: Scope, settings: readonly Setting[]): Setting[] {
  load(import("../cgroup/systemd/scope.ts")).updateScope(scope, settings);
  const held = load(import("../cgroup/resources/plan.ts")).planResources(state.resources);
  return load(import("../cgroup/systemd/properties.ts")).lostToSystemd(held.settings);
}

/** Writes the settings into the container's group, as systemd would if it holds that. Throws a Failure. */
export function limitGroup(state: StoredState, group: number, settings: readonly Setting[]): void {
  const written = state.scope
    ? load(import("../cgroup/systemd/properties.ts")).roundedForSystemd(settings)
    : settings;
  applySettings(group, state.cgroup as string, written);
}
