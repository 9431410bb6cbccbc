/**
 * What holds after an update, and what of it must be set. An update says something of the members that it has; 0 and ""
 * say nothing where they are no values (as with runc, since engines fill in what they do not mean).
 */
import type { LinuxBlockIO, LinuxCPU, LinuxMemory, LinuxResources } from "@opencontainers-types";
import { stringifyJson } from "../../spec/json.ts";

/** All resources after an update, but for `unified`: which of its files still hold depends on what was written. */
export function mergeResources(before: LinuxResources, wanted: LinuxResources): LinuxResources {
  return present({
    ...before,
    devices: wanted.devices?.length ? wanted.devices : before.devices,
    memory: wanted.memory ? mergeMemory(before.memory, wanted.memory) : before.memory,
    cpu: wanted.cpu ? mergeCpu(before.cpu, wanted.cpu) : before.cpu,
    pids: wanted.pids ? { ...before.pids, ...wanted.pids } : before.pids,
    blockIO: wanted.blockIO ? mergeBlockIO(before.blockIO, wanted.blockIO) : before.blockIO,
    hugepageLimits: upsert(
      before.hugepageLimits,
      wanted.hugepageLimits,
      ({ pageSize }) => pageSize,
    ),
    rdma: mergeRdma(before.rdma, wanted.rdma),
  });
}

/**
 * What an update sets: what it has, and everything of a controller whose values depend on each other, such as swap on
 * memory, or a device's weight on the group's, which resets it. Devices that stay as they are are left alone: others may
 * have changed the filter meanwhile, for a GPU perhaps.
 */
export function changedResources(
  before: LinuxResources,
  wanted: LinuxResources,
  after: LinuxResources,
): LinuxResources {
  const same = stringifyJson(after.devices ?? []) === stringifyJson(before.devices ?? []);
  return present({
    ...wanted,
    devices: same ? undefined : after.devices,
    memory: wanted.memory && after.memory,
    cpu: wanted.cpu && after.cpu,
    blockIO: wanted.blockIO && after.blockIO,
  });
}

/** What sets again what an update changed, as far as it was ever set. Devices come last, and all at once or not at all. */
export const restoredResources = (
  before: LinuxResources,
  changed: LinuxResources,
): LinuxResources => {
  const names = Object.keys(changed) as (keyof LinuxResources)[];
  const old = names.filter((name) => name !== "devices").map((name) => [name, before[name]]);
  return present({ ...Object.fromEntries(old), unified: before.unified });
};

/** Without the members that are undefined. */
const present = <T extends object>(members: { [K in keyof T]: T[K] | undefined }): T =>
  filtered(members as T, (value) => value !== undefined);

function filtered<T extends object>(members: T, keep: (value: unknown, key: string) => boolean): T {
  return Object.fromEntries(
    Object.entries(members).filter(([key, value]) => keep(value, key)),
  ) as T;
}

/** `zeros` are the members of which 0 is a value. */
const given = <T extends object>(members: T, zeros: readonly string[] = []): T =>
  filtered(
    members,
    (value, key) => (value !== 0 && value !== 0n && value !== "") || zeros.includes(key),
  );

function mergeMemory(before: LinuxMemory | undefined, wanted: LinuxMemory): LinuxMemory {
  const said = given(wanted);
  const { swap, ...merged } = { ...before, ...said };
  // No limit for memory is none for swap either, where the update does not say.
  const forget = Number(said.limit) === -1 && said.swap === undefined;
  return forget || swap === undefined ? merged : { ...merged, swap };
}

function mergeCpu(before: LinuxCPU | undefined, wanted: LinuxCPU): LinuxCPU {
  const said = given(wanted, ["burst", "idle"]);
  const { shares, ...merged } = { ...before, ...said };
  // An idle group has no weight, and one that is idle no more has the default one.
  if (shares === undefined || (said.idle !== undefined && said.shares === undefined)) return merged;
  // A weight ends the idling, as systemd has it.
  const ends = said.shares !== undefined && said.idle === undefined && merged.idle !== undefined;
  return { ...merged, shares, ...(ends && { idle: 0 }) };
}

const DEVICE_LISTS = [
  "throttleReadBpsDevice",
  "throttleWriteBpsDevice",
  "throttleReadIOPSDevice",
  "throttleWriteIOPSDevice",
] as const;

function mergeBlockIO(before: LinuxBlockIO = {}, wanted: LinuxBlockIO): LinuxBlockIO {
  const merged = { ...before, ...given(wanted) };
  const number = ({ major, minor }: { major: number | bigint; minor: number | bigint }) =>
    `${major}:${minor}`;
  const throttles = DEVICE_LISTS.map((list) => [list, upsert(before[list], wanted[list], number)]);
  return present<LinuxBlockIO>({
    ...merged,
    weightDevice: upsert(before.weightDevice, wanted.weightDevice, number),
    ...Object.fromEntries(throttles),
  });
}

function mergeRdma(
  before: LinuxResources["rdma"],
  wanted: LinuxResources["rdma"],
): LinuxResources["rdma"] {
  if (!wanted) return before;
  const devices = Object.entries(wanted);
  return {
    ...before,
    ...Object.fromEntries(
      devices.map(([name, limits]) => [name, { ...before?.[name], ...limits }]),
    ),
  };
}

/** The entries of both; where both have one of the same key, its members are those of the new one and else the old. */
function upsert<T>(
  before: readonly T[] | undefined,
  wanted: readonly T[] | undefined,
  key: (entry: T) => string,
): T[] | undefined {
  const entries = new Map<string, T>();
  for (const entry of [...(before ?? []), ...(wanted ?? [])])
    entries.set(key(entry), { ...entries.get(key(entry)), ...entry });
  return before || wanted ? [...entries.values()] : undefined;
}
