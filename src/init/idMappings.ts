/** linux.uidMappings and linux.gidMappings: which ids of a user namespace are which of the host (user_namespaces(7)). */
import type { LinuxIDMapping } from "@opencontainers-types";
import { Failure } from "../failure.ts";

/** The host's id for one of the namespace; undefined if it has none. */
export function hostId(mappings: readonly LinuxIDMapping[], id: number): number | undefined {
  const mapping = mappings.find(
    ({ containerID, size }) => id >= containerID && id < containerID + size,
  );
  return mapping && mapping.hostID + (id - mapping.containerID);
}

/** What is written to /proc/<pid>/uid_map or gid_map, in one write(2). */
export const idMapText = (mappings: readonly LinuxIDMapping[]): string =>
  mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

/** What /proc/<pid>/uid_map or gid_map says. */
export const parseIdMap = (text: string): LinuxIDMapping[] =>
  text
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [containerID = 0, hostID = 0, size = 0] = line.trim().split(/\s+/).map(Number);
      return { containerID, hostID, size };
    });

/** Whether two mappings say the same, in whatever order. */
export const isSameMap = (a: readonly LinuxIDMapping[], b: readonly LinuxIDMapping[]): boolean =>
  sorted(a) === sorted(b);

const sorted = (mappings: readonly LinuxIDMapping[]): string =>
  idMapText([...mappings].sort((a, b) => a.containerID - b.containerID));

/** user_namespaces(7): since Linux 4.15; and the text must be shorter than a page. */
const MAX_MAPPINGS = 340;
const PAGE_SIZE = 4096;
/** The last 32-bit id is none: to setresuid(2) and chown(2) it says "leave as it is". */
export const NO_ID = 2 ** 32 - 1;

/** Throws a Failure for what the kernel would refuse with no more than EINVAL. */
export function checkIdMappings(mappings: readonly LinuxIDMapping[], pointer: string): void {
  if (mappings.length > MAX_MAPPINGS || idMapText(mappings).length >= PAGE_SIZE)
    throw new Failure(
      `${mappings.length} ID mappings are more than the kernel takes: ${MAX_MAPPINGS}, of less than ${PAGE_SIZE} characters together`,
      { pointer },
    );
  mappings.forEach((mapping, i) => {
    checkRange(mapping, `${pointer}/${i}`);
    for (const side of ["containerID", "hostID"] as const) {
      const other = mappings.slice(0, i).findIndex((earlier) => overlap(earlier, mapping, side));
      if (other >= 0)
        throw new Failure(`the ID mapping overlaps with ${pointer}/${other}`, {
          pointer: `${pointer}/${i}/${side}`,
        });
    }
  });
}

function checkRange({ containerID, hostID, size }: LinuxIDMapping, pointer: string): void {
  if (size === 0) throw new Failure("the ID mapping maps nothing", { pointer: `${pointer}/size` });
  if (Math.max(containerID, hostID) + size > NO_ID)
    throw new Failure(`the ID mapping goes beyond the last id, ${NO_ID - 1}`, {
      pointer: `${pointer}/size`,
    });
}

const overlap = (a: LinuxIDMapping, b: LinuxIDMapping, side: "containerID" | "hostID"): boolean =>
  a[side] < b[side] + b.size && b[side] < a[side] + a.size;
