/** --pid-file: the pid of the container's process, for engines. */
import { AT_FDCWD, ENOENT, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, S_IFMT, S_IFREG } from "#abi";
import { doing, Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { renameAt, statAt, unlinkAt, writeText } from "../linux/fs.ts";

/** Readers see the whole number or no file. Throws a Failure for a place that holds something else than a file. */
export function writePidFile(path: string, pid: number): void {
  doing(`writing the pid file ${path}`, undefined, () => {
    const there = unless([ENOENT], () => statAt(AT_FDCWD, path));
    if (there && (there.mode & S_IFMT) !== S_IFREG) throw new Failure("it is not a regular file");
    const slash = path.lastIndexOf("/") + 1;
    const temporary = `${path.slice(0, slash)}.${path.slice(slash)}.${pid}`;
    writeText(temporary, String(pid), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, AT_FDCWD, 0o666);
    try {
      renameAt(AT_FDCWD, temporary, path);
    } catch (error) {
      unlinkAt(AT_FDCWD, temporary);
      throw error;
    }
  });
}

/** Of a process that has not come to its program: the pid may be another's soon. */
export function removePidFile(path: string): void {
  unlinkAt(AT_FDCWD, path);
}
