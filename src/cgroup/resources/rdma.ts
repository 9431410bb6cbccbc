/** `linux.resources.rdma` in the file of the rdma controller (cgroup-v2.rst, RDMA). */
import type { LinuxResources } from "@opencontainers-types";
import { Failure } from "../../failure.ts";
import { resourcePointer } from "./pointer.ts";
import type { Setting } from "./setting.ts";

/** One line for each device. Throws a Failure for a line that could not be one. */
export function* rdmaSettings(devices: LinuxResources["rdma"] = {}): Iterable<Setting> {
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(devices)) {
    const pointer = resourcePointer("rdma", device);
    if (!/^\S+$/.test(device))
      throw new Failure(`${JSON.stringify(device)} is no name of an RDMA device`, { pointer });
    // "You MUST specify at least one" (config-linux.md, RDMA).
    if (hcaHandles === undefined && hcaObjects === undefined)
      throw new Failure("neither hcaHandles nor hcaObjects is given", { pointer });
    const limits = [limit("hca_handle", hcaHandles), limit("hca_object", hcaObjects)];
    yield { file: "rdma.max", value: [device, ...limits.flat()].join(" "), pointer };
  }
}

/** The kernel counts in signed 32 bits and refuses more, which nobody reaches (rdmacg_resource_set_max). */
const MOST = 0x7fffffff;

const limit = (name: string, value: number | undefined): string[] =>
  value === undefined ? [] : [`${name}=${value < MOST ? value : "max"}`];
