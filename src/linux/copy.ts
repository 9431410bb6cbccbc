/** What copying files takes beside opening them: contents, links, modes, times. Names may be any bytes. */
import {
  AT_SYMLINK_NOFOLLOW,
  EINTR,
  PATH_MAX,
  SYS_fchmodat,
  SYS_readlinkat,
  SYS_sendfile,
  SYS_utimensat,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import type { Path } from "./text.ts";

/** sendfile(2) transfers no more at once. */
const MOST = 0x7ffff000;

/** Copies what is left to read of one regular file to another. */
export function copyContents(from: number, to: number): void {
  for (;;) {
    const copied = syscall(SYS_sendfile, to, from, null, MOST);
    if (copied === 0) return;
    if (copied !== -EINTR) check(copied, "sendfile", to, from);
  }
}

/** The target of a symbolic link, with a NUL at its end. */
export function readlinkBytes(dir: number, name: Path): Uint8Array {
  const target = new Uint8Array(PATH_MAX + 1);
  const length = check(syscall(SYS_readlinkat, dir, name, target, PATH_MAX), "readlinkat", name);
  return target.subarray(0, length + 1);
}

/** fchmodat(2), which follows symbolic links: for names that are known to be none. */
export function chmodAt(dir: number, name: Path, mode: number): void {
  check(syscall(SYS_fchmodat, dir, name, mode), "fchmodat", name, mode.toString(8));
}

/** utimensat(2) of a name, not followed. `times` is as `Status.times` has it. */
export function setTimes(dir: number, name: Path, times: Uint8Array): void {
  check(syscall(SYS_utimensat, dir, name, times, AT_SYMLINK_NOFOLLOW), "utimensat", name);
}
