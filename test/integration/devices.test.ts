/** linux.devices: what is made, where, and what is refused. In /dev itself it is compared in observe.test.ts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Device = NonNullable<Config["linux"]["devices"]>[number];

interface Case {
  name: string;
  devices: Device[];
  /** What is looked at; the devices' own paths when absent. */
  paths?: string[];
  /** stat(1) of each path. */
  expected: string[];
  prepare?: (rootfs: string) => void;
  edit?: (config: Config) => void;
  /** Which runtimes do the same. */
  peers?: Runtime[];
}

const fuse = { type: "c", major: 10, minor: 229 };

const CASES: Case[] = [
  {
    name: "every type, with modes and owners",
    devices: [
      { path: "/dev/char", ...fuse, fileMode: 0o640, uid: 1, gid: 2 },
      { path: "/dev/unbuffered", type: "u", major: 10, minor: 200, fileMode: 0o4711 },
      { path: "/dev/block", type: "b", major: 8, minor: 17, fileMode: 0 },
      { path: "/dev/fifo", type: "p", fileMode: 0o622, uid: 3, gid: 4 },
      { path: "/dev/plain", type: "c", major: 10, minor: 235 },
    ],
    expected: [
      "character special file 640 1:2 a:e5",
      "character special file 711 0:0 a:c8",
      "block special file 0 0:0 8:11",
      "fifo 622 3:4 0:0",
      "character special file 666 0:0 a:eb",
    ],
    peers: [runc, crun],
  },
  {
    name: "a fileMode with the bits of a type, right or wrong",
    devices: [
      { path: "/dev/right", ...fuse, fileMode: 0o020640 },
      { path: "/dev/wrong", ...fuse, fileMode: 0o060640 },
      // As a Go program that writes os.FileMode has it.
      { path: "/dev/go", ...fuse, fileMode: (1 << 26) | (1 << 21) | 0o640 },
    ],
    expected: Array<string>(3).fill("character special file 640 0:0 a:e5"),
    peers: [runc],
  },
  {
    name: "outside of /dev, in directories that are made, and by way of links",
    devices: [
      { path: "/a/b/device", ...fuse },
      { path: "//a/./link/../other//device", ...fuse },
      { path: "/link/device", ...fuse },
      { path: "/escape/device", ...fuse },
    ],
    paths: ["/a/b/device", "/a/other/device", "/a/target/device", "/tmp/device"],
    prepare: (rootfs) => {
      mkdirSync(join(rootfs, "a/target"), { recursive: true });
      symlinkSync("a/target", join(rootfs, "link"));
      symlinkSync("../../../../tmp", join(rootfs, "escape"));
    },
    expected: Array<string>(4).fill("character special file 666 0:0 a:e5"),
    peers: [runc],
  },
  {
    name: "a device that is there already, and one that is given twice",
    devices: [
      { path: "/there", ...fuse, fileMode: 0o600 },
      { path: "/dev/twice", ...fuse, fileMode: 0o600 },
      { path: "/dev/twice", ...fuse, fileMode: 0o666 },
    ],
    prepare: (rootfs) => {
      execFileSync("mknod", ["-m", "604", join(rootfs, "there"), "c", "10", "229"]);
    },
    expected: [
      "character special file 604 0:0 a:e5",
      "character special file 600 0:0 a:e5",
      "character special file 600 0:0 a:e5",
    ],
    peers: [runc],
  },
  {
    name: "/dev/ptmx stays a link, and /dev/console a device",
    devices: [
      { path: "/dev/ptmx", type: "c", major: 5, minor: 2 },
      { path: "/dev/console", type: "c", major: 5, minor: 1, fileMode: 0o600 },
    ],
    expected: ["symbolic link 777 0:0 0:0", "character special file 600 0:0 5:1"],
    peers: [runc, crun],
  },
  {
    name: "in a user namespace, whether the host has them or not",
    devices: [
      { path: "/dev/fifo", type: "p", fileMode: 0o622, uid: 3, gid: 4, major: 1, minor: 1 },
      { path: "/dev/full", type: "c", major: 1, minor: 7, fileMode: 0o600 },
      { path: "/dev/sub/missing", ...fuse, fileMode: 0o640, uid: 1, gid: 2 },
      { path: "/dev/sub//missing", ...fuse },
      { path: "/dev/block", type: "b", major: 8, minor: 17 },
    ],
    edit: addUserNamespace,
    expected: [
      "fifo 622 3:4 0:0",
      "character special file 600 0:0 1:7",
      "character special file 640 1:2 a:e5",
      "character special file 640 1:2 a:e5",
      "block special file 666 0:0 8:11",
    ],
  },
  {
    name: "in a user namespace where the owner is nobody: the host's device",
    devices: [{ path: "/dev/full", type: "c", major: 1, minor: 7, uid: 70_000, fileMode: 0o600 }],
    edit: addUserNamespace,
    expected: ["character special file 666 65534:65534 1:7"],
    peers: [runc],
  },
];

const stat = (paths: string[]): string =>
  paths.map((path) => `stat -c '%F %a %u:%g %t:%T' ${path}`).join("\n");

for (const { name, devices, expected, prepare, edit, peers = [], ...rest } of CASES)
  for (const runtime of [tsrun, ...peers])
    test(`${runtime.name}: ${name}`, () => {
      const bundle = shellBundle(stat(rest.paths ?? devices.map(({ path }) => path)), {
        ...(prepare ? { prepare } : {}),
        edit: (config) => {
          config.linux.devices = devices;
          edit?.(config);
        },
      });
      const call = ["run", "--bundle", bundle.path, newId()];
      const { stdout } = succeeded(runtime.call(call, { input: "" }), runtime.name);
      assert.deepEqual(stdout.trimEnd().split("\n"), expected);
    });

/** As the specification demands; runc leaves what is there, and says nothing. */
const REFUSED: [string, Device, RegExp, ((rootfs: string) => void)?][] = [
  [
    "another file has its name",
    { path: "/taken", ...fuse },
    /another file.*\/linux\/devices\/0/,
    (rootfs) => writeFileSync(join(rootfs, "taken"), ""),
  ],
  [
    "a link has its name",
    { path: "/link", ...fuse },
    /another file.*\/linux\/devices\/0/,
    (rootfs) => symlinkSync("dev/null", join(rootfs, "link")),
  ],
  ["a number beyond the kernel's", { path: "/d", type: "c", major: 4096, minor: 0 }, /4096:0/],
  ["a negative number", { path: "/d", type: "c", major: -1, minor: 0 }, /-1:0/],
  ["the root directory", { path: "/", ...fuse }, /\/linux\/devices\/0/],
];

for (const [name, device, pattern, prepare] of REFUSED)
  test(`${name}: refused`, () => {
    const bundle = shellBundle("true", {
      ...(prepare ? { prepare } : {}),
      edit: (config) => {
        config.linux.devices = [device];
      },
    });
    failed(tsrun.call(["run", "--bundle", bundle.path, newId()]), pattern);
  });

test("devices are used in a user namespace, by whom their modes allow", () => {
  const script = `head -c 3 /dev/zeroes | wc -c; (echo x > /dev/own) && echo written
    (head -c 1 /dev/roots) 2>/dev/null || echo refused`;
  const zero = { type: "c", major: 1, minor: 5 };
  const bundle = shellBundle(script, {
    edit: (config) => {
      addUserNamespace(config);
      config.process.user = { uid: 1000, gid: 1000 };
      config.linux.devices = [
        { path: "/dev/zeroes", ...zero, fileMode: 0o644 },
        { path: "/dev/own", ...zero, minor: 3, fileMode: 0o600, uid: 1000 },
        { path: "/dev/roots", ...zero, fileMode: 0o600 },
      ];
      const allowed = { allow: true, access: "rwm", type: "c", major: 1 };
      config.linux.resources = { devices: [{ allow: false, access: "rwm" }, allowed] };
    },
  });
  const { stdout } = succeeded(
    tsrun.call(["run", "--bundle", bundle.path, newId()], { input: "" }),
  );
  assert.equal(stdout, "3\nwritten\nrefused\n");
});

test("as many devices as a machine has, in a user namespace", () => {
  const bundle = shellBundle("ls /dev/many | wc -l", {
    edit: (config) => {
      addUserNamespace(config);
      config.linux.devices = Array.from({ length: 100 }, (_, minor) => ({
        path: `/dev/many/${minor}`,
        type: "c",
        major: 4,
        minor,
      }));
    },
  });
  const { stdout } = succeeded(tsrun.call(["run", "--bundle", bundle.path, newId()]));
  assert.equal(stdout, "100\n");
});

test("in a user namespace, a number beyond the kernel's is refused as elsewhere", () => {
  const bundle = shellBundle("true", {
    edit: (config) => {
      addUserNamespace(config);
      config.linux.devices = [{ path: "/d", type: "c", major: 4096, minor: 0 }];
    },
  });
  failed(tsrun.call(["run", "--bundle", bundle.path, newId()]), /4096:0.*\/linux\/devices\/0/);
});

test("the host's device that is missing, or another one", () => {
  for (const [path, pattern] of [
    ["/dev/no-such-device", /ENOENT/],
    ["/dev/full", /not the device 10:229/],
  ] as const) {
    const bundle = shellBundle("true", {
      edit: (config) => {
        addUserNamespace(config);
        // Of an owner who is nobody in the namespace.
        config.linux.devices = [{ path, ...fuse, uid: 70_000 }];
      },
    });
    const call = ["run", "--bundle", bundle.path, newId()];
    failed(tsrun.call(call), pattern, /\/linux\/devices\/0/);
  }
});

/** A directory that stands for the host's /dev, with a device `present`. */
function hostsDev(): string {
  const folder = newFolder("dev");
  for (const name of ["null", "zero", "full", "random", "urandom", "tty"])
    writeFileSync(join(folder, name), "");
  for (const name of ["pts", "shm", "mqueue"]) mkdirSync(join(folder, name));
  execFileSync("mknod", ["-m", "600", join(folder, "present"), "c", "10", "229"]);
  return folder;
}

function bundleOnDev(dev: string, devices: Device[], edit?: (config: Config) => void) {
  return shellBundle(stat(devices.map(({ path }) => path)), {
    edit: (config) => {
      config.mounts = config.mounts.map((mount) =>
        mount.destination === "/dev"
          ? { destination: "/dev", type: "bind", source: dev, options: ["rbind"] }
          : mount,
      );
      config.linux.maskedPaths = [];
      config.linux.devices = devices;
      edit?.(config);
    },
  });
}

test("where /dev is a bind mount, nothing is made in it, and the rest is made", () => {
  const dev = hostsDev();
  const before = readdirSync(dev);
  const bundle = bundleOnDev(dev, [
    { path: "/dev/present", ...fuse, fileMode: 0o666 },
    { path: "/elsewhere", ...fuse, fileMode: 0o640 },
  ]);
  const { stdout } = succeeded(tsrun.call(["run", "--bundle", bundle.path, newId()]));
  assert.equal(
    stdout,
    "character special file 600 0:0 a:e5\ncharacter special file 640 0:0 a:e5\n",
  );
  assert.deepEqual(readdirSync(dev), before);
});

for (const [name, device] of [
  ["missing", { path: "/dev/missing", ...fuse }],
  ["another one", { path: "/dev/present", type: "c", major: 1, minor: 3 }],
] as const)
  test(`where /dev is a bind mount, a device that is ${name} there is an error`, () => {
    const dev = hostsDev();
    const bundle = bundleOnDev(dev, [device]);
    failed(tsrun.call(["run", "--bundle", bundle.path, newId()]), /\/linux\/devices\/0/);
    assert.ok(!existsSync(join(dev, "missing")));
  });
