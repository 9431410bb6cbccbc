/** `linux.resources.blockIO` in the files of the io controller (cgroup-v2.rst, IO). */
import type { LinuxBlockIO, LinuxThrottleDevice, LinuxWeightDevice } from "@opencontainers-types";
import { Failure } from "../../failure.ts";
import { resourcePointer } from "./pointer.ts";
import type { Setting } from "./setting.ts";

/** Their names in io.max. */
const THROTTLES = {
  throttleReadBpsDevice: "rbps",
  throttleWriteBpsDevice: "wbps",
  throttleReadIOPSDevice: "riops",
  throttleWriteIOPSDevice: "wiops",
} as const;

/**
 * A weight of 0 asks for nothing; that of a device goes back to the group's. Throws a Failure for a weight that is none,
 * and for a device that is given none.
 */
export function* blockIOSettings(blockIO: LinuxBlockIO = {}): Iterable<Setting> {
  const { weight, weightDevice = [] } = blockIO;
  // First: with BFQ, the group's weight takes the place of those of its devices.
  if (weight) yield weightSetting("", weight, resourcePointer("blockIO", "weight"));
  for (const [i, device] of weightDevice.entries())
    yield deviceWeight(device, resourcePointer("blockIO", "weightDevice", i));
  for (const [list, key] of Object.entries(THROTTLES) as [keyof typeof THROTTLES, string][])
    for (const [i, device] of (blockIO[list] ?? []).entries())
      yield throttle(device, key, resourcePointer("blockIO", list, i));
}

/** A line sets the limit that it names and leaves the device's others. A rate of 0 is no limit, as in cgroup v1. */
const throttle = (device: LinuxThrottleDevice, key: string, pointer: string): Setting => ({
  file: "io.max",
  value: `${numbers(device)} ${key}=${device.rate || "max"}`,
  pointer,
});

function deviceWeight(device: LinuxWeightDevice, pointer: string): Setting {
  // "You MUST specify at least one of weight or leafWeight" (config-linux.md, Block IO).
  if (device.weight === undefined && device.leafWeight === undefined)
    throw new Failure("neither weight nor leafWeight is given", { pointer });
  return weightSetting(`${numbers(device)} `, device.weight ?? 0, pointer);
}

/**
 * The BFQ scheduler has the weights of cgroup v1. Without it, the weight goes to the cost model (iocost), by runc's
 * conversion of 10 to 1000 into 1 to 10000.
 */
function weightSetting(device: string, weight: number, pointer: string): Setting {
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw new Failure(`a weight of block I/O is from 10 to 1000, not ${weight}`, { pointer });
  const [bfq, converted] =
    weight === 0 ? ["default", "default"] : [weight, 1 + Math.floor(((weight - 10) * 9999) / 990)];
  return {
    file: "io.bfq.weight",
    value: `${device}${bfq}`,
    pointer,
    instead: { file: "io.weight", value: `${device}${converted}`, pointer },
  };
}

const numbers = ({ major, minor }: LinuxThrottleDevice | LinuxWeightDevice): string =>
  `${major}:${minor}`;
