/** What the kernel means when it does not make a filesystem. */
import { EINVAL, ENODEV, ENOTBLK, EPERM } from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import type { MountPlan } from "./mountPlan.ts";

/** What a filesystem shows is a namespace, which must be the mounting process's to rule. */
const SHOWN_NAMESPACE: Readonly<Record<string, string>> = {
  proc: "PID",
  sysfs: "network",
  mqueue: "IPC",
  cgroup2: "cgroup",
};

/** The error with what it usually means. */
export function explained(
  cause: unknown,
  type: string,
  { label, mount, pointer }: MountPlan,
): unknown {
  const namespace = SHOWN_NAMESPACE[type];
  if (isErrno(cause, EPERM) && namespace !== undefined)
    return new Failure(`making the ${type}`, {
      cause,
      hint: `the root of a user namespace mounts it with a new ${namespace} namespace only, and where the host's is not covered in part; bind the host's instead`,
    });
  if (isErrno(cause, ENODEV))
    return new Failure(`making the filesystem ${type}`, {
      cause,
      pointer: `${pointer}/type`,
      hint: "the kernel has no such filesystem (see /proc/filesystems), or its module cannot be loaded",
    });
  if (isErrno(cause, ENOTBLK))
    return new Failure(`making the filesystem ${type}`, {
      cause,
      pointer: `${pointer}/source`,
      hint: `${mount.source || "its missing source"} is no block device`,
    });
  if (label !== undefined && isErrno(cause, EINVAL) && cause.message.includes(`"${label.option}=`))
    return new Failure("labelling it", {
      cause,
      pointer: "/linux/mountLabel",
      hint: "the kernel has no SELinux, or does not know the label: leave linux.mountLabel out",
    });
  return cause;
}
