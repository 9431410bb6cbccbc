/** linux.maskedPaths and linux.readonlyPaths in their odd cases. The usual ones are compared in observe.test.ts. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** /secret with a file and a folder in it, and links that lead there in several ways. */
function prepare(rootfs: string): void {
  mkdirSync(join(rootfs, "secret/folder"), { recursive: true });
  writeFileSync(join(rootfs, "secret/file"), "secret\n");
  writeFileSync(join(rootfs, "secret/folder/inner"), "secret\n");
  symlinkSync("/secret/file", join(rootfs, "absolute"));
  symlinkSync("../../../../secret", join(rootfs, "upwards"));
  symlinkSync("nowhere", join(rootfs, "dangling"));
}

interface Case {
  name: string;
  masked?: string[];
  readonly?: string[];
  script: string;
  expected: string;
  edit?: (config: Config) => void;
  peers?: Runtime[];
}

const CASES: Case[] = [
  {
    name: "links are followed inside the root",
    masked: ["/absolute", "/upwards/folder"],
    script: "cat /secret/file; ls /secret/folder",
    expected: "",
    peers: [runc, crun],
  },
  {
    name: "what is not there needs no mask",
    masked: ["/missing", "/dangling", "/missing/deeper", "/secret/file/deeper"],
    readonly: ["/missing", "/dangling"],
    script: "cat /secret/file",
    expected: "secret\n",
  },
  {
    name: "a path that is listed twice, and paths below a masked one",
    masked: ["/secret/file", "/secret/file", "/secret/folder", "/secret/folder/inner"],
    script: "cat /secret/file; ls /secret/folder",
    expected: "",
    peers: [runc, crun],
  },
  {
    name: "below comes before above",
    masked: ["/secret/folder/inner", "/secret/folder"],
    script: "ls /secret/folder; umount /secret/folder 2>/dev/null; ls /secret/folder",
    expected: "",
    peers: [runc, crun],
  },
  {
    name: "slashes and dots at the end of a file's path",
    masked: ["/secret/file/", "//secret/./folder/."],
    script: "cat /secret/file; ls /secret/folder",
    expected: "",
  },
  {
    name: "a way up is that of the directories, not of the text",
    masked: ["/upwards/folder/../file"],
    script: "cat /secret/file",
    expected: "",
    peers: [runc, crun],
  },
  {
    name: "a mount is masked, and one is read-only",
    masked: ["/dev/mqueue"],
    readonly: ["/dev/shm"],
    script: "ls -d /dev/mqueue; ls -A /dev/mqueue; (echo x > /dev/shm/x) 2>/dev/null || echo ro",
    expected: "/dev/mqueue\nro\n",
    peers: [runc, crun],
  },
  {
    name: "a read-only path keeps the flags of its mount",
    readonly: ["/dev/shm"],
    script: "grep ' /dev/shm ' /proc/self/mountinfo | tail -n 1 | cut -d ' ' -f 6",
    expected: "ro,nosuid,nodev,noexec,relatime\n",
    // crun drops them.
    peers: [runc],
  },
  {
    name: "a path that is masked and read-only is masked",
    masked: ["/secret/file"],
    readonly: ["/secret/file"],
    script: "cat /secret/file",
    expected: "",
    peers: [runc, crun],
  },
  {
    name: "in a user namespace",
    masked: ["/secret/file", "/secret/folder"],
    readonly: ["/dev/shm"],
    edit: addUserNamespace,
    script: "cat /secret/file; ls /secret/folder; (echo x > /dev/shm/x) 2>/dev/null || echo ro",
    expected: "ro\n",
    peers: [runc, crun],
  },
  {
    name: "the process's own folder in /proc is found through /proc/self",
    masked: ["/proc/self/environ"],
    script: "exec head -c 9 /proc/1/environ",
    expected: "",
    peers: [runc, crun],
  },
];

for (const { name, masked = [], readonly = [], script, expected, edit, peers = [] } of CASES)
  for (const runtime of [tsrun, ...peers])
    test(`${runtime.name}: ${name}`, () => {
      const bundle = shellBundle(script, {
        prepare,
        edit: (config) => {
          config.linux.maskedPaths = masked;
          config.linux.readonlyPaths = readonly;
          edit?.(config);
        },
      });
      const call = ["run", "--bundle", bundle.path, newId()];
      const { stdout } = succeeded(runtime.call(call, { input: "" }), runtime.name);
      assert.equal(stdout, expected);
    });

const REFUSED: [string, string, RegExp][] = [
  ["the root directory", "/", /root directory.*root\.readonly/],
  ["the root directory in other words", "/secret/../.", /root directory/],
  ["a magic link", "/proc/self/cwd", /ELOOP.*name what they lead to/],
];

for (const [name, path, pattern] of REFUSED)
  for (const field of ["maskedPaths", "readonlyPaths"] as const)
    test(`${name} in ${field}: refused`, () => {
      const bundle = shellBundle("true", {
        edit: (config) => {
          config.linux[field] = [path];
        },
      });
      const call = ["run", "--bundle", bundle.path, newId()];
      failed(tsrun.call(call), pattern, new RegExp(`/linux/${field}/0`));
    });

test("a file is not masked with an imitation of /dev/null, and not at all without one", () => {
  for (const [imitated, pattern] of [
    [true, /not the null device/],
    [false, /ENOENT/],
  ] as const) {
    const dev = newFolder("dev");
    if (imitated) writeFileSync(join(dev, "null"), "");
    const bundle = shellBundle("cat /secret/file", {
      prepare,
      edit: (config) => {
        config.mounts = [
          { destination: "/proc", type: "proc", source: "proc" },
          { destination: "/dev", type: "bind", source: dev, options: ["bind"] },
        ];
        config.linux.maskedPaths = ["/secret/file"];
        config.linux.readonlyPaths = [];
      },
    });
    const call = ["run", "--bundle", bundle.path, newId()];
    failed(tsrun.call(call), pattern, /\/linux\/maskedPaths\/0/);
  }
});
