/** The cgroup of a container that is being created: chosen, made with the process in it, limited. */
import type { LinuxResources } from "@opencontainers-types";
import { load } from "#host";
import { type ChosenCgroup, cgroupDrivers } from "../cgroup/driver.ts";
import type { ResourcePlan } from "../cgroup/resources/plan.ts";
import { stat } from "../linux/fs.ts";
import type { Child } from "../linux/process.ts";
import { cgroupOwner } from "./cgroupOwner.ts";
import type { Construction } from "./construction.ts";
import { identityOf } from "./process.ts";

/** Chooses the container's group, and what is set in it. */
export function chooseCgroup(construction: Construction): ChosenCgroup {
  const { context, options, bundle, directory, state } = construction;
  const { cgroupsPath, resources } = bundle.config.linux ?? {};
  const { settings, warnings } = plan(resources);
  construction.settings = settings;
  warnings.forEach(context.warn);
  const cgroup = cgroupDrivers[context.cgroupManager]({
    cgroupsPath,
    id: options.id,
    settings,
    annotations: bundle.config.annotations ?? {},
    // As with runc: what a config asks for is missed, a group as such is not.
    isOptional: () => !cgroupsPath && settings.length === 0 && context.caller.isRootless(),
  });
  if (cgroup.path === undefined) {
    for (const { file, pointer } of settings)
      context.warn(`without a cgroup there is no ${file} to set (config.json ${pointer})`);
    return cgroup;
  }
  state.cgroup = cgroup.path;
  if (cgroup.scope) state.scope = cgroup.scope;
  if (resources) state.resources = resources;
  // Written before the group is made, which a creator killed from now on would leave behind.
  directory.write(state);
  return cgroup;
}

/** Most configs limit devices only, which are no settings of a group. */
function plan(resources: LinuxResources = {}): ResourcePlan {
  const isPlain = Object.keys(resources).every((member) => member === "devices");
  if (isPlain) return { settings: [], warnings: [] };
  return load(import("../cgroup/resources/plan.ts")).planResources(resources);
}

/** Makes the process in its group; returns the group's directory. */
export function placeInCgroup(
  construction: Construction,
  cgroup: ChosenCgroup,
  make: (group: number | undefined) => Child,
): number | undefined {
  const { state } = construction;
  try {
    const directory = cgroup.place((group) => {
      const child = make(group);
      construction.child = child;
      state.process = identityOf(child.pid);
      return child;
    });
    // Only by it the group is the container's, should the creation fail from now on.
    if (directory !== undefined) state.cgroupInode = stat(directory).ino;
    else goWithout(construction);
    return directory;
  } catch (error) {
    // If the group is there now, it is somebody else's: it must not be cleaned up as ours.
    delete state.cgroup;
    delete state.scope;
    throw error;
  }
}

function goWithout({ context, state }: Construction): void {
  delete state.cgroup;
  if (context.cgroupManager !== "disabled" && !state.endsWithProcess)
    context.warn(
      `${state.id} gets no cgroup and no PID namespace of its own: what it leaves running is not found again`,
    );
}

/** The limits are for the program; but the process that becomes it, and its hooks, keep to them already, as with runc. */
export function limit({ bundle, settings, state }: Construction, group: number): void {
  if (settings.length > 0) load(import("./resources.ts")).limitGroup(state, group, settings);
  const { applyDeviceFilter } = load(import("../cgroup/devices/filter.ts"));
  applyDeviceFilter(group, bundle.config.linux?.resources?.devices ?? []);
  const owner = cgroupOwner(bundle.config);
  if (owner !== undefined) load(import("../cgroup/ownership.ts")).giveGroup(group, owner);
}
