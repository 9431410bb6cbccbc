/** Where this machine's cgroups are. */
import { readFileSync } from "node:fs";

/** The cgroup2 mount of this machine: on hybrid ones it is not /sys/fs/cgroup. */
export function cgroupRoot(): string {
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const fields = line.split(" ");
    if (fields[fields.indexOf("-") + 1] === "cgroup2") return fields[4] as string;
  }
  throw new Error("this machine has no cgroup2 mount");
}
