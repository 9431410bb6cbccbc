/**
 * The option `tmpcopyup`: a tmpfs begins with what it covers. The tmpfs is filled before anybody can see it, and what the
 * image holds is gone through by descriptors: no link of it is followed, and no device opened.
 */
import {
  EINVAL,
  EOPNOTSUPP,
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
import { doing, Failure } from "../failure.ts";
import { chmodAt, copyContents, readlinkBytes, setTimes } from "../linux/copy.ts";
import { isErrno, unless } from "../linux/errno.ts";
import {
  chownAt,
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

/** Copies what the directory `from` holds to the mount `to`, with owners, modes, times and extended attributes. */
export function copyUp(from: number, to: number): void {
  doing("copying up what is there", undefined, () =>
    using(openAt(from, ".", O_RDONLY | O_DIRECTORY), (source) =>
      using(openAt(to, ".", O_RDONLY | O_DIRECTORY), (copy) => copyEntries(source, copy)),
    ),
  );
}

function copyEntries(source: number, copy: number): void {
  for (const { rawName } of readDirectory(source))
    doing(printable(rawName.subarray(0, -1)), undefined, () =>
      using(openAt(source, rawName, O_PATH | O_NOFOLLOW), (file) => copyFile(file, copy, rawName)),
    );
}

/** `file` only names it (O_PATH). What comes later would be undone by what comes before, were it the other way round. */
function copyFile(file: number, copy: number, name: Uint8Array): void {
  const status = stat(file);
  const type = status.mode & S_IFMT;
  const finish = (from?: number, to?: number) => {
    giveOwner(copy, name, status);
    if (type !== S_IFLNK) chmodAt(copy, name, status.mode & 0o7777);
    if (from !== undefined && to !== undefined) copyXattrs(from, to);
  };
  if (type === S_IFREG) copyRegularFile(file, copy, name, finish);
  else if (type === S_IFDIR) copyDirectory(file, copy, name, finish);
  else {
    if (type === S_IFLNK) symlinkAt(readlinkBytes(file, ""), copy, name);
    else makeSpecialFile(copy, name, status);
    finish();
  }
  setTimes(copy, name, status.times);
}

type Finish = (from: number, to: number) => void;

function copyRegularFile(file: number, copy: number, name: Uint8Array, finish: Finish): void {
  const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
  // This is the very file that was looked at.
  using(open(`/proc/self/fd/${file}`, O_RDONLY), (from) =>
    using(openAt(copy, name, flags, { mode: 0o600 }), (to) => {
      copyContents(from, to);
      finish(from, to);
    }),
  );
}

function copyDirectory(file: number, copy: number, name: Uint8Array, finish: Finish): void {
  mkdirAt(copy, name, 0o700);
  using(openAt(file, ".", O_RDONLY | O_DIRECTORY), (from) =>
    using(openAt(copy, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), (to) => {
      copyEntries(from, to);
      finish(from, to);
    }),
  );
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

/** Those that a tmpfs can have, and who copies may give. */
function copyXattrs(from: number, to: number): void {
  for (const name of listXattrs(from))
    unless([EOPNOTSUPP, EPERM], () => setXattr(to, name, getXattr(from, name)));
}
