/** Sources, destinations and types of mounts in their odd cases, beside runc and crun. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { alike, mountsBelow, printed } from "./harness/alike.ts";
import { type Bundle, makeRootfs, shellBundle, writeConfig } from "./harness/bundle.ts";
import { recentRunc } from "./harness/cgroup.ts";
import { addUserNamespace, type Config, type Mount, shareNamespace } from "./harness/config.ts";
import { appears, failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { mounted } from "./harness/mounted.ts";
import { crun, newId, Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Prepare = (rootfs: string, bundle: string) => void;

const mounting = (mounts: Mount[], script: string, prepare: Prepare = () => {}): Bundle =>
  shellBundle(script, { prepare, edit: (config) => config.mounts.push(...mounts) });

const refused = (mount: Mount, pointer: string, ...patterns: RegExp[]): void => {
  const { path, config } = mounting([mount], "true");
  const place = new RegExp(`\\(config.json /mounts/${config.mounts.length - 1}${pointer}\\)`);
  leavesNothing(() => failed(tsrun.call(["run", "-b", path, newId()]), place, ...patterns));
};

const tmpfs = (destination: string, ...options: string[]): Mount => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options: ["mode=755", ...options],
});

describe("destinations", () => {
  test("a relative one is below /, with a warning as runc has it", () => {
    const bundle = mounting([tmpfs("mnt")], mountsBelow("/mnt"));
    const outcomes = [tsrun, runc].map((runtime) =>
      runtime.call(["run", "-b", bundle.path, newId()], { input: "" }),
    );
    for (const { status, stdout, stderr } of outcomes) {
      assert.equal(status, 0);
      assert.match(stdout, /^\/ \/mnt rw,relatime - tmpfs tmpfs rw/);
      assert.match(
        stderr,
        /mount destination mnt is .*deprecated|mount destination mnt is not absolute/,
      );
    }
  });

  test("the same one twice: the later mount covers the earlier one", () => {
    alike(
      mounting([tmpfs("/mnt", "size=4k"), tmpfs("/mnt", "size=8k")], mountsBelow("/mnt")),
      crun,
    );
  });

  for (const [what, target] of [
    ["absolute", "/target"],
    ["that leaves the root", "../../../../target"],
    ["that leads nowhere yet", "/missing/target"],
  ] as const)
    test(`a symbolic link ${what} is followed inside the root`, () => {
      const prepare: Prepare = (rootfs) => {
        mkdirSync(join(rootfs, "target"));
        symlinkSync(target, join(rootfs, "link"));
      };
      const bundle = mounting([tmpfs("/link")], mountsBelow("/target", "/missing"), prepare);
      assert.match(
        printed(bundle),
        /^\/ \/(missing\/)?target rw,relatime - tmpfs tmpfs rw,mode=755/,
      );
    });

  for (const [what, target] of [
    ["absolute", "/run/systemd/resolv.conf"],
    ["relative, through another link", "../run/resolv.conf"],
    ["that leaves the root", "../../../../../../../../run/resolv.conf"],
  ] as const)
    test(`a file's mount point may be a link that leads nowhere yet: ${what}`, () => {
      const prepare: Prepare = (rootfs, folder) => {
        writeFileSync(join(folder, "resolv.conf"), "of the host\n");
        mkdirSync(join(rootfs, "real/deep"), { recursive: true });
        symlinkSync("real/deep", join(rootfs, "conf"));
        symlinkSync(target, join(rootfs, "conf/resolv.conf"));
      };
      const bundle = mounting([], "cat /conf/resolv.conf; find /run /real -type f", prepare);
      bundle.config.mounts.push({
        destination: "/conf/resolv.conf",
        source: join(bundle.path, "resolv.conf"),
        options: ["bind"],
      });
      writeConfig(bundle.path, bundle.config);
      assert.match(alike(bundle, runc, crun), /^of the host\n\/(run|real\/run)\//);
    });

  test("/ is replaced by what is mounted there, and what comes later is in that", () => {
    const bundle = shellBundle("ls /; echo x 2>/dev/null > /file || echo read-only", {
      prepare: (_, folder) => {
        mkdirSync(join(folder, "other"));
        makeRootfs(join(folder, "other"));
        writeFileSync(join(folder, "other/other-root"), "");
      },
      edit: (config, folder) => {
        const source = join(folder, "other");
        config.mounts.unshift({ destination: "/", type: "bind", source, options: ["rbind"] });
        config.mounts.push(tmpfs("/mnt/more"));
      },
    });
    const output = alike(bundle, runc);
    assert.match(output, /^other-root$/m);
    assert.match(output, /^read-only$/m);
    assert.equal(existsSync(join(bundle.path, "other/mnt/more")), true);
  });

  test("a file of a read-only mount cannot be made, and that is said", () => {
    const bundle = shellBundle("true", {
      prepare: (_, folder) => mkdirSync(join(folder, "shared")),
      edit: (config, folder) =>
        config.mounts.push(
          { destination: "/mnt", source: join(folder, "shared"), options: ["bind", "ro"] },
          { destination: "/mnt/file", source: "/etc/hostname", options: ["bind"] },
        ),
    });
    leavesNothing(() =>
      failed(tsrun.call(["run", "-b", bundle.path, newId()]), /EROFS/, /make the place beforehand/),
    );
  });
});

describe("sources", () => {
  test("a socket, a FIFO and a device are bound on files", async () => {
    const folder = join(mounting([], "true").path, "special");
    mkdirSync(folder);
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const server = spawn("python3", [
      ...["-c", "import socket,sys,time; s=socket.socket(1); s.bind(sys.argv[1]); time.sleep(20)"],
      join(folder, "socket"),
    ]);
    try {
      appears(join(folder, "socket"));
      const sources = {
        socket: join(folder, "socket"),
        fifo: join(folder, "fifo"),
        null: "/dev/null",
      };
      const mounts = Object.entries(sources).map(([name, source]) => ({
        destination: `/mnt/${name}`,
        type: "none",
        source,
        options: ["bind"],
      }));
      const bundle = mounting([tmpfs("/mnt"), ...mounts], "stat -c '%n %F' /mnt/*");
      assert.equal(
        alike(bundle, runc, crun),
        "/mnt/fifo fifo\n/mnt/null character special file\n/mnt/socket socket\n",
      );
    } finally {
      server.kill("SIGKILL");
    }
  });

  test("one that does not exist is named", () =>
    refused(
      { destination: "/mnt", source: "/no/where", options: ["bind"] },
      "/source",
      /\/no\/where/,
      /ENOENT/,
    ));

  test("a bind mount without one", () =>
    refused({ destination: "/mnt", type: "none", options: ["bind"] }, "/source", /has no source/));

  test("a file on a directory", () =>
    refused(
      { destination: "/tmp", source: "/etc/hostname", options: ["bind"] },
      "",
      /not a directory \(ENOTDIR\)/,
    ));

  // Engines would take "no such file" for a missing program.
  for (const source of ["/etc/hostname", "/etc"])
    test(`a place in /proc that is not there, for ${source}`, () =>
      refused(
        { destination: "/proc/x/y", source, options: ["bind"] },
        "/destination",
        /: \/proc\/x\/y is inside \/proc, which must not be mounted over \(config/,
      ));
});

describe("types", () => {
  test("none is needed for a bind mount", () => {
    const bundle = mounting(
      [{ destination: "/mnt", source: "/etc", options: ["rbind", "ro"] }],
      "ls /mnt/passwd",
    );
    assert.equal(alike(bundle, runc, crun), "/mnt/passwd\n");
  });

  test("one must be given otherwise", () =>
    refused({ destination: "/mnt", source: "tmpfs" }, "/type", /has no type/));

  test("one that the kernel does not know is an error with a hint", () =>
    refused({ destination: "/mnt", type: "nofs" }, "/type", /ENODEV/, /\/proc\/filesystems/));

  test("what is no disk is an error with a hint", () =>
    refused(
      { destination: "/mnt", type: "ext4", source: "/etc/passwd" },
      "/source",
      /ENOTBLK/,
      /\/etc\/passwd is no block device/,
    ));

  test("options of a filesystem are ignored for a bind mount, with a warning", () => {
    const { path, config } = mounting(
      [{ destination: "/mnt", source: "/etc", options: ["bind", "size=4k", "mode=700"] }],
      "ls /mnt/passwd",
    );
    const { status, stdout, stderr } = tsrun.call(["run", "-b", path, newId()]);
    assert.deepEqual([status, stdout], [0, "/mnt/passwd\n"]);
    const pointer = `/mounts/${config.mounts.length - 1}/options`;
    assert.match(
      stderr,
      new RegExp(`size=4k, mode=700 is ignored for the bind .*\\(${pointer}\\)`),
    );
  });

  test("tmpcopyup is for a tmpfs", () =>
    refused(
      { destination: "/mnt", type: "mqueue", options: ["tmpcopyup"] },
      "/options",
      /tmpcopyup/,
    ));
});

describe("cgroup mounts", () => {
  const cgroups = (options: string[], edit: (config: Config) => void = () => {}): Bundle =>
    shellBundle(
      `${mountsBelow("/sys/fs/cgroup")}; mkdir /sys/fs/cgroup/made 2>/dev/null && busybox rmdir /sys/fs/cgroup/made`,
      {
        edit: (config) => {
          for (const mount of config.mounts)
            if (mount.type === "cgroup") Object.assign(mount, { type: "cgroup2", options });
          config.process.args[2] += "; true";
          edit(config);
        },
      },
    );

  for (const options of [
    ["ro"],
    ["nosuid", "noexec", "nodev", "relatime", "rw"],
    ["ro", "noatime"],
  ])
    for (const [where, edit] of [
      ["its own namespace", () => {}],
      ["the host's namespace", (config: Config) => shareNamespace(config, "cgroup")],
    ] as const)
      test(`with ${options} in ${where}`, () => {
        const flags = (text: string) =>
          / \/sys\/fs\/cgroup (\S+) - cgroup2 /.exec(text)?.[1]?.split(",");
        const bundle = cgroups(options, edit);
        const [ours, theirs] = [tsrun, runc].map((runtime) => flags(printed(bundle, runtime)));
        // In the host's namespace tsrun binds the host's mount, which may have more of them.
        assert.deepEqual(
          ours?.filter((flag) => theirs?.includes(flag)),
          theirs,
        );
      });

  test("options of the whole hierarchy cannot be given where it is the host's", () => {
    const { path } = cgroups(["nsdelegate"], (config) => shareNamespace(config, "cgroup"));
    leavesNothing(() => failed(tsrun.call(["run", "-b", path, newId()]), /nsdelegate/));
  });
});

describe("propagation", () => {
  const lists = [
    ...["private", "slave", "shared", "unbindable", "rprivate", "rslave", "rshared", "runbindable"],
    ...["rslave,shared", "rprivate,slave"],
  ];
  /** Where all mounts of the host are shared, as systemd makes them. */
  const onSharedHost = ({ name, command }: Runtime): Runtime =>
    new (runc.constructor as typeof Runtime)(name, [
      ...["unshare", "--mount", "--propagation", "shared"],
      ...command,
    ]);
  for (const list of lists)
    test(`of a bind mount of a shared host: ${list}`, () => {
      mounted(
        "tmpfs",
        "rw",
        (folder) => {
          const options = ["rbind", ...list.split(",")];
          const bundle = mounting(
            [{ destination: "/mnt", source: folder, options }],
            mountsBelow("/mnt"),
          );
          const [ours, theirs] = [tsrun, runc].map((runtime) =>
            printed(bundle, onSharedHost(runtime)),
          );
          assert.equal(ours, theirs);
        },
        "rw",
      );
    });

  const rootWith = (value: string): Bundle =>
    shellBundle(mountsBelow("/", "/mnt", "/proc"), {
      edit: (config) => {
        if (value) config.linux.rootfsPropagation = value;
        config.linux.maskedPaths = [];
        config.linux.readonlyPaths = [];
        config.mounts = [...config.mounts.filter(({ type }) => type === "proc"), tmpfs("/mnt")];
      },
    });
  const withoutFilesystems = (text: string) =>
    text.replaceAll(/ - .*/g, "").replaceAll(/^\S+ /gm, "");
  const sameRoot = (value: string, peer: Runtime): void => {
    const [ours, theirs] = [tsrun, peer].map((runtime) =>
      withoutFilesystems(printed(rootWith(value), onSharedHost(runtime))),
    );
    assert.equal(ours, theirs);
  };

  for (const value of ["private", "rprivate"])
    test(`rootfsPropagation ${value}, of the root and of what is mounted in it`, () =>
      sameRoot(value, runc));

  // Older releases forget some of these; `slave` is forgotten by runc 1.4.3 as well.
  for (const value of ["", "shared", "rshared", "private", "unbindable"])
    test(
      `rootfsPropagation ${value || "absent"}, of the root and of what is mounted in it, as recent runc`,
      needs("recent runc"),
      () => sameRoot(value, recentRunc),
    );

  // "if something is mounted on the host it will also appear in the container" (config-linux.md).
  for (const [value, arrives] of [
    ["slave", true],
    ["rslave", true],
    ["private", false],
    ["", false],
  ] as const)
    test(`with ${value || "no"} rootfsPropagation a later mount of the host ${arrives ? "appears" : "does not appear"}`, () => {
      const wait = `for i in 1 2 3 4 5; do grep -q ' /mnt ' /proc/self/mountinfo && break; sleep 0.2; done`;
      const bundle = shellBundle(`${wait}; ${mountsBelow("/mnt")} | sed 's/ rw.*//'`, {
        edit: (config, folder) => {
          if (value) config.linux.rootfsPropagation = value;
          const args = ["mount", "-t", "tmpfs", "late", join(folder, "rootfs/mnt")];
          config.hooks = { poststart: [{ path: "/usr/bin/mount", args }] };
        },
      });
      assert.equal(printed(bundle, onSharedHost(tsrun)), arrives ? "/ /mnt\n" : "");
    });
});

describe("linux.mountLabel", () => {
  // No test machine has SELinux. What the kernel would be told is shown by its refusal.
  test("is the context of new filesystems, and refused by a kernel without SELinux, as with runc", () => {
    const label = "system_u:object_r:container_file_t:s0:c715,c811";
    const { path } = shellBundle("true", {
      edit: (config) => Object.assign(config.linux, { mountLabel: label }),
    });
    leavesNothing(() =>
      failed(
        tsrun.call(["run", "-b", path, newId()]),
        /tmpfs on \/dev.*context=system_u:object_r:container_file_t:s0:c715,c811.*EINVAL/,
        /config.json \/linux\/mountLabel/,
        /no SELinux/,
      ),
    );
    assert.match(runc.call(["run", "-b", path, newId()]).stderr, /context=.*invalid argument/);
  });
});

describe("more mounts than descriptors", () => {
  const many = (edit: (config: Config) => void): Bundle =>
    shellBundle("ulimit -Sn; ulimit -Hn; grep -c ' /many/' /proc/self/mountinfo", {
      edit: (config, bundle) => {
        edit(config);
        config.root.readonly = false;
        config.process.rlimits = [];
        for (let i = 0; i < 300; i++) {
          const source = join(bundle, `file${i}`);
          writeFileSync(source, "");
          const destination = `/many/${i}`;
          config.mounts.push({ destination, type: "bind", source, options: ["bind", "ro"] });
        }
      },
      prepare: (rootfs) => {
        mkdirSync(join(rootfs, "many"), { mode: 0o777 });
        execFileSync("chown", ["-hR", "100000:200000", rootfs]);
      },
    });
  const limited = (limit: string): Runtime =>
    new Runtime("tsrun", ["prlimit", `--nofile=${limit}`, ...tsrun.command]);

  test("are made, and the program has the limit that was there", () => {
    for (const edit of [addUserNamespace, () => {}]) {
      const call = ["run", "-b", many(edit).path, newId()];
      const { stdout } = succeeded(limited("128:1024").call(call, { input: "" }));
      assert.equal(stdout, "128\n1024\n300\n");
    }
  });

  test("are an error that names the limit where that cannot be raised", () => {
    const call = ["run", "-b", many(addUserNamespace).path, newId()];
    leavesNothing(() =>
      failed(limited("128:128").call(call, { input: "" }), /RLIMIT_NOFILE.*\/mounts/),
    );
  });
});
