/** Files and directories by descriptor. Paths inside a container's root go through `openInRoot`, never these alone. */

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  EAGAIN,
  EINTR,
  EISDIR,
  ENOENT,
  ENOTDIR,
  F_GETFL,
  F_SETFL,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
  SEEK_SET,
  STATX_ATTR_MOUNT_ROOT,
  STATX_BASIC_STATS,
  STATX_MNT_ID,
  SYS_close,
  SYS_close_range,
  SYS_dup3,
  SYS_faccessat2,
  SYS_fchmod,
  SYS_fchown,
  SYS_fchownat,
  SYS_fcntl,
  SYS_flock,
  SYS_fstatfs,
  SYS_getdents64,
  SYS_lseek,
  SYS_memfd_create,
  SYS_mkdirat,
  SYS_mknodat,
  SYS_openat2,
  SYS_pipe2,
  SYS_read,
  SYS_readlinkat,
  SYS_renameat2,
  SYS_statx,
  SYS_symlinkat,
  SYS_unlinkat,
  SYS_write,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { struct } from "./struct.ts";
import { decode, encode, type Path, printable } from "./text.ts";

/**
 * struct open_how: flags, mode and resolve, of 64 bits each, of which no value here needs the upper half. One for all
 * calls, since opening is what a container's set-up does most: to make one each time takes 2 % of a whole `run`.
 */
const openHow = new Uint32Array(6);

export interface OpenOptions {
  /** Permission bits of a new file. */
  mode?: number;
  /** RESOLVE_* of openat2(2). */
  resolve?: number;
}

/** openat2(2), always O_CLOEXEC: a descriptor or a negative errno. */
function openat2(dir: number, path: Path, flags: number, mode = 0, resolve = 0): number {
  openHow[0] = flags | O_CLOEXEC;
  openHow[2] = mode;
  openHow[4] = resolve;
  return syscall(SYS_openat2, dir, path, openHow, openHow.byteLength);
}

/** openat2(2), always O_CLOEXEC. Returns the descriptor. */
export function openAt(
  dir: number,
  path: Path,
  flags: number,
  { mode, resolve }: OpenOptions = {},
): number {
  return check(openat2(dir, path, flags, mode, resolve), "openat2", path);
}

/** As `openAt`, and undefined where there is no such file: for the many that need not be there, an exception is dear. */
export function findAt(
  dir: number,
  path: string,
  flags: number,
  { mode, resolve }: OpenOptions = {},
): number | undefined {
  const result = openat2(dir, path, flags, mode, resolve);
  return isMissing(result) ? undefined : check(result, "openat2", path);
}

const isMissing = (result: number): boolean => result === -ENOENT || result === -ENOTDIR;

/** Opens a path of the host, relative to the working directory. */
export const open = (path: string, flags: number, options?: OpenOptions): number =>
  openAt(AT_FDCWD, path, flags, options);

/** openat2(2) says EAGAIN when a rename raced with `..`: a bounded number of new tries, then it counts as an attack. */
const RESOLVE_TRIES = 32;

function openat2InRoot(root: number, path: string, flags: number, options: OpenOptions): number {
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (options.resolve ?? 0);
  for (let tries = 1; ; tries++) {
    const result = openat2(root, path, flags, options.mode, resolve);
    if (result !== -EAGAIN || tries === RESOLVE_TRIES) return result;
  }
}

/**
 * Opens a path as the container sees it: symbolic links and `..` stay inside `root`, magic links of /proc are refused.
 * Throws Errno; EAGAIN after 32 tries.
 */
export function openInRoot(
  root: number,
  path: string,
  flags: number,
  options: OpenOptions = {},
): number {
  return check(openat2InRoot(root, path, flags, options), "openat2", path);
}

/** As `openInRoot`, and undefined where there is no such file. */
export function findInRoot(
  root: number,
  path: string,
  flags: number,
  options: OpenOptions = {},
): number | undefined {
  const result = openat2InRoot(root, path, flags, options);
  return isMissing(result) ? undefined : check(result, "openat2", path);
}

export function close(fd: number): void {
  syscall(SYS_close, fd);
}

/** Runs `use` with a descriptor and closes it, whatever happens. */
export function using<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

/** close_range(2): closes all descriptors from `first` on, or only marks them close-on-exec (`flags`). */
export function closeFrom(first: number, flags = 0): void {
  check(syscall(SYS_close_range, first, 0xffffffff, flags), "close_range", first);
}

/** Closes all descriptors from `first` on, except some. */
export function closeAllBut(first: number, kept: readonly number[]): void {
  let next = first;
  for (const fd of [...kept].sort((a, b) => a - b)) {
    if (fd > next) check(syscall(SYS_close_range, next, fd - 1, 0), "close_range", next, fd - 1);
    next = Math.max(next, fd + 1);
  }
  closeFrom(next);
}

export function dup(from: number, to: number): void {
  check(syscall(SYS_dup3, from, to, 0), "dup3", from, to);
}

export function fcntl(fd: number, command: number, value = 0): number {
  return check(syscall(SYS_fcntl, fd, command, value), "fcntl", fd);
}

/** For all who have the same open file (open(2)): a read or write that would wait is EAGAIN. */
export function setNonBlocking(fd: number): void {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/** Enough for most files of /proc and most configurations in one read(2); fresh memory costs more than the call. */
const FIRST_READ = 8192;

/** Reads to the end of a file. Throws a RangeError beyond `limit` bytes. */
export function readBytes(fd: number, limit = Number.POSITIVE_INFINITY): Uint8Array {
  let buffer = new Uint8Array(FIRST_READ);
  let length = 0;
  for (;;) {
    const free = buffer.subarray(length);
    const read = check(syscall(SYS_read, fd, free, free.length), "read", fd);
    if (read === 0) return buffer.subarray(0, length);
    length += read;
    if (length > limit) throw new RangeError(`the file is larger than ${limit} bytes`);
    if (length === buffer.length) buffer = enlarged(buffer);
  }
}

function enlarged(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(buffer.length * 4);
  larger.set(buffer);
  return larger;
}

/** The text of a file of the host, of at most `limit` bytes (RangeError). Throws a TypeError if it is not UTF-8. */
export const readText = (path: string, dir: number = AT_FDCWD, limit?: number): string =>
  using(openAt(dir, path, O_RDONLY), (fd) => decode(readBytes(fd, limit)));

/** The text of an open file from its beginning: the kernel wakes poll(2) for what happens after the last read. */
export function rereadText(fd: number): string {
  lseek(fd, 0, SEEK_SET);
  return decode(readBytes(fd));
}

/** Writes everything, in as many write(2) calls as it takes. */
export function writeAll(fd: number, data: string | Uint8Array): void {
  let left = typeof data === "string" ? encode(data) : data;
  while (left.length > 0) {
    const result = syscall(SYS_write, fd, left, left.length);
    if (result === -EINTR) continue;
    left = left.subarray(check(result, "write", fd));
  }
}

/** Opens, writes and closes: for the kernel's one-value files. */
export function writeText(
  path: string,
  text: string,
  flags: number,
  dir: number = AT_FDCWD,
  mode = 0,
): void {
  using(openAt(dir, path, flags, { mode }), (fd) => writeAll(fd, text));
}

export function mkdirAt(dir: number, name: Path, mode: number): void {
  check(syscall(SYS_mkdirat, dir, name, mode), "mkdirat", name);
}

/** mknodat(2); `mode` holds the type too, `device` is of `makedev`. */
export function mknodAt(dir: number, name: Path, mode: number, device = 0): void {
  check(syscall(SYS_mknodat, dir, name, mode, device), "mknodat", name);
}

/** The device number that mknod(2) takes. Throws a RangeError beyond its 12 and 20 bits, of which it would make others. */
export function makedev(major: number, minor: number): number {
  if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff)
    throw new RangeError(
      `there is no device ${major}:${minor}: the numbers go from 0:0 to 4095:1048575`,
    );
  return ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

export function symlinkAt(target: Path, dir: number, name: Path): void {
  check(syscall(SYS_symlinkat, target, dir, name), "symlinkat", target, name);
}

/** False if there is no such name. */
export function unlinkAt(dir: number, name: string): boolean {
  const result = syscall(SYS_unlinkat, dir, name, 0);
  if (result === -ENOENT) return false;
  check(result, "unlinkat", name);
  return true;
}

export function rmdirAt(dir: number, name: Path): void {
  check(syscall(SYS_unlinkat, dir, name, AT_REMOVEDIR), "rmdir", name);
}

/** renameat2(2) within one directory. */
export function renameAt(dir: number, from: string, to: string, flags = 0): void {
  check(syscall(SYS_renameat2, dir, from, dir, to, flags), "renameat2", from, to);
}

const PATH_MAX = 4096;

export function readlinkAt(dir: number, path: string): string {
  const buffer = new Uint8Array(PATH_MAX);
  const length = check(
    syscall(SYS_readlinkat, dir, path, buffer, buffer.length),
    "readlinkat",
    path,
  );
  return decode(buffer.subarray(0, length));
}

/** chmod(2) on a descriptor that was not opened with O_PATH. */
export function chmod(fd: number, mode: number): void {
  check(syscall(SYS_fchmod, fd, mode), "fchmod", fd, mode.toString(8));
}

/** -1 leaves the user or the group as it is. */
export function chown(fd: number, uid: number, gid: number): void {
  check(syscall(SYS_fchown, fd, uid, gid), "fchown", fd, uid, gid);
}

export function chownAt(dir: number, name: Path, uid: number, gid: number): void {
  check(
    syscall(SYS_fchownat, dir, name, uid, gid, AT_SYMLINK_NOFOLLOW),
    "fchownat",
    name,
    uid,
    gid,
  );
}

/** faccessat2(2) with the effective ids: whether the caller may execute, read or write. */
export const access = (dir: number, path: string, mode: number, flags: number): number =>
  syscall(SYS_faccessat2, dir, path, mode, flags);

/** A pipe's end to read from, and the one to write to, close-on-exec. */
export function pipe(): [from: number, to: number] {
  const ends = new Int32Array(2);
  check(syscall(SYS_pipe2, ends, O_CLOEXEC), "pipe2");
  return [ends[0] as number, ends[1] as number];
}

export function lseek(fd: number, offset: number, whence: number): number {
  return check(syscall(SYS_lseek, fd, offset, whence), "lseek", fd, offset);
}

export function memfd(name: string, flags: number): number {
  return check(syscall(SYS_memfd_create, name, flags), "memfd_create", name);
}

/** flock(2); false when LOCK_NB is given and another holds it. */
export function flock(fd: number, operation: number): boolean {
  const result = syscall(SYS_flock, fd, operation);
  if (result === -EAGAIN) return false;
  check(result, "flock", fd);
  return true;
}

const statxBuffer = struct({
  mask: "u32",
  blksize: "u32",
  attributes: "u64",
  nlink: "u32",
  uid: "u32",
  gid: "u32",
  mode: "u16",
  spare: "u16",
  ino: "u64",
  size: "u64",
  blocks: "u64",
  attributesMask: "u64",
  atime: "u64",
  atimeNsec: "u64",
  btime: "u64",
  btimeNsec: "u64",
  ctime: "u64",
  ctimeNsec: "u64",
  mtime: "u64",
  mtimeNsec: "u64",
  rdevMajor: "u32",
  rdevMinor: "u32",
  devMajor: "u32",
  devMinor: "u32",
  mountId: "u64",
});
const STATX_SIZE = 256;
/** Seconds and nanoseconds; in statx(2) the upper half of these is padding, and 0. */
const TIMESPEC_SIZE = 16;

/** What statx(2) found, read from its buffer field by field, as it is asked for. */
export class Status {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Type and permissions. */
  get mode(): number {
    return statxBuffer.get(this.#bytes, "mode");
  }

  /** 0 once the last name is gone. */
  get nlink(): number {
    return statxBuffer.get(this.#bytes, "nlink");
  }

  get uid(): number {
    return statxBuffer.get(this.#bytes, "uid");
  }

  get gid(): number {
    return statxBuffer.get(this.#bytes, "gid");
  }

  get size(): number {
    return statxBuffer.get(this.#bytes, "size");
  }

  get ino(): number {
    return statxBuffer.get(this.#bytes, "ino");
  }

  /** When its content was last changed, in seconds since 1970. */
  get modified(): number {
    return statxBuffer.get(this.#bytes, "mtime");
  }

  /** Access and modification, each as a struct timespec (utimensat(2)). */
  get times(): Uint8Array {
    const [access, modification] = [statxBuffer.offset("atime"), statxBuffer.offset("mtime")];
    const times = new Uint8Array(2 * TIMESPEC_SIZE);
    times.set(this.#bytes.subarray(access, access + TIMESPEC_SIZE));
    times.set(this.#bytes.subarray(modification, modification + TIMESPEC_SIZE), TIMESPEC_SIZE);
    return times;
  }

  /** Whether it is where a mount begins. */
  get isMountRoot(): boolean {
    return (statxBuffer.get(this.#bytes, "attributes") & STATX_ATTR_MOUNT_ROOT) !== 0;
  }

  /** The mount through which it is seen. */
  get mountId(): number {
    return statxBuffer.get(this.#bytes, "mountId");
  }

  /** Of a device file: the device's numbers. */
  get rdev(): DeviceNumber {
    return {
      major: statxBuffer.get(this.#bytes, "rdevMajor"),
      minor: statxBuffer.get(this.#bytes, "rdevMinor"),
    };
  }
}

export interface DeviceNumber {
  major: number;
  minor: number;
}

/** statx(2) of a name, not followed if it is a link; the empty name is the descriptor itself. */
export function statAt(dir: number, name: Path): Status {
  const bytes = new Uint8Array(STATX_SIZE);
  const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  check(
    syscall(SYS_statx, dir, name, flags, STATX_BASIC_STATS | STATX_MNT_ID, bytes),
    "statx",
    name === "" ? dir : name,
  );
  return new Status(bytes);
}

export const stat = (fd: number): Status => statAt(fd, "");

const STATFS_SIZE = 120;

/** The filesystem's magic number (statfs(2), f_type). */
export function filesystemType(fd: number): number {
  const bytes = new Uint8Array(STATFS_SIZE);
  check(syscall(SYS_fstatfs, fd, bytes), "fstatfs", fd);
  return Number(new DataView(bytes.buffer).getBigUint64(0, true));
}

/** An entry of a directory: its name may be any bytes, and who needs it only for system calls need not care. */
export class DirectoryEntry {
  /** The bytes of the name, with the NUL at their end, as system calls take it. */
  readonly rawName: Uint8Array;
  /** DT_* of getdents64(2). */
  readonly type: number;

  constructor(rawName: Uint8Array, type: number) {
    this.rawName = rawName;
    this.type = type;
  }

  /** Throws a TypeError for a name that is not UTF-8. */
  get name(): string {
    return decode(this.rawName.subarray(0, -1));
  }
}

const DIRECTORY_READ = 8192;
const DOT = 0x2e;

/** `.` or `..`, with its NUL. */
const isDots = (name: Uint8Array): boolean =>
  name[0] === DOT && (name.length === 2 || (name.length === 3 && name[1] === DOT));

/** The entries of a directory, without `.` and `..`. */
export function readDirectory(fd: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  const buffer = new Uint8Array(DIRECTORY_READ);
  const view = new DataView(buffer.buffer);
  for (;;) {
    const length = check(syscall(SYS_getdents64, fd, buffer, buffer.length), "getdents64", fd);
    if (length === 0) return entries;
    for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
      const rawName = buffer.slice(at + 19, buffer.indexOf(0, at + 19) + 1);
      if (!isDots(rawName)) entries.push(new DirectoryEntry(rawName, view.getUint8(at + 18)));
    }
  }
}

/** Removes a name of a directory, with all that is below it. Nothing is followed or entered that is mounted there. */
export function removeAt(dir: number, name: Path): void {
  const result = syscall(SYS_unlinkat, dir, name, 0);
  if (result !== -EISDIR) {
    if (result !== -ENOENT) check(result, "unlinkat", name);
    return;
  }
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  using(openAt(dir, name, flags, { resolve: RESOLVE_NO_XDEV }), (fd) => emptyDirectory(fd));
  rmdirAt(dir, name);
}

/** Removes all that is in a directory, which was opened for this, but for the name `kept`. */
export function emptyDirectory(fd: number, kept?: string): void {
  for (const { rawName } of readDirectory(fd))
    if (printable(rawName.subarray(0, -1)) !== kept) removeAt(fd, rawName);
}

/** The entries of a directory given by its path. */
export const listDirectory = (path: string, dir: number = AT_FDCWD): DirectoryEntry[] =>
  using(openAt(dir, path, O_RDONLY | O_DIRECTORY), readDirectory);

/** A descriptor that only names a place (O_PATH). */
export const openPath = (path: string, flags = 0, dir: number = AT_FDCWD): number =>
  openAt(dir, path, O_PATH | flags);
