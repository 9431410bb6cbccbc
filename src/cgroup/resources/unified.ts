/** `linux.resources.unified`: files of the group, and what is written to them (config-linux.md, Unified). */
import type { LinuxResources } from "@opencontainers-types";
import { Failure } from "../../failure.ts";
import { resourcePointer } from "./pointer.ts";
import type { Setting } from "./setting.ts";

/**
 * These move, stop or kill processes or change what the group is, and limit nothing: a pid of the host in cgroup.procs
 * would come into the container's group and die with it, a frozen group would never begin to run.
 */
const NO_RESOURCES = new Set([
  "cgroup.procs",
  "cgroup.threads",
  "cgroup.type",
  "cgroup.kill",
  "cgroup.freeze",
]);

/** One write for each line, as these files take them. Throws a Failure for what is no file of a controller. */
export function* unifiedSettings(files: LinuxResources["unified"] = {}): Iterable<Setting> {
  for (const [file, text] of Object.entries(files)) {
    const pointer = resourcePointer("unified", file);
    if (!/^[^./\0]+\.[^/\0]+$/.test(file))
      throw new Failure(
        `${JSON.stringify(file)} is no file of a cgroup: expected a name like memory.high`,
        { pointer },
      );
    if (NO_RESOURCES.has(file))
      throw new Failure(`${file} is no resource: tsrun itself has charge of it`, { pointer });
    if (text.includes("\0")) throw new Failure(`the text for ${file} has a NUL in it`, { pointer });
    for (const value of lines(file, text)) yield { file, value, pointer };
  }
}

/**
 * An empty text writes nothing, as with runc: an empty line, too, means 0 to files with a number. Only a cpu set is
 * reset by one.
 */
function lines(file: string, text: string): string[] {
  const filled = text.split("\n").filter((line) => line.trim() !== "");
  return filled.length === 0 && file.startsWith("cpuset.") ? ["\n"] : filled;
}
