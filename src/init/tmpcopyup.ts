/**
 * The option `tmpcopyup`: a tmpfs begins with what it covers. The tmpfs is filled before anybody can see it, and what the
 * image holds is gone through by descriptors: no link of it is followed, and no device opened.
 */
import {
  EINVAL,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "#abi";
import { Failure } from "../failure.ts";
import { chmodAt, copyContents, readlinkBytes, setTimes } from "../linux/copy.ts";
import { isErrno, unless } from "../linux/errno.ts";
import {
  chownAt,
  close,
  type DirectoryEntry,
  makedev,
  mkdirAt,
  mknodAt,
  open,
  openAt,
  readDirectory,
  type Status,
  stat,
  symlinkAt,
  using,
} from "../linux/fs.ts";
import { printable } from "../linux/text.ts";
import { getXattr, listXattrs, setXattr } from "../linux/xattr.ts";

/** A directory that is being copied. A list of these goes through the tree: an image's may be deeper than calls may be nested. */
interface Level {
  from: number;
  to: number;
  left: DirectoryEntry[];
  /** The one whose turn it is. */
  current?: DirectoryEntry;
  /** Gives the copy what filling it would undo. */
  finish: () => void;
}

/** Copies what the directory `from` holds to the mount `to`, with owners, modes, times and extended attributes. */
export function copyUp(from: number, to: number): void {
  const [source, copy] = [from, to].map((fd) => openAt(fd, ".", O_RDONLY | O_DIRECTORY));
  const levels = [levelOf(source as number, copy as number, () => {})];
  try {
    copyLevels(levels);
  } catch (cause) {
    const path = levels.flatMap(({ current }) => current?.rawName.subarray(0, -1) ?? []);
    throw new Failure(`copying up ${path.map(printable).join("/")}`, { cause });
  } finally {
    levels.forEach(closeLevel);
  }
}

function copyLevels(levels: Level[]): void {
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const entry = level.left.pop();
    if (entry === undefined) {
      level.finish();
      closeLevel(level);
      levels.pop();
    } else {
      level.current = entry;
      const below = copyEntry(level, entry.rawName);
      if (below !== undefined) levels.push(below);
    }
  }
}

const levelOf = (from: number, to: number, finish: () => void): Level => ({
  from,
  to,
  left: readDirectory(from),
  finish,
});

function closeLevel({ from, to }: Level): void {
  close(from);
  close(to);
}

/** Of a directory, only its beginning. */
function copyEntry({ from, to }: Level, name: Uint8Array): Level | undefined {
  // This only names it.
  return using(openAt(from, name, O_PATH | O_NOFOLLOW), (file) => {
    const status = stat(file);
    const type = status.mode & S_IFMT;
    if (type === S_IFDIR) return beginDirectory(file, to, name, status);
    if (type === S_IFREG) copyRegularFile(file, to, name, status);
    else {
      if (type === S_IFLNK) symlinkAt(readlinkBytes(file, ""), to, name);
      else makeSpecialFile(to, name, status);
      giveStatus(to, name, status);
    }
    return undefined;
  });
}

function beginDirectory(file: number, copy: number, name: Uint8Array, status: Status): Level {
  mkdirAt(copy, name, 0o700);
  const from = openAt(file, ".", O_RDONLY | O_DIRECTORY);
  const to = openAt(copy, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return levelOf(from, to, () => giveStatus(copy, name, status, { from, to }));
}

function copyRegularFile(file: number, copy: number, name: Uint8Array, status: Status): void {
  const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
  // This is the very file that was looked at.
  using(open(`/proc/self/fd/${file}`, O_RDONLY), (from) =>
    using(openAt(copy, name, flags, { mode: 0o600 }), (to) => {
      copyContents(from, to);
      giveStatus(copy, name, status, { from, to });
    }),
  );
}

/** What comes later would be undone by what comes before, were it the other way round. */
function giveStatus(
  copy: number,
  name: Uint8Array,
  status: Status,
  opened?: { from: number; to: number },
): void {
  giveOwner(copy, name, status);
  if ((status.mode & S_IFMT) !== S_IFLNK) chmodAt(copy, name, status.mode & 0o7777);
  if (opened) copyXattrs(opened.from, opened.to);
  setTimes(copy, name, status.times);
}

/** Devices, FIFOs and sockets. */
function makeSpecialFile(copy: number, name: Uint8Array, { mode, rdev }: Status): void {
  try {
    mknodAt(copy, name, mode, makedev(rdev.major, rdev.minor));
  } catch (cause) {
    throw new Failure("making it", {
      cause,
      hint: isErrno(cause, EPERM) ? "a user namespace has no devices of its own" : undefined,
    });
  }
}

function giveOwner(copy: number, name: Uint8Array, { uid, gid }: Status): void {
  try {
    chownAt(copy, name, uid, gid);
  } catch (cause) {
    throw new Failure("giving it its owner", {
      cause,
      hint: isErrno(cause, EINVAL)
        ? "the owner on the host is not mapped in the container's user namespace"
        : undefined,
    });
  }
}

/** Those that a tmpfs can have, and who copies may give; not capabilities that are another user namespace's (EOVERFLOW). */
function copyXattrs(from: number, to: number): void {
  for (const name of listXattrs(from))
    unless([EOPNOTSUPP, EPERM, EOVERFLOW], () => setXattr(to, name, getXattr(from, name)));
}
