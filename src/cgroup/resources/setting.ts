/** What is written to the files of a group: how every resource of a config ends up (cgroup-v2.rst, "Interface Files"). */
import { ENOENT, O_WRONLY } from "#abi";
import { doing, Failure } from "../../failure.ts";
import { Errno, isErrno } from "../../linux/errno.ts";
import { writeText } from "../../linux/fs.ts";
import { demandController } from "../controllers.ts";
import { settingHint } from "./hints.ts";

/** A file of a group and the text that is written to it. */
export interface Setting {
  /** Its name in the group's directory, such as `memory.max`. */
  file: string;
  value: string;
  /** Where in config.json it comes from, such as `/linux/resources/memory/limit`. */
  pointer: string;
  /** The kernel may do without it: nothing is lost where the file is missing. */
  optional?: true;
  /** Written where the kernel does not have the file. */
  instead?: Setting;
}

/** The controller that a file belongs to, such as `memory`; `cgroup` for the files that every group has. */
const controllerOf = (file: string): string => file.slice(0, file.indexOf("."));

/** Writes settings into a group, in their order. `path` is the group's, as in /proc/<pid>/cgroup. Throws a Failure. */
export function applySettings(group: number, path: string, settings: readonly Setting[]): void {
  for (const setting of settings) {
    const { file, value, pointer } = setting;
    doing(`setting ${file} to ${JSON.stringify(value)} of the cgroup ${path}`, pointer, () => {
      if (write(group, setting)) return;
      // The files of `cgroup` are those that every group has.
      if (controllerOf(file) !== "cgroup") demandController(controllerOf(file), path);
      if (write(group, setting)) return;
      const hint = settingHint(file, new Errno(ENOENT, "openat2", [file]));
      throw new Failure(`this kernel does not have ${file}`, { hint });
    });
  }
}

/** False if the group does not have the file. */
function write(group: number, { file, value, optional, instead }: Setting): boolean {
  try {
    writeText(file, value, O_WRONLY, group);
    return true;
  } catch (cause) {
    if (isErrno(cause, ENOENT)) return instead ? write(group, instead) : (optional ?? false);
    throw new Failure(`writing ${file}`, { cause, hint: settingHint(file, cause) });
  }
}
