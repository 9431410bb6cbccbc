/** `update`: an existing container is limited to other resources. */
import type { LinuxResources } from "@opencontainers-types";
import { load } from "#host";
import { readResources } from "../../spec/part.ts";
import { refuseBelowUsage } from "../cgroup/resources/memory.ts";
import { planResources, type ResourcePlan } from "../cgroup/resources/plan.ts";
import { doing, Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import type { Schemata } from "./intelRdt.ts";
import { changedResources, mergeResources, restoredResources } from "./mergeResources.ts";
import { inOwnGroup } from "./ownGroup.ts";
import { livingProcess } from "./process.ts";
import { applyResources } from "./resources.ts";
import { openForChange } from "./status.ts";
import type { StoredState } from "./store.ts";

/**
 * Changes what a document has, which is JSON in the form of linux.resources, and leaves the rest. Throws a Failure; then
 * what held before is set again, as far as it was ever set: a limit where there was none stays, as with runc.
 */
export function update(context: Context, id: string, document: string): void {
  const wanted = doing("reading the resources", undefined, () => readResources(document));
  const { directory, state, status } = openForChange(context.root, id);
  try {
    if (!state || status === "stopped")
      throw new Failure("it has stopped", { kind: "container-status" });
    const planned = planChange(state, wanted);
    for (const warning of planned.plan.warnings) context.warn(warning);
    // What is limited otherwise than is recorded would be set again as it was before, at the next change.
    directory.stage({ ...state, resources: planned.resources });
    apply(state, planned, context.warn);
    directory.commit();
  } catch (error) {
    directory.unstage();
    throw inUpdate(`updating the resources of the container ${id}`, error);
  }
  directory.close();
}

/** Allocates caches and memory bandwidth anew. Throws a Failure. */
export function updateIntelRdt(context: Context, id: string, schemata: Schemata): void {
  const { directory, state, status } = openForChange(context.root, id);
  try {
    if (!state || status === "stopped") throw new Failure("it has stopped");
    load(import("./intelRdt.ts")).changeIntelRdt(schemata, directory, state);
  } catch (error) {
    throw inUpdate(`updating the caches of the container ${id}`, error);
  }
  directory.close();
}

interface PlannedChange {
  before: LinuxResources;
  changed: LinuxResources;
  plan: ResourcePlan;
  /** What holds afterwards. */
  resources: LinuxResources;
}

function planChange(state: StoredState, wanted: LinuxResources): PlannedChange {
  const before = state.resources ?? {};
  const after = mergeResources(before, wanted);
  const changed = changedResources(before, wanted, after);
  const plan = planResources(changed);
  inOwnGroup(state, (group) => refuseBelowUsage(group, changed.memory));
  const unified = { ...stillUnified(before, plan), ...wanted.unified };
  return { before, changed, plan, resources: { ...after, unified } };
}

function apply(
  state: StoredState,
  { before, changed, plan }: PlannedChange,
  warn: Context["warn"],
): void {
  try {
    applyResources(state, plan.settings, changed.devices);
  } catch (error) {
    if (livingProcess(state) === undefined)
      throw new Failure("the container ended meanwhile", { cause: error });
    restore(state, restoredResources(before, changed), warn);
    throw error;
  }
}

function restore(state: StoredState, resources: LinuxResources, warn: Context["warn"]): void {
  try {
    applyResources(state, planResources(resources).settings);
  } catch (error) {
    warn(`not everything could be set again as it was: ${Failure.of(error).message}`);
  }
}

/** Files that `unified` had the last word on until the plan wrote them. */
function stillUnified(
  { unified = {} }: LinuxResources,
  plan: ResourcePlan,
): Record<string, string> {
  const written = new Set(plan.settings.map(({ file }) => file));
  return Object.fromEntries(Object.entries(unified).filter(([file]) => !written.has(file)));
}

const PLACE = "/linux/resources";

/** The pointers of an update count from `linux.resources`, which is all that it has. */
function inUpdate(what: string, error: unknown): Failure {
  const { doing, pointer, hint, kind, errno } = Failure.of(error);
  const where = pointer?.startsWith(`${PLACE}/`) ? ` (${pointer.slice(PLACE.length)})` : "";
  return new Failure(`${what}: ${doing}${where}`, { hint, kind, errno });
}
