import { deepEqual, equal, match, notEqual, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  AT_EACCESS,
  AT_FDCWD,
  CLOSE_RANGE_CLOEXEC,
  DT_DIR,
  DT_FIFO,
  DT_LNK,
  DT_REG,
  EACCES,
  F_GETFD,
  F_GETFL,
  FD_CLOEXEC,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  PROC_SUPER_MAGIC,
  RENAME_NOREPLACE,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  SEEK_END,
  SEEK_SET,
  SYS_mkdirat,
  SYS_openat,
  SYS_pipe2,
  TMPFS_MAGIC,
} from "#abi";
import { syscall } from "#host";
import {
  access,
  chmod,
  chown,
  chownAt,
  close,
  closeFrom,
  dup,
  fcntl,
  filesystemType,
  flock,
  listDirectory,
  lseek,
  makedev,
  memfd,
  mkdirAt,
  mknodAt,
  open,
  openAt,
  openInRoot,
  openPath,
  readBytes,
  readDirectory,
  readlinkAt,
  readText,
  renameAt,
  rereadText,
  rmdirAt,
  stat,
  statAt,
  symlinkAt,
  unlinkAt,
  using,
  writeAll,
  writeText,
} from "../../../src/linux/fs.ts";
import { inScratch, makeFile } from "./scratch.ts";

const X_OK = 1;
const W_OK = 2;

describe("opening", () => {
  test("descriptors are close-on-exec", () => {
    using(open("/", O_PATH), (fd) => equal(fcntl(fd, F_GETFD), FD_CLOEXEC));
    using(openPath("/proc"), (fd) => equal(fcntl(fd, F_GETFD), FD_CLOEXEC));
  });

  test("flags and mode reach the kernel", () => {
    inScratch((dir) => {
      const fd = openAt(dir, "new", O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_NONBLOCK, {
        mode: 0o640,
      });
      const flags = fcntl(fd, F_GETFL);
      equal(flags & (O_WRONLY | O_APPEND | O_NONBLOCK), O_WRONLY | O_APPEND | O_NONBLOCK);
      equal(stat(fd).mode, S_IFREG | 0o640);
      close(fd);
      throws(() => openAt(dir, "new", O_CREAT | O_EXCL | O_WRONLY), {
        message: 'openat2("new"): EEXIST',
      });
    });
  });

  test("openat2 refuses what open would ignore", () => {
    throws(() => open("/", O_PATH | O_RDWR | (1 << 30)), /EINVAL/);
    throws(() => open("/", O_RDONLY, { mode: 0o644 }), /EINVAL/);
    throws(() => open("/", O_PATH, { resolve: 1 << 30 }), /EINVAL/);
  });

  test("RESOLVE_* of openat2", () => {
    inScratch((dir) => {
      symlinkAt(".", dir, "here");
      const refused: [string, number, string][] = [
        ["here", RESOLVE_NO_SYMLINKS, "ELOOP"],
        ["..", RESOLVE_BENEATH, "EXDEV"],
        ["/", RESOLVE_BENEATH, "EXDEV"],
      ];
      for (const [path, resolve, code] of refused)
        throws(() => openAt(dir, path, O_PATH, { resolve }), { code });
      throws(() => open("/proc/self", O_PATH, { resolve: RESOLVE_NO_XDEV }), { code: "EXDEV" });
      close(openAt(dir, "here", O_PATH, { resolve: RESOLVE_BENEATH }));
    });
  });

  test("a descriptor is closed whatever happens", () => {
    let opened = -1;
    equal(
      using(open("/", O_PATH), (fd) => {
        opened = fd;
        return "value";
      }),
      "value",
    );
    throws(() => fcntl(opened, F_GETFD), { code: "EBADF" });
    throws(
      () =>
        using(open("/", O_PATH), (fd) => {
          opened = fd;
          throw new RangeError("inside");
        }),
      RangeError,
    );
    throws(() => fcntl(opened, F_GETFD), { code: "EBADF" });
  });
});

describe("a root is not left", () => {
  /** root/{etc/passwd, sub/deep/file, links…} beside a file `outside` that no path may lead to. */
  function inRootTree(use: (root: number, ino: (path: string) => number) => void): void {
    inScratch((dir) => {
      makeFile(dir, "outside");
      mkdirAt(dir, "root", 0o755);
      using(openAt(dir, "root", O_RDONLY | O_DIRECTORY), (root) => {
        for (const directory of ["etc", "sub", "sub/deep"]) mkdirAt(root, directory, 0o755);
        for (const file of ["etc/passwd", "sub/deep/file", "outside"]) makeFile(root, file);
        for (const [name, target] of Object.entries(LINKS)) symlinkAt(target, root, name);
        use(root, (path) => statAt(root, path).ino);
      });
    });
  }

  const LINKS = {
    absolute: "/etc/passwd",
    up: "../outside",
    farUp: "../../../../../../../../outside",
    "sub/up": "../../outside",
    "sub/deep/up": "/../../outside",
    chain: "sub/chained",
    "sub/chained": "/absolute",
    toRoot: "/",
    above: "..",
    loop: "loop",
    dangling: "/nowhere",
    "etc/self": "/etc",
  };

  const places: [path: string, place: string][] = [
    ["etc/passwd", "etc/passwd"],
    ["/etc/passwd", "etc/passwd"],
    ["absolute", "etc/passwd"],
    ["up", "outside"],
    ["farUp", "outside"],
    ["sub/up", "outside"],
    ["sub/deep/up", "outside"],
    ["chain", "etc/passwd"],
    ["../outside", "outside"],
    ["/../../../../outside", "outside"],
    ["sub/../../../outside", "outside"],
    ["toRoot", "."],
    ["toRoot/etc/passwd", "etc/passwd"],
    ["above/outside", "outside"],
    ["above/above/../etc", "etc"],
    ["etc/self/self/../sub/deep/file", "sub/deep/file"],
    ["..", "."],
    ["/", "."],
    ["sub/deep/../../sub/deep/file", "sub/deep/file"],
  ];
  test("links and .. are followed inside", () => {
    inRootTree((root, ino) => {
      for (const [path, place] of places)
        using(openInRoot(root, path, O_PATH), (fd) => equal(stat(fd).ino, ino(place), path));
    });
  });

  test("what is not there inside is not found outside", () => {
    inRootTree((root) => {
      const refused: [string, string][] = [
        ["dangling", "ENOENT"],
        ["loop", "ELOOP"],
        ["etc/passwd/more", "ENOTDIR"],
        ["proc/self", "ENOENT"],
        ["tmp", "ENOENT"],
        ["", "ENOENT"],
      ];
      for (const [path, code] of refused)
        throws(() => openInRoot(root, path, O_PATH), { code }, path);
      throws(() => openInRoot(root, "absolute", O_PATH, { resolve: RESOLVE_NO_SYMLINKS }), {
        code: "ELOOP",
      });
      using(openInRoot(root, "dangling", O_PATH | O_NOFOLLOW), (fd) =>
        equal(stat(fd).mode & S_IFMT, S_IFLNK),
      );
    });
  });

  test("a file is made where the path leads inside", () => {
    inRootTree((root) => {
      close(openInRoot(root, "/../dangling", O_CREAT | O_WRONLY, { mode: 0o600 }));
      equal(statAt(root, "nowhere").mode, S_IFREG | 0o600);
      throws(() => statAt(AT_FDCWD, "/nowhere"), { code: "ENOENT" });
    });
  });

  test("magic links of /proc are refused", () => {
    using(openPath("/"), (root) => {
      for (const path of ["proc/self/exe", "proc/self/root/etc", "proc/self/fd/0", "proc/self/cwd"])
        throws(() => openInRoot(root, path, O_PATH), { code: "ELOOP" }, path);
      // The link itself is no way out.
      close(openInRoot(root, "proc/self/exe", O_PATH | O_NOFOLLOW));
      close(openInRoot(root, "proc/self/status", O_RDONLY));
    });
  });
});

describe("reading and writing", () => {
  const lengths = [0, 1, 65535, 65536, 65537, 131072, 200_000, 8 << 20];
  for (const length of lengths)
    test(`${length} bytes`, () => {
      const data = Uint8Array.from({ length: Math.min(length, 251) }, (_, i) => i);
      const all = new Uint8Array(length);
      for (let at = 0; at < length; at += 251) all.set(data.subarray(0, length - at), at);
      using(memfd("bytes", 0), (fd) => {
        writeAll(fd, all);
        equal(lseek(fd, 0, SEEK_END), length);
        lseek(fd, 0, SEEK_SET);
        const read = readBytes(fd, length);
        equal(read.length, length);
        ok(read.every((byte, i) => byte === i % 251));
        if (length === 0) return;
        lseek(fd, 0, SEEK_SET);
        throws(() => readBytes(fd, length - 1), {
          name: "RangeError",
          message: `the file is larger than ${length - 1} bytes`,
        });
      });
    });

  test("a file without an end is not read without one", () => {
    using(open("/dev/zero", O_RDONLY), (fd) => {
      throws(() => readBytes(fd, 1_000_000), RangeError);
    });
  });

  test("a pipe is read to its end, in the pieces in which it comes", () => {
    const [reader, writer] = pipe();
    writeAll(writer, "one, ");
    writeAll(writer, "two");
    close(writer);
    equal(new TextDecoder().decode(readBytes(reader)), "one, two");
    close(reader);
  });

  test("what cannot be written is an error", () => {
    const [reader, writer] = pipe(O_NONBLOCK);
    throws(() => writeAll(writer, "x".repeat(2 << 20)), { code: "EAGAIN", call: "write" });
    close(writer);
    close(reader);
    using(open("/dev/full", O_WRONLY), (fd) =>
      throws(() => writeAll(fd, "x"), { code: "ENOSPC", message: `write(${fd}): ENOSPC` }),
    );
  });

  test("a file's text is replaced, lengthened or refused", () => {
    inScratch((dir, path) => {
      writeText("file", "a long text", O_CREAT | O_WRONLY, dir, 0o600);
      writeText("file", "é€\u{1f600}", O_TRUNC | O_WRONLY, dir);
      writeText(`${path}/file`, "\ufeff", O_APPEND | O_WRONLY);
      equal(readText("file", dir), "é€\u{1f600}\ufeff");
      equal(readText(`${path}/file`), "é€\u{1f600}\ufeff");
      using(openAt(dir, "file", O_WRONLY | O_TRUNC), (fd) =>
        writeAll(fd, Uint8Array.from([0x61, 0xff])),
      );
      throws(() => readText("file", dir), TypeError);
      throws(() => readText("file2", dir), {
        message: 'openat2("file2"): no such file or directory (ENOENT)',
      });
      throws(() => writeText("file3", "", O_WRONLY, dir), { code: "ENOENT" });
    });
  });

  test("an open file is read again from its beginning", () => {
    inScratch((dir) => {
      makeFile(dir, "file", "one");
      using(openAt(dir, "file", O_RDONLY), (fd) => {
        equal(rereadText(fd), "one");
        writeText("file", "three", O_WRONLY, dir);
        equal(rereadText(fd), "three");
        equal(rereadText(fd), "three");
      });
    });
  });
});

function pipe(flags = 0): [number, number] {
  const ends = new Int32Array(2);
  equal(syscall(SYS_pipe2, ends, flags), 0);
  return [ends[0] as number, ends[1] as number];
}

describe("directories", () => {
  test("thousands of entries", () => {
    inScratch((dir, path) => {
      const names = Array.from({ length: 2500 }, (_, i) => `${i}-${"entry".repeat(i % 40)}`);
      for (const name of names) makeFile(dir, name);
      const listed = listDirectory(path);
      deepEqual(listed.map(({ name }) => name).sort(), names.toSorted());
      ok(listed.every(({ type }) => type === DT_REG));
    });
  });

  test("names and types as they are", () => {
    inScratch((dir, path) => {
      const longest = "n".repeat(255);
      mkdirAt(dir, "directory", 0o700);
      symlinkAt("nowhere", dir, "link");
      mknodAt(dir, "fifo", S_IFIFO | 0o600);
      for (const name of ["...", " ", "\n", "é\u{1f600}", longest]) makeFile(dir, name);
      const entries = listDirectory(path).map(({ name, type }): [string, number] => [name, type]);
      deepEqual(
        entries.sort(([a], [b]) => (a < b ? -1 : 1)),
        [
          ["\n", DT_REG],
          [" ", DT_REG],
          ["...", DT_REG],
          ["directory", DT_DIR],
          ["fifo", DT_FIFO],
          ["link", DT_LNK],
          [longest, DT_REG],
          ["é\u{1f600}", DT_REG],
        ],
      );
      deepEqual(listDirectory("directory", dir), []);
      throws(() => listDirectory("fifo", dir), { code: "ENOTDIR" });
    });
  });

  test("a name that is not UTF-8 is bytes, and refused as text", () => {
    inScratch((dir) => {
      const name = Uint8Array.from([0x61, 0xff, 0]);
      equal(syscall(SYS_mkdirat, dir, name, 0o700), 0);
      const [entry, ...others] = readDirectory(dir);
      deepEqual(others, []);
      deepEqual(entry?.rawName, name);
      throws(() => entry?.name, TypeError);
      const below = openAt(dir, name, O_RDONLY | O_DIRECTORY);
      mkdirAt(below, "b", 0o700);
      throws(() => rmdirAt(dir, name), { message: 'rmdir("a\u00ff"): ENOTEMPTY' });
      rmdirAt(below, "b");
      close(below);
      rmdirAt(dir, name);
      throws(() => openAt(dir, name, O_PATH), {
        message: 'openat2("a\u00ff"): no such file or directory (ENOENT)',
      });
    });
  });

  test("are made and removed", () => {
    inScratch((dir) => {
      mkdirAt(dir, "a", 0o700);
      equal(statAt(dir, "a").mode, S_IFDIR | 0o700);
      throws(() => mkdirAt(dir, "a", 0o700), { message: 'mkdirat("a"): EEXIST' });
      mkdirAt(dir, "a/b", 0o700);
      throws(() => rmdirAt(dir, "a"), { message: 'rmdir("a"): ENOTEMPTY' });
      throws(() => unlinkAt(dir, "a/b"), { message: 'unlinkat("a/b"): is a directory (EISDIR)' });
      rmdirAt(dir, "a/b");
      rmdirAt(dir, "a");
      equal(unlinkAt(dir, "a"), false);
    });
  });
});

describe("names", () => {
  test("symbolic links", () => {
    inScratch((dir) => {
      const longest = "/x".repeat(2047);
      for (const target of ["/etc/passwd", "..", "é/\u{1f600}", " \n", longest]) {
        symlinkAt(target, dir, "link");
        equal(readlinkAt(dir, "link"), target);
        equal(statAt(dir, "link").mode & S_IFMT, S_IFLNK);
        unlinkAt(dir, "link");
      }
      makeFile(dir, "file");
      throws(() => readlinkAt(dir, "file"), { message: 'readlinkat("file"): EINVAL' });
      throws(() => symlinkAt("a", dir, "file"), { message: 'symlinkat("a", "file"): EEXIST' });
    });
  });

  test("are changed, over another or not", () => {
    inScratch((dir) => {
      makeFile(dir, "a", "A");
      makeFile(dir, "b", "B");
      throws(() => renameAt(dir, "a", "b", RENAME_NOREPLACE), {
        message: 'renameat2("a", "b"): EEXIST',
      });
      renameAt(dir, "a", "b");
      equal(readText("b", dir), "A");
      throws(() => statAt(dir, "a"), { code: "ENOENT" });
    });
  });
});

describe("nodes and their status", () => {
  test("device numbers as the kernel takes them", () => {
    const numbers: [number, number, number][] = [
      [0, 0, 0],
      [1, 3, 0x103],
      [8, 255, 0x8ff],
      [8, 256, 0x100800],
      [4095, 0, 0xfff00],
      // The minor's upper 12 bits, the major's 12, the minor's lower 8.
      [0xabc, 0x12345, 0x123abc45],
      [0xfff, 0xfffff, 0xffffffff],
    ];
    for (const [major, minor, device] of numbers)
      equal(makedev(major, minor), device, `${major}:${minor}`);
    for (const [major, minor] of [
      [0x1000, 0],
      [0, 0x100000],
      [-1, 0],
      [0, -1],
    ] as const)
      throws(() => makedev(major, minor), RangeError);
  });

  test("device files", () => {
    inScratch((dir) => {
      const devices: [number, number, number][] = [
        [S_IFCHR, 1, 3],
        [S_IFCHR, 5, 255],
        [S_IFBLK, 259, 1_000_000],
        [S_IFBLK, 4095, 0xfffff],
      ];
      devices.forEach(([type, major, minor], i) => {
        mknodAt(dir, `device${i}`, type | 0o600, makedev(major, minor));
        const { mode, rdev } = statAt(dir, `device${i}`);
        equal(mode, type | 0o600);
        deepEqual(rdev, { major, minor });
      });
      mknodAt(dir, "fifo", S_IFIFO | 0o600);
      equal(statAt(dir, "fifo").mode, S_IFIFO | 0o600);
    });
  });

  test("the status of a file, a link and a descriptor", () => {
    inScratch((dir) => {
      makeFile(dir, "file", "12345");
      symlinkAt("file", dir, "link");
      const file = statAt(dir, "file");
      equal(file.size, 5);
      equal(file.nlink, 1);
      equal(file.mode & S_IFMT, S_IFREG);
      notEqual(statAt(dir, "link").ino, file.ino);
      equal(statAt(dir, "link").size, 4);
      using(openAt(dir, "link", O_RDONLY), (fd) => equal(stat(fd).ino, file.ino));
      using(openAt(dir, "file", O_PATH), (fd) => {
        equal(stat(fd).size, 5);
        unlinkAt(dir, "file");
        equal(stat(fd).nlink, 0);
      });
      throws(() => statAt(dir, "none"), {
        message: 'statx("none"): no such file or directory (ENOENT)',
      });
      throws(() => stat(99999), { message: "statx(99999): EBADF" });
    });
    deepEqual(statAt(AT_FDCWD, "/dev/null").rdev, { major: 1, minor: 3 });
  });

  test("filesystems by their magic numbers", () => {
    using(openPath("/proc"), (fd) => equal(filesystemType(fd), PROC_SUPER_MAGIC));
    using(memfd("tmpfs", 0), (fd) => equal(filesystemType(fd), TMPFS_MAGIC));
    throws(() => filesystemType(99999), { message: "fstatfs(99999): EBADF" });
  });

  test("permissions and owners", () => {
    inScratch((dir) => {
      makeFile(dir, "file");
      symlinkAt("file", dir, "link");
      using(openAt(dir, "file", O_RDONLY), (fd) => {
        chmod(fd, 0o4711);
        equal(stat(fd).mode, S_IFREG | 0o4711);
        chown(fd, 1234, -1);
        equal(stat(fd).uid, 1234);
        chown(fd, -1, 4321);
      });
      chownAt(dir, "link", 7, 8);
      const owners = ["file", "link"].map((name) => [statAt(dir, name).uid, statAt(dir, name).gid]);
      deepEqual(owners, [
        [1234, 4321],
        [7, 8],
      ]);
      using(openAt(dir, "file", O_PATH), (fd) =>
        throws(() => chmod(fd, 0o600), { message: `fchmod(${fd}, "600"): EBADF` }),
      );
    });
  });

  test("what may be done with a file", () => {
    inScratch((dir) => {
      makeFile(dir, "file");
      equal(access(dir, "file", W_OK, AT_EACCESS), 0);
      equal(access(dir, "file", X_OK, AT_EACCESS), -EACCES);
      equal(access(AT_FDCWD, "/proc/self/exe", X_OK, AT_EACCESS), 0);
    });
  });
});

describe("descriptors", () => {
  /** Numbers that nothing else uses. */
  const HIGH = 700;

  test("are duplicated to a number, open across exec", () => {
    using(memfd("dup", 1), (fd) => {
      equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
      dup(fd, HIGH);
      equal(fcntl(HIGH, F_GETFD), 0);
      equal(stat(HIGH).ino, stat(fd).ino);
      close(HIGH);
      throws(() => dup(99999, HIGH), { message: `dup3(99999, ${HIGH}): EBADF` });
    });
  });

  test("are closed from a number on, or at exec", () => {
    const fd = memfd("range", 0);
    const numbers = [HIGH, HIGH + 1, HIGH + 7];
    for (const number of numbers) dup(fd, number);
    closeFrom(HIGH + 1, CLOSE_RANGE_CLOEXEC);
    deepEqual(
      numbers.map((number) => fcntl(number, F_GETFD)),
      [0, FD_CLOEXEC, FD_CLOEXEC],
    );
    closeFrom(HIGH);
    for (const number of numbers) throws(() => fcntl(number, F_GETFD), { code: "EBADF" });
    equal(fcntl(fd, F_GETFD), 0);
    close(fd);
  });

  test("a memfd has its name and its place", () => {
    using(memfd("a name", 0), (fd) => {
      match(readlinkAt(AT_FDCWD, `/proc/self/fd/${fd}`), /^\/memfd:a name/);
      equal(lseek(fd, 2 ** 40, SEEK_SET), 2 ** 40);
      throws(() => lseek(fd, -1, SEEK_SET), { message: `lseek(${fd}, -1): EINVAL` });
    });
    throws(() => memfd("n".repeat(250), 0), { code: "EINVAL" });
  });

  test("locks belong to what was opened", () => {
    inScratch((dir, path) => {
      const [first, second] = [open(path, O_RDONLY), openAt(dir, ".", O_RDONLY)];
      ok(flock(first, LOCK_EX));
      ok(!flock(second, LOCK_EX | LOCK_NB));
      ok(!flock(second, LOCK_SH | LOCK_NB));
      ok(flock(first, LOCK_SH));
      ok(flock(second, LOCK_SH | LOCK_NB));
      ok(!flock(second, LOCK_EX | LOCK_NB));
      ok(flock(first, LOCK_UN));
      ok(flock(second, LOCK_EX | LOCK_NB));
      close(second);
      ok(flock(first, LOCK_EX | LOCK_NB));
      close(first);
      throws(() => flock(first, LOCK_EX | LOCK_NB), { code: "EBADF" });
    });
  });
});

test("a raw call sees the same descriptors", () => {
  const fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY);
  ok(readDirectory(fd).some(({ name }) => name === String(fd)));
  close(fd);
});
