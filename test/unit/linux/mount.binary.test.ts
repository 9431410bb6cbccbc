/** Mounts, each test in a mount namespace of its own. Needs root. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  AT_FDCWD,
  AT_RECURSIVE,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  TMPFS_MAGIC,
} from "#abi";
import {
  close,
  filesystemType,
  mkdirAt,
  open,
  readText,
  statAt,
  using,
  writeText,
} from "../../../src/linux/fs.ts";
import {
  attachMount,
  cloneMount,
  createMount,
  mount,
  pivotRoot,
  setMountAttributes,
  umount,
} from "../../../src/linux/mount.ts";
import {
  chdir,
  chroot,
  fchdir,
  namespaceFlag,
  setns,
  unshare,
} from "../../../src/linux/namespaces.ts";
import { setLinkUp } from "../../../src/linux/net.ts";
import { type MountInfo, mountInfo } from "../../../src/linux/proc.ts";
import { inChild } from "./child.ts";
import { inScratch } from "./scratch.ts";

/** Runs a test with a directory to mount on, which nobody else sees. */
function withMountPoint(use: (target: number, path: string) => void, flags = 0): void {
  inScratch((dir, path) => {
    mkdirAt(dir, "mnt", 0o755);
    inChild(() => {
      mount(null, "/", null, MS_PRIVATE | MS_REC);
      using(open(`${path}/mnt`, O_PATH | O_DIRECTORY), (target) => use(target, `${path}/mnt`));
    }, CLONE_NEWNS | flags);
    equal(mountAt(`${path}/mnt`), undefined);
  });
}

const mountAt = (path: string): MountInfo | undefined =>
  mountInfo().findLast(({ mountPoint }) => mountPoint === path);

function mountTmpfs(target: number, attributes = 0): void {
  using(createMount("tmpfs", [["source", "a source"]], attributes), (fd) =>
    attachMount(fd, target),
  );
}

describe("a new filesystem", () => {
  test("has its parameters and attributes", () => {
    withMountPoint((target, path) => {
      const parameters = [
        ["source", "the source"],
        ["size", "64k"],
        ["mode", "751"],
        ["sync"],
      ] as const;
      const fd = createMount("tmpfs", parameters, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
      equal(filesystemType(fd), TMPFS_MAGIC);
      equal(mountAt(path), undefined);
      attachMount(fd, target);
      close(fd);
      const found = mountAt(path);
      deepEqual([found?.type, found?.source], ["tmpfs", "the source"]);
      deepEqual(found?.options, ["rw", "nosuid", "nodev", "relatime"]);
      for (const option of ["size=64k", "mode=751", "sync"])
        ok(found?.superOptions.includes(option), found?.superOptions.join(" "));
      equal(statAt(AT_FDCWD, path).mode & 0o777, 0o751);
    });
  });

  test("that cannot be made says why", () => {
    inChild(() => {
      throws(() => createMount("nofs", [], 0), { message: 'fsopen("nofs"): ENODEV' });
      throws(() => createMount("tmpfs", [["nosuch", "1"]], 0), {
        code: "EINVAL",
        message:
          /^fsconfig\("nosuch=1"\): EINVAL \(the kernel says: .*Unknown parameter 'nosuch'\)$/,
      });
      throws(() => createMount("tmpfs", [["nosuch"]], 0), /^Errno: fsconfig\("nosuch"\): EINVAL/);
      throws(() => createMount("tmpfs", [["size", "much"]], 0), /size=much.*the kernel says/);
    }, CLONE_NEWNS);
  });
});

describe("a mount's attributes", () => {
  test("are set and cleared", () => {
    withMountPoint((target, path) => {
      mountTmpfs(target);
      using(open(path, O_PATH | O_DIRECTORY), (root) => {
        setMountAttributes(root, { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID });
        throws(() => writeText("file", "", O_CREAT | O_WRONLY, root, 0o600), { code: "EROFS" });
        deepEqual(mountAt(path)?.options, ["ro", "nosuid", "relatime"]);
        setMountAttributes(root, { clear: MOUNT_ATTR_RDONLY, set: MOUNT_ATTR_NODEV });
        deepEqual(mountAt(path)?.options, ["rw", "nosuid", "nodev", "relatime"]);
        writeText("file", "", O_CREAT | O_WRONLY, root, 0o600);
      });
    });
  });

  test("are those of the mounts below only where it is said", () => {
    withMountPoint((target, path) => {
      mountTmpfs(target);
      mkdirAt(AT_FDCWD, `${path}/below`, 0o755);
      using(open(`${path}/below`, O_PATH), (below) => mountTmpfs(below));
      using(open(path, O_PATH | O_DIRECTORY), (root) => {
        const readonly = () =>
          [path, `${path}/below`].map((at) => mountAt(at)?.options.includes("ro"));
        setMountAttributes(root, { set: MOUNT_ATTR_RDONLY });
        deepEqual(readonly(), [true, false]);
        setMountAttributes(root, { clear: MOUNT_ATTR_RDONLY });
        setMountAttributes(root, { set: MOUNT_ATTR_RDONLY }, true);
        deepEqual(readonly(), [true, true]);
        setMountAttributes(root, { propagation: MS_SHARED }, true);
        ok(mountAt(`${path}/below`)?.propagation.some((tag) => tag.startsWith("shared:")));
      });
    });
  });

  test("that are none are refused", () => {
    using(open("/proc", O_PATH), (fd) => {
      throws(() => setMountAttributes(fd, { set: 1 << 30 }), { code: "EINVAL" });
    });
  });
});

describe("a bind mount", () => {
  test("shows the same files, with or without what is mounted below", () => {
    withMountPoint((target, path) => {
      mountTmpfs(target);
      mkdirAt(AT_FDCWD, `${path}/source`, 0o755);
      mkdirAt(AT_FDCWD, `${path}/source/below`, 0o755);
      mkdirAt(AT_FDCWD, `${path}/copy`, 0o755);
      writeText(`${path}/source/file`, "same", O_CREAT | O_WRONLY, AT_FDCWD, 0o600);
      using(open(`${path}/source/below`, O_PATH), (below) => mountTmpfs(below));
      for (const flags of [0, AT_RECURSIVE]) {
        using(open(`${path}/source`, O_PATH), (source) =>
          using(open(`${path}/copy`, O_PATH), (copy) =>
            using(cloneMount(source, flags), (fd) => attachMount(fd, copy)),
          ),
        );
        equal(readText(`${path}/copy/file`), "same");
        equal(mountAt(`${path}/copy`)?.root, "/source");
        equal(mountAt(`${path}/copy/below`) !== undefined, flags !== 0);
        umount(`${path}/copy`, MNT_DETACH);
        throws(() => readText(`${path}/copy/file`), { code: "ENOENT" });
      }
      throws(() => umount(`${path}/copy`, 0), { message: `umount2("${path}/copy"): EINVAL` });
    });
  });
});

describe("the root of a process", () => {
  test("is changed by pivot_root and chroot", () => {
    withMountPoint((target, path) => {
      mountTmpfs(target);
      writeText(`${path}/inside`, "inside", O_CREAT | O_WRONLY, AT_FDCWD, 0o600);
      using(open(path, O_RDONLY | O_DIRECTORY), (root) => {
        fchdir(root);
        pivotRoot(".", ".");
        umount(".", MNT_DETACH);
        chdir("/");
        equal(readText("/inside"), "inside");
        throws(() => statAt(AT_FDCWD, "/proc"), { code: "ENOENT" });
        mkdirAt(AT_FDCWD, "/jail", 0o755);
        chroot("/jail");
        chdir("/");
        throws(() => readText("/inside"), { code: "ENOENT" });
        throws(() => pivotRoot("/", "/"), { call: "pivot_root" });
      });
    });
  });
});

describe("namespaces", () => {
  const kinds: [string, number][] = [
    ["uts", CLONE_NEWUTS],
    ["ipc", CLONE_NEWIPC],
    ["net", CLONE_NEWNET],
    ["cgroup", CLONE_NEWCGROUP],
    ["mnt", CLONE_NEWNS],
    ["pid", CLONE_NEWPID],
  ];
  for (const [file, flag] of kinds)
    test(`${file} is left and entered again`, () => {
      inChild(() => {
        // A process's own PID namespace never changes: the one for its children does.
        const path = `/proc/self/ns/${flag === CLONE_NEWPID ? "pid_for_children" : file}`;
        const inode = () => using(open(path, O_RDONLY), (fd) => statAt(fd, "").ino);
        const old = open(path, O_RDONLY);
        equal(namespaceFlag(old), flag);
        const before = inode();
        unshare(flag);
        if (flag !== CLONE_NEWPID) ok(inode() !== before);
        const other = flag === CLONE_NEWUTS ? CLONE_NEWIPC : CLONE_NEWUTS;
        throws(() => setns(old, other), { message: `setns(${old}): EINVAL` });
        setns(old, flag);
        equal(inode(), before);
      });
    });

  test("other descriptors are none", () => {
    using(open("/proc/self/status", O_RDONLY), (fd) => {
      throws(() => namespaceFlag(fd), { code: "ENOTTY" });
    });
  });

  test("a new network has a loopback that can be brought up", () => {
    withMountPoint((target, path) => {
      using(createMount("sysfs", [], 0), (fd) => attachMount(fd, target));
      const flags = () => Number(readText(`${path}/class/net/lo/flags`));
      equal(flags() & 1, 0);
      setLinkUp("lo");
      equal(flags() & 1, 1);
      throws(() => setLinkUp("none"), { message: 'ioctl(SIOCGIFFLAGS)("none"): ENODEV' });
    }, CLONE_NEWNET);
  });
});
