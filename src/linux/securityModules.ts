/** The kernel's security modules that label processes: AppArmor and SELinux (proc_pid_attr(5)). */

import { AT_FDCWD, O_DIRECTORY, O_PATH, SELINUX_MAGIC } from "#abi";
import { filesystemType, findAt, openPath, readText, using } from "./fs.ts";

const APPARMOR = "/sys/module/apparmor/parameters/enabled";
const SELINUX = "/sys/fs/selinux";

/** Whether the kernel runs with AppArmor. */
export const isAppArmorEnabled = (): boolean =>
  isThere(APPARMOR) && readText(APPARMOR).startsWith("Y");

/** Whether the kernel runs with SELinux: only then is there its filesystem, and it has one place (selinux(8)). */
export const isSelinuxEnabled = (): boolean =>
  isThere(SELINUX) &&
  using(openPath(SELINUX, O_DIRECTORY), (fd) => filesystemType(fd) === SELINUX_MAGIC);

function isThere(path: string): boolean {
  const found = findAt(AT_FDCWD, path, O_PATH);
  return found !== undefined && using(found, () => true);
}
