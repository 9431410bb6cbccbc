/** The options before the command, and what they say to every command. */

import { env } from "#host";
import { type Caller, callerOf } from "../runtime/caller.ts";
import type { CgroupManager, Context } from "../runtime/context.ts";
import { stateRoot } from "../runtime/root.ts";
import type { OptionTable } from "./command.ts";

export interface GlobalFlags {
  debug?: boolean;
  log?: string;
  logFormat?: "text" | "json" | "";
  root?: string;
  criu?: string;
  cgroupManager?: CgroupManager | "";
  systemdCgroup?: boolean;
  rootless?: "true" | "false" | "auto" | "";
}

export const globalOptions: OptionTable = {
  "--debug": "log every step, and the stack of an error",
  "--log <path>":
    "file to append errors and warnings to (default: they go to the standard error only)",
  "--log-format <text|json>": 'format of the log (default: "text")',
  "--root <directory>":
    "directory for the state of containers, which should be in a tmpfs" +
    ' (default: "/run/tsrun", without privilege "$XDG_RUNTIME_DIR/tsrun")',
  "--cgroup-manager <cgroupfs|systemd|disabled>":
    'who makes the cgroups of containers; "disabled": they stay in that of their creator, and nothing limits them, nor' +
    ' the devices that they may open (default: "cgroupfs")',
  "--systemd-cgroup":
    'the same as --cgroup-manager=systemd; cgroupsPath is then "slice:prefix:name"',
  "--rootless <true|false|auto>":
    "whether containers go without what takes the privilege of root, such as a cgroup" +
    ' (default: "auto")',
  // Of runc before 1.2: which program is criu.
  "--criu <path>": "",
};

/** Checks the flags; with the default root below $XDG_RUNTIME_DIR, makes that directory. */
export function toContext(flags: GlobalFlags, warn: Context["warn"]): Context {
  if (flags.criu) warn("--criu is ignored: criu is looked for in PATH");
  const caller = toCaller(flags.rootless);
  const cgroupManager = toCgroupManager(flags);
  const root = stateRoot(flags.root, caller);
  const rootMustExist = flags.root !== undefined;
  const notifySocket = env("NOTIFY_SOCKET") || undefined;
  return { root, rootMustExist, cgroupManager, caller, notifySocket, warn };
}

const toCaller = (mode: GlobalFlags["rootless"]): Caller =>
  callerOf(mode === "true" || mode === "false" ? mode === "true" : undefined);

const toCgroupManager = ({ systemdCgroup, cgroupManager }: GlobalFlags): CgroupManager =>
  cgroupManager || (systemdCgroup ? "systemd" : "cgroupfs");
