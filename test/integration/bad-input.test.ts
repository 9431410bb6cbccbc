/** Bad input: one line that says what and where, exit status 1, and nothing left behind. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, writeConfig } from "./harness/bundle.ts";
import { type Config, mountAt, shareNamespace } from "./harness/config.ts";
import { failed, patience } from "./harness/expect.ts";
import { cgroups, leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** create and run both refuse the bundle, with a line that matches every pattern. */
function refuses(path: string, ...patterns: RegExp[]): void {
  for (const command of ["create", "run"]) {
    leavesNothing(() => failed(tsrun.call([command, "-b", path, newId()]), ...patterns));
  }
}

/** A bundle whose config.json is this text. */
function textBundle(text: string | Uint8Array): string {
  const { path } = makeBundle(["true"]);
  writeFileSync(join(path, "config.json"), text);
  return path;
}

test("a bundle that is missing, a file, or behind a loop", () => {
  refuses("/no/such/bundle", /\/no\/such\/bundle/, /ENOENT|no such file/i);
  const folder = newFolder("files");
  writeFileSync(join(folder, "file"), "");
  refuses(join(folder, "file"), /\/file/, /ENOTDIR|not a directory/i);
  symlinkSync("loop", join(folder, "loop"));
  refuses(join(folder, "loop"), /\/loop/, /ELOOP|symbolic links/i);
});

test("a config.json that is missing, a folder, or a loop", () => {
  const { path } = makeBundle(["true"]);
  const file = join(path, "config.json");
  rmSync(file);
  refuses(path, /config\.json/, /ENOENT|no such file/i);
  mkdirSync(file);
  refuses(path, /config\.json/, /EISDIR|directory/i);
  rmSync(file, { recursive: true });
  symlinkSync("config.json", file);
  refuses(path, /config\.json/, /ELOOP|symbolic links/i);
});

const NOT_JSON: [string, string | Uint8Array, RegExp[]][] = [
  ["empty", "", [/line 1/]],
  ["cut off", '{\n  "ociVersion": "1.0.2",\n  "root": {', [/line 3/, /column/]],
  ["a trailing comma", '{\n  "ociVersion": "1.0.2",\n}', [/line 3/, /column 1/]],
  ["two values", "{}\n{}", [/line 2/, /column 1/]],
  ["single quotes", "{'ociVersion': '1.0.2'}", [/line 1/, /column 2/]],
  ["a comment", "{\n// comment\n}", [/line 2/, /column 1/]],
  ["a bare control character", '{"ociVersion": "1\n.0.2"}', [/line 1|line 2/, /column/]],
  ["not UTF-8", Uint8Array.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), [/utf-?8/i]],
];

for (const [name, text, patterns] of NOT_JSON) {
  test(`a config.json that is not JSON: ${name}`, () => {
    refuses(textBundle(text), /config\.json/, ...patterns);
  });
}

for (const text of ["[]", "null", '"text"', "17", "true"]) {
  test(`a config.json that is no object: ${text}`, () => {
    refuses(textBundle(text), /config\.json/, /object/);
  });
}

test("a config.json that is too large or too deep is refused at once", () => {
  const large = textBundle(`{"ociVersion": "1.0.2", "x": "${"x".repeat(17 * 1024 * 1024)}"}`);
  const deep = textBundle(`{"ociVersion": "1.0.2", "x": ${"[".repeat(65)}${"]".repeat(65)}}`);
  const veryDeep = textBundle("[".repeat(1_000_000));
  for (const path of [large, deep, veryDeep]) {
    const start = Date.now();
    failed(tsrun.call(["run", "-b", path, newId()]), /config\.json/, /16 ?MiB|16777216|deep|64/);
    assert.ok(Date.now() - start < 1000 * patience, `took ${Date.now() - start} ms`);
  }
});

type Edit = (config: Config) => unknown;

/** Sets the value at a JSON pointer; `undefined` removes it. */
function set(pointer: string, value: unknown): Edit {
  return (config) => {
    const names = pointer.split("/").slice(1);
    const last = names.pop() as string;
    let at = config as unknown as Record<string, unknown>;
    for (const name of names) {
      at[name] ??= {};
      at = at[name] as Record<string, unknown>;
    }
    if (value === undefined) delete at[last];
    else at[last] = value;
  };
}

/** What is wrong by the specification: the pointer must be named, and what was found. */
const FAULTS: [string, Edit, RegExp[]][] = [
  ["no ociVersion", set("/ociVersion", undefined), [/ociVersion/]],
  ["ociVersion no version", set("/ociVersion", "banana"), [/\/ociVersion/, /banana/]],
  ["ociVersion of the future", set("/ociVersion", "2.0.0"), [/\/ociVersion/, /2\.0\.0/]],
  ["no root", set("/root", undefined), [/root/]],
  ["no root.path", set("/root/path", undefined), [/\/root/, /path/]],
  ["root.path a number", set("/root/path", 7), [/\/root\/path/, /string/, /7|number/]],
  [
    "root.readonly a string",
    set("/root/readonly", "yes"),
    [/\/root\/readonly/, /boolean|true or false/],
  ],
  ["no args", set("/process/args", undefined), [/\/process/, /args/]],
  ["empty args", set("/process/args", []), [/\/process\/args/]],
  ["args with a number", set("/process/args/1", 5), [/\/process\/args\/1/, /string/]],
  ["args with NUL", set("/process/args/1", "a\0b"), [/\/process\/args\/1/, /NUL/i]],
  ["env with NUL", set("/process/env/1", "A=\0"), [/\/process\/env\/1/, /NUL/i]],
  ["no cwd", set("/process/cwd", undefined), [/\/process/, /cwd/]],
  ["cwd relative", set("/process/cwd", "tmp"), [/\/process\/cwd/, /absolute/]],
  ["cwd a file", set("/process/cwd", "/etc/passwd"), [/\/process\/cwd/, /ENOTDIR|directory/i]],
  ["uid negative", set("/process/user/uid", -1), [/\/process\/user\/uid/, /-1/]],
  ["uid with a fraction", set("/process/user/uid", 1.5), [/\/process\/user\/uid/]],
  ["uid too large", set("/process/user/uid", 2 ** 32), [/\/process\/user\/uid/, /4294967296/]],
  ["uid that is none", set("/process/user/uid", 2 ** 32 - 1), [/\/process\/user\/uid/, /no id/]],
  ["gid that is none", set("/process/user/gid", 2 ** 32 - 1), [/\/process\/user\/gid/, /no id/]],
  [
    "a group that is none",
    set("/process/user/additionalGids", [5, 2 ** 32 - 1]),
    [/\/process\/user\/additionalGids\/1/, /no id/],
  ],
  [
    "a device's owner that is none",
    set("/linux/devices", [{ path: "/dev/x", type: "c", major: 1, minor: 3, uid: 2 ** 32 - 1 }]),
    [/\/linux\/devices\/0\/uid/, /no id/],
  ],
  ["uid a string", set("/process/user/uid", "0"), [/\/process\/user\/uid/, /integer|number/]],
  [
    "a limit without a name",
    set("/process/rlimits/0/type", "RLIMIT_NOSUCH"),
    [/\/process\/rlimits\/0\/type/, /RLIMIT_NOSUCH/],
  ],
  [
    "a limit twice",
    set("/process/rlimits/1", { type: "RLIMIT_NOFILE", soft: 99, hard: 99 }),
    [/\/process\/rlimits/, /RLIMIT_NOFILE/],
  ],
  [
    "a limit whose soft value is above the hard one",
    set("/process/rlimits/0", { type: "RLIMIT_NOFILE", soft: 20, hard: 10 }),
    [/\/process\/rlimits\/0/, /RLIMIT_NOFILE/],
  ],
  [
    "a limit that the kernel refuses",
    set("/process/rlimits/0", { type: "RLIMIT_NOFILE", soft: 2 ** 52, hard: 2 ** 52 }),
    [/\/process\/rlimits\/0/, /RLIMIT_NOFILE/, /EPERM/],
  ],
  [
    "oomScoreAdj out of range",
    set("/process/oomScoreAdj", 2000),
    [/\/process\/oomScoreAdj/, /2000/],
  ],
  ["mounts no list", set("/mounts", {}), [/\/mounts/, /array/]],
  ["a mount without destination", set("/mounts/1/destination", undefined), [/\/mounts\/1/]],
  [
    "a mount of an unknown type",
    (config) => config.mounts.push({ destination: "/mnt", type: "nosuchfs", source: "x" }),
    [/\/mounts\/7/, /nosuchfs/, /ENODEV/],
  ],
  [
    "a mount with an option that the file system does not know",
    (config) =>
      config.mounts.push({
        destination: "/mnt",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuchoption=1"],
      }),
    [/\/mounts\/7/, /nosuchoption/, /EINVAL/],
  ],
  [
    "a bind mount without a source file",
    (config) =>
      config.mounts.push({
        destination: "/mnt",
        type: "bind",
        source: "/no/such/source",
        options: ["bind"],
      }),
    [/\/mounts\/7\/source/, /\/no\/such\/source/, /ENOENT/],
  ],
  [
    "a folder to be bound over a file",
    (config) =>
      config.mounts.push({
        destination: "/etc/passwd",
        type: "bind",
        source: "/",
        options: ["bind"],
      }),
    [/\/mounts\/7/, /\/etc\/passwd/, /ENOTDIR|directory/i],
  ],
  [
    "a tmpfs over a file",
    (config) => config.mounts.push({ destination: "/etc/passwd", type: "tmpfs", source: "x" }),
    [/\/mounts\/7/, /\/etc\/passwd/, /ENOTDIR|directory/i],
  ],
  [
    "an unknown namespace",
    (config) => config.linux.namespaces.push({ type: "nosuch" }),
    [/\/linux\/namespaces\/6/, /nosuch/],
  ],
  [
    "a namespace twice",
    (config) => config.linux.namespaces.push({ type: "pid" }),
    [/\/linux\/namespaces/, /pid/],
  ],
  [
    "a namespace whose path is missing",
    set("/linux/namespaces/1/path", "/no/such/netns"),
    [/\/linux\/namespaces\/1\/path/, /\/no\/such\/netns/, /ENOENT/],
  ],
  [
    "a namespace whose path is no namespace",
    set("/linux/namespaces/1/path", "/etc/passwd"),
    [/\/linux\/namespaces\/1\/path/, /\/etc\/passwd/],
  ],
  [
    "a namespace whose path is of another type",
    set("/linux/namespaces/1/path", "/proc/1/ns/uts"),
    [/\/linux\/namespaces\/1\/path/, /\/proc\/1\/ns\/uts/],
  ],
  [
    "a hostname without a uts namespace",
    (config) => shareNamespace(config, "uts"),
    [/\/hostname/, /uts/],
  ],
  [
    "an unknown class of I/O priority",
    set("/process/ioPriority", { class: "IOPRIO_CLASS_NONE", priority: 0 }),
    [/\/process\/ioPriority\/class/, /IOPRIO_CLASS_BE/],
  ],
  ["a hostname too long", set("/hostname", "h".repeat(65)), [/\/hostname/]],
  [
    "no mount namespace",
    (config) => shareNamespace(config, "mount"),
    [/\/linux\/namespaces|mount namespace/, /mount/],
  ],
  ["a masked path that is relative", set("/linux/maskedPaths/0", "proc/kcore"), [/maskedPaths\/0/]],
  [
    "a hook with a relative path",
    set("/hooks", { createRuntime: [{ path: "bin/true" }] }),
    [/\/hooks\/createRuntime\/0\/path/],
  ],
  [
    "a hook without a path",
    set("/hooks", { poststop: [{ args: ["x"] }] }),
    [/\/hooks\/poststop\/0/, /path/],
  ],
  [
    "a hook without time",
    set("/hooks", { poststop: [{ path: "/bin/true", timeout: 0 }] }),
    [/\/hooks\/poststop\/0\/timeout/],
  ],
  ["annotations that are no text", set("/annotations", { a: 1 }), [/\/annotations\/a/, /string/]],
];

for (const [name, edit, patterns] of FAULTS) {
  test(`a fault of the configuration: ${name}`, () => {
    const bundle = makeBundle(["true"]);
    edit(bundle.config);
    writeConfig(bundle.path, bundle.config);
    refuses(bundle.path, ...patterns);
  });
}

test("a configuration without a process cannot be run", () => {
  // The specification demands it for `start` only: what create says of it is left open.
  const bundle = makeBundle(["true"]);
  set("/process", undefined)(bundle.config);
  writeConfig(bundle.path, bundle.config);
  leavesNothing(() => failed(tsrun.call(["run", "-b", bundle.path, newId()]), /process/));
});

test("a cgroup path with dots does not leave the tree of cgroups", () => {
  const name = newId();
  const bundle = makeBundle(["true"]);
  set("/linux/cgroupsPath", `${"/..".repeat(12)}/${name}`)(bundle.config);
  writeConfig(bundle.path, bundle.config);
  leavesNothing(() => tsrun.call(["run", "-b", bundle.path, newId()]));
  assert.ok(!existsSync(join("/", name)) && !existsSync(join("/sys", name)));
});

test("every fault is named, not only the first", () => {
  const bundle = makeBundle(["true"]);
  set("/process/cwd", 5)(bundle.config);
  set("/root/readonly", "no")(bundle.config);
  set("/mounts/2/options", "ro")(bundle.config);
  writeConfig(bundle.path, bundle.config);
  refuses(bundle.path, /\/process\/cwd/, /\/root\/readonly/, /\/mounts\/2\/options/);
});

test("a capability without a name is a warning, as the specification says", () => {
  const bundle = makeBundle(["echo", "ran"], {
    edit: (config) => config.process.capabilities?.bounding?.push("CAP_NO_SUCH"),
  });
  const { status, stdout, stderr } = tsrun.call(["run", "-b", bundle.path, newId()]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "ran\n");
  assert.match(stderr, /^[^\n]*CAP_NO_SUCH[^\n]*\n$/);
});

test("a rootfs that is missing, or a file", () => {
  const bundle = makeBundle(["true"]);
  rmSync(bundle.rootfs, { recursive: true });
  refuses(bundle.path, /\/root\/path/, /rootfs/, /ENOENT|no such file/i);
  writeFileSync(bundle.rootfs, "");
  refuses(bundle.path, /\/root\/path/, /rootfs/, /ENOTDIR|not a directory/i);
});

test("unknown properties and the objects of other platforms are accepted", () => {
  const bundle = makeBundle(["true"]);
  set("/x-unknown", { any: [1, 2] })(bundle.config);
  set("/process/unknown", true)(bundle.config);
  set("/windows", { layerFolders: [] })(bundle.config);
  set("/hostname", null)(bundle.config);
  set("/process/capabilities/inheritable", null)(bundle.config);
  mountAt(bundle.config, "/proc").options = [];
  writeConfig(bundle.path, bundle.config);
  assert.equal(tsrun.call(["run", "-b", bundle.path, newId()]).status, 0);
});

test("an infinite limit as Go programs write it", () => {
  const { path } = makeBundle(["sh", "-c", "ulimit -Hc"], {
    edit: (config) => {
      config.process.rlimits = [];
    },
  });
  const bundle = makeBundle(["sh", "-c", "ulimit -c; ulimit -Hc"]);
  const text = JSON.stringify(bundle.config).replace(
    '"rlimits":[',
    '"rlimits":[{"type":"RLIMIT_CORE","soft":1024,"hard":18446744073709551615},',
  );
  writeFileSync(join(bundle.path, "config.json"), text);
  // Where the tests themselves are limited the kernel refuses to raise it.
  const unlimited = tsrun.call(["run", "-b", path, newId()]).stdout === "unlimited\n";
  assert.ok(unlimited, "run the tests with an unlimited RLIMIT_CORE (ulimit -Hc unlimited)");
  assert.equal(tsrun.call(["run", "-b", bundle.path, newId()]).stdout, "2\nunlimited\n");
});

test("a state directory that cannot be made", () => {
  const folder = newFolder("root");
  writeFileSync(join(folder, "file"), "");
  const bundle = makeBundle(["true"]);
  leavesNothing(() => {
    const there = tsrun.with("--root", join(folder, "file/state"));
    failed(there.call(["run", "-b", bundle.path, newId()]), /file\/state/, /ENOTDIR/);
  });
});

test("a pid file and a log that cannot be written", () => {
  const bundle = makeBundle(["true"]);
  leavesNothing(() => {
    const call = ["--pid-file", "/no/such/folder/pid", "-b", bundle.path, newId()];
    failed(tsrun.call(["create", ...call]), /\/no\/such\/folder\/pid/, /ENOENT/);
    const logged = tsrun.with("--log", "/no/such/folder/log");
    failed(logged.call(["run", "-b", bundle.path, newId()]), /\/no\/such\/folder\/log/, /ENOENT/);
  });
});

test("a state that is damaged is said to be, and delete --force removes it", () => {
  const bundle = makeBundle(["sleep", "300"]);
  for (const damage of ["", "{", "[]", '{"pid": "x"}', "\0", { hooks: null }, { cgroup: 5 }]) {
    leavesNothing(() => {
      const id = newId();
      assert.equal(tsrun.call(["create", "-b", bundle.path, id]).status, 0);
      const state = join("/run/tsrun", id, "state.json");
      const changed = { ...JSON.parse(readFileSync(state, "utf8")), ...Object(damage) };
      writeFileSync(state, typeof damage === "string" ? damage : JSON.stringify(changed));
      failed(tsrun.call(["state", id]), /state\.json/);
      const deleted = tsrun.call(["delete", "--force", id]);
      assert.equal(deleted.status, 0);
      // Only the state knew of the process and its cgroup: tsrun says that it cannot find them.
      assert.match(deleted.stderr, /left alone/);
      killCgroup(id);
    });
  }
});

function killCgroup(id: string): void {
  for (const path of cgroups().filter((path) => path.endsWith(id))) {
    writeFileSync(join(path, "cgroup.kill"), "1");
    while (readFileSync(join(path, "cgroup.events"), "utf8").includes("populated 1"));
    rmdirSync(path);
  }
}

/** tsrun on a kernel that answers ENOSYS to one system call. */
function without(call: string): Runtime {
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:error=ENOSYS`];
  return new Runtime("tsrun", ["strace", "-f", "-qq", "-o", "/dev/null", ...inject, tsrunPath]);
}

for (const call of ["clone3", "openat2", "pivot_root", "mount_setattr", "move_mount", "fsopen"]) {
  test(`a kernel without ${call} is told so, or does without`, () => {
    const bundle = makeBundle(["echo", "ran"]);
    leavesNothing(() => {
      const outcome = without(call).call(["run", "-b", bundle.path, newId()]);
      if (outcome.status === 0) assert.equal(outcome.stdout, "ran\n");
      else failed(outcome, new RegExp(call), /ENOSYS|kernel/);
    });
  });
}
