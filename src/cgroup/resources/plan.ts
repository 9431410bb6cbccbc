/**
 * `linux.resources` other than devices (config-linux.md, Control groups), as what is written to the files of a group.
 * This is the one place that knows how: create and update use it, and the drivers of both kinds. docs/cgroups.md has all
 * of it as a table.
 */
import type { LinuxResources } from "@opencontainers-types";
import { blockIOSettings } from "./blockIO.ts";
import { cpuSettings, cpuWarnings } from "./cpu.ts";
import { hugepageSettings } from "./hugepages.ts";
import { refuseInexpressible } from "./inexpressible.ts";
import { memorySettings } from "./memory.ts";
import { pidsSettings } from "./pids.ts";
import { rdmaSettings } from "./rdma.ts";
import type { Setting } from "./setting.ts";
import { unifiedSettings } from "./unified.ts";

export interface ResourcePlan {
  /** To be written in this order. */
  settings: Setting[];
  /** What is asked for and does not happen. */
  warnings: string[];
}

/** Throws a Failure, with its JSON pointer, for a value that cannot be. */
export function planResources(resources: LinuxResources = {}): ResourcePlan {
  refuseInexpressible(resources);
  return {
    settings: [
      ...pidsSettings(resources.pids),
      ...memorySettings(resources.memory),
      ...blockIOSettings(resources.blockIO),
      ...cpuSettings(resources.cpu),
      ...hugepageSettings(resources.hugepageLimits),
      ...rdmaSettings(resources.rdma),
      // The last word, as with runc and crun.
      ...unifiedSettings(resources.unified),
    ],
    warnings: cpuWarnings(resources.cpu),
  };
}
