/** A container while it is being created, as its creator knows it. */
import type { Setting } from "../cgroup/resources/setting.ts";
import type { NamespacePlan } from "../init/namespaces.ts";
import type { Child } from "../linux/process.ts";
import type { PlannedFilter } from "../seccomp/filter.ts";
import type { Bundle } from "./bundle.ts";
import type { Context, CreateOptions } from "./context.ts";
import type { NetDevices } from "./netDevices.ts";
import type { StateDirectory, StoredState } from "./store.ts";

export interface Construction {
  context: Context;
  options: CreateOptions;
  bundle: Bundle;
  namespaces: NamespacePlan;
  directory: StateDirectory;
  state: StoredState;
  /** What is to be set in its cgroup. */
  settings: Setting[];
  /** What linux.seccomp asks for. */
  seccomp: PlannedFilter | undefined;
  /** The mount of the root filesystem, made in the creator's mount namespace. */
  sharedRoot?: number;
  child?: Child;
  netDevices?: NetDevices;
  /** Whether its pid stands in the file that was asked for. */
  hasPidFile?: boolean;
}
