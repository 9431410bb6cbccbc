/** `linux.resources.pids` in the file of the pids controller (cgroup-v2.rst, PID). */
import type { LinuxPids } from "@opencontainers-types";
import { resourcePointer } from "./pointer.ts";
import type { Setting } from "./setting.ts";

/**
 * 0 is a limit (config-linux.md, PIDs), and becomes 1, as with runc since 1.4: systemd takes no TasksMax=0, and a process
 * that is in the group already hinders any other in either case.
 */
export function* pidsSettings({ limit }: LinuxPids = {}): Iterable<Setting> {
  if (limit === undefined) return;
  const value = limit < 0 ? "max" : String(limit || 1);
  yield { file: "pids.max", value, pointer: resourcePointer("pids", "limit") };
}
