/** Extended attributes of open files (xattr(7)). */
import { EOPNOTSUPP, SYS_fgetxattr, SYS_flistxattr, SYS_fsetxattr } from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { decode } from "./text.ts";

/** linux/limits.h: XATTR_LIST_MAX and XATTR_SIZE_MAX. */
const MAX = 65_536;

/** The names; none where the filesystem has no attributes. */
export function listXattrs(fd: number): string[] {
  const size = syscall(SYS_flistxattr, fd, null, 0);
  if (size === 0 || size === -EOPNOTSUPP) return [];
  const names = new Uint8Array(MAX);
  const length = check(syscall(SYS_flistxattr, fd, names, names.length), "flistxattr", fd);
  return decode(names.subarray(0, length))
    .split("\0")
    .filter((name) => name !== "");
}

export function getXattr(fd: number, name: string): Uint8Array {
  const value = new Uint8Array(MAX);
  const result = syscall(SYS_fgetxattr, fd, name, value, value.length);
  return value.subarray(0, check(result, "fgetxattr", fd, name));
}

export function setXattr(fd: number, name: string, value: Uint8Array): void {
  check(syscall(SYS_fsetxattr, fd, name, value, value.length, 0), "fsetxattr", fd, name);
}
