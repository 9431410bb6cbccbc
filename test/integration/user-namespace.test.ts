/**
 * A user namespace of the container's own, made by root: who its processes are on the host, what they can reach, and
 * whose the cgroup is. What a process inside observes is compared with runc and crun in observe.test.ts.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import {
  addUserNamespace,
  type Config,
  HOST_GID,
  HOST_UID,
  mountAt,
  shareNamespace,
} from "./harness/config.ts";
import { eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, Runtime, runc, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Edit = (config: Config, bundle: string) => void;

function bundleOf(script: string, edit: Edit = () => {}): Bundle {
  return shellBundle(script, {
    edit: (config, bundle) => {
      addUserNamespace(config);
      edit(config, bundle);
    },
  });
}

/** What the script prints. Not with /dev/null for the standard input: crun would give it to the container's user. */
function output(bundle: Bundle, runtime: Runtime = tsrun): string {
  const call = ["run", "--bundle", bundle.path, newId()];
  return succeeded(runtime.call(call, { input: "" }), runtime.name).stdout;
}

/** Runs `use` with the pid of a created container, and deletes that. */
function created(bundle: Bundle, use: (pid: number, id: string) => void, runtime = tsrun): void {
  const id = newId();
  succeeded(runtime.call(["create", "--bundle", bundle.path, id], { input: "" }));
  try {
    use(stateOf(id).pid, id);
  } finally {
    succeeded(tsrun.call(["delete", "--force", id]));
  }
}

function allCapabilities(config: Config): void {
  const all = ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_CHOWN", "CAP_FOWNER"].concat([
    "CAP_DAC_OVERRIDE",
    "CAP_SETUID",
    "CAP_SETGID",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_PTRACE",
  ]);
  config.process.capabilities = { bounding: all, effective: all, permitted: all };
}

const bind = (source: string, destination: string, ...options: string[]) => ({
  destination,
  type: "bind",
  source,
  options: ["bind", ...options],
});

const RANGES = [
  { containerID: 0, hostID: HOST_UID, size: 1 },
  { containerID: 7, hostID: 0, size: 1 },
  { containerID: 1000, hostID: 300_000, size: 1000 },
];

for (const runtime of [tsrun, runc, crun])
  test(`${runtime.name}: the ids are mapped as they are given`, () => {
    const bundle = bundleOf("cat /proc/self/uid_map /proc/self/gid_map", (config) => {
      config.linux.uidMappings = RANGES;
      config.mounts = config.mounts.filter(({ type }) => type !== "devpts");
      config.linux.gidMappings = RANGES;
    });
    const map = RANGES.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`);
    assert.equal(
      output(bundle, runtime).replace(/^ +/gm, "").replace(/ +/g, " "),
      map.join("").repeat(2),
    );
  });

test("as many ranges as the kernel takes", () => {
  const ranges = Array.from({ length: 340 }, (_, i) => ({
    containerID: i,
    hostID: 9 + i,
    size: 1,
  }));
  const bundle = bundleOf("wc -l < /proc/self/uid_map", (config) => {
    config.linux.uidMappings = ranges;
  });
  assert.equal(output(bundle), "340\n");
});

const status = (pid: number, field: string): string =>
  readFileSync(`/proc/${pid}/status`, "utf8").match(
    new RegExp(`^${field}:[ \\t]*(.*)$`, "m"),
  )?.[1] ?? "";

test("no id and no group of the caller is left, before the program runs and while it runs", () => {
  const caller = new Runtime("tsrun", ["setpriv", "--groups", "4,27", tsrunPath]);
  created(
    bundleOf(WAITS),
    (pid, id) => {
      const check = () => {
        assert.deepEqual(status(pid, "Uid").split("\t"), Array(4).fill(`${HOST_UID}`));
        assert.deepEqual(status(pid, "Gid").split("\t"), Array(4).fill(`${HOST_GID}`));
        assert.equal(status(pid, "Groups").trim(), "");
      };
      check();
      succeeded(tsrun.call(["start", id]));
      check();
    },
    caller,
  );
});

/** What the descriptors of a process lead to, without what differs from one call to the next. */
const descriptors = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`)
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/g, "N"))
    .sort();

test("a created container is open to the host’s root only, and holds no more than any other", () => {
  let others: string[] = [];
  created(shellBundle("true"), (pid) => {
    others = descriptors(pid);
  });
  created(bundleOf("true"), (pid) => {
    assert.equal(statSync(`/proc/${pid}/environ`).uid, 0);
    assert.deepEqual(descriptors(pid), others);
  });
});

test("the namespaces belong to the user namespace: its root rules in them", () => {
  const script = `hostname renamed && hostname
    mount -t tmpfs none /mnt && echo mounted
    ip link set lo down && echo down
    echo 7777 > /mnt/file && cat /mnt/file`;
  assert.equal(output(bundleOf(script, allCapabilities)), "renamed\nmounted\ndown\n7777\n");
});

test("the owner of a file is another inside than outside", () => {
  const bundle = bundleOf(
    "touch /mnt/made && stat -c %u:%g /mnt/made /mnt/given /mnt/host",
    (config, path) => {
      config.mounts.push(bind(join(path, "shared"), "/mnt"));
    },
  );
  const shared = join(bundle.path, "shared");
  mkdirSync(shared);
  for (const name of ["given", "host"]) writeFileSync(join(shared, name), "");
  for (const place of [shared, join(shared, "given")]) chownSync(place, HOST_UID, HOST_GID);
  assert.equal(output(bundle), "0:0\n0:0\n65534:65534\n");
  const { uid, gid } = statSync(join(shared, "made"));
  assert.deepEqual([uid, gid], [HOST_UID, HOST_GID]);
});

test("root filesystem and bind sources may lie where only the host’s root gets", () => {
  const closed = newFolder("closed");
  const bundle = bundleOf("cat /mnt/file /etc/single", (config, path) => {
    config.root.path = join(closed, "rootfs");
    config.mounts.push(bind(join(closed, "shared"), "/mnt"));
    config.mounts.push(bind("shared/file", "/etc/single"));
    mkdirSync(join(path, "shared"));
    writeFileSync(join(path, "shared/file"), "relative\n");
  });
  mkdirSync(join(closed, "shared"));
  writeFileSync(join(closed, "shared/file"), "absolute\n");
  writeFileSync(join(bundle.rootfs, "etc/single"), "");
  renameSync(bundle.rootfs, join(closed, "rootfs"));
  mkdirSync(bundle.rootfs);
  for (const folder of [closed, bundle.path]) chmodSync(folder, 0o700);
  assert.equal(output(bundle), "absolute\nrelative\n");
});

test("more bind mounts than go into one message", () => {
  const bundle = bundleOf("cat /mnt/*", (config, path) => {
    mkdirSync(join(path, "files"));
    mkdirSync(join(path, "rootfs/mnt"), { recursive: true });
    for (let i = 10; i < 50; i++) {
      writeFileSync(join(path, `files/${i}`), `${i}\n`);
      writeFileSync(join(path, `rootfs/mnt/${i}`), "");
      config.mounts.push(bind(join(path, `files/${i}`), `/mnt/${i}`));
    }
  });
  const expected = Array.from({ length: 40 }, (_, i) => `${i + 10}\n`).join("");
  assert.equal(output(bundle), expected);
});

test("a bind source that is not there is named, and nothing is left", () => {
  const bundle = bundleOf("true", (config) => {
    config.mounts.push(bind("/nowhere", "/mnt"));
  });
  const pointer = new RegExp(`/mounts/${bundle.config.mounts.length - 1}/source`);
  leavesNothing(() =>
    failed(tsrun.call(["run", "-b", bundle.path, newId()]), /\/nowhere/, pointer),
  );
});

test("devices can be used; the host’s are verified", () => {
  const use =
    "head -c 3 /dev/zero | wc -c; echo x > /dev/null && echo written; stat -c %t:%T /dev/kmsg";
  const device = { path: "/dev/kmsg", type: "c", major: 1, minor: 11 };
  const bundle = bundleOf(use, (config) => {
    config.linux.devices = [device];
  });
  assert.equal(output(bundle), "3\nwritten\n1:b\n");
  const wrong = bundleOf("true", (config) => {
    // Its owner is nobody in the namespace: it is not made.
    config.linux.devices = [{ ...device, minor: 12, uid: 70_000 }];
  });
  failed(tsrun.call(["run", "-b", wrong.path, newId()]), /1:12/, /\/linux\/devices\/0/);
});

test("a device in a /dev of the image: the place for it is used again", () => {
  const bundle = bundleOf("stat -c '%F %t:%T' /dev/null", (config, path) => {
    config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
    config.root.readonly = false;
    chownSync(join(path, "rootfs/dev"), HOST_UID, HOST_GID);
  });
  for (let i = 0; i < 2; i++) assert.equal(output(bundle), "character special file 1:3\n");
});

test("hooks of the container run as its root, those of the runtime as the host’s", () => {
  const trace = newFolder("trace");
  chmodSync(trace, 0o777);
  const bundle = bundleOf("cat /proc/self/oom_score_adj", (config) => {
    const hook = (name: string) => ({
      path: "/bin/sh",
      args: ["sh", "-c", `echo $INHERITED $(cat /proc/self/uid_map) > ${trace}/${name}`],
    });
    config.process.oomScoreAdj = 77;
    config.process.env.push("INHERITED=container");
    config.hooks = { createRuntime: [hook("runtime")], createContainer: [hook("container")] };
  });
  const call = ["run", "--bundle", bundle.path, newId()];
  const { stdout } = succeeded(tsrun.call(call, { env: { INHERITED: "caller" } }));
  assert.equal(stdout, "77\n");
  const read = (name: string) => readFileSync(join(trace, name), "utf8");
  assert.equal(read("container"), `container 0 ${HOST_UID} 65536\n`);
  assert.match(read("runtime"), /^caller 0 0 4294967295\n$/);
  assert.equal(statSync(join(trace, "container")).uid, HOST_UID);
  assert.equal(statSync(join(trace, "runtime")).uid, 0);
});

/** A process in namespaces that the host owns, once it is there. */
function elsewhere(): ChildProcess {
  const child = spawn("unshare", ["--uts", "--net", "--ipc", "sleep", "60"], { stdio: "ignore" });
  const own = readlinkSync("/proc/self/ns/ipc");
  eventually("it has its namespaces", () => readlinkSync(`/proc/${child.pid}/ns/ipc`) !== own);
  return child;
}

test("namespaces that the host owns are joined, and hooks of the runtime stay in its own", () => {
  const other = elsewhere();
  try {
    const trace = newFolder("trace");
    const bundle = bundleOf(
      "for each in uts net ipc; do readlink /proc/self/ns/$each; done",
      (config) => {
        const path = (file: string) => `/proc/${other.pid}/ns/${file}`;
        const files: Record<string, string> = { uts: "uts", network: "net", ipc: "ipc" };
        config.linux.namespaces = config.linux.namespaces.map((each) =>
          files[each.type] ? { ...each, path: path(files[each.type] as string) } : each,
        );
        delete config.hostname;
        // Both belong to whom the network and the IPC namespace belong to.
        config.mounts = config.mounts.filter(({ type }) => type !== "sysfs" && type !== "mqueue");
        config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/sys"));
        const args = ["sh", "-c", `readlink /proc/self/ns/net > ${trace}/net`];
        config.hooks = { createRuntime: [{ path: "/bin/sh", args }] };
      },
    );
    const links = ["uts", "net", "ipc"].map((file) =>
      readlinkSync(`/proc/${other.pid}/ns/${file}`),
    );
    assert.equal(output(bundle), `${links.join("\n")}\n`);
    assert.equal(
      readFileSync(join(trace, "net"), "utf8").trim(),
      readlinkSync("/proc/self/ns/net"),
    );
  } finally {
    other.kill("SIGKILL");
  }
});

test("an id that is not mapped is named", () => {
  const bundle = bundleOf("true", (config) => {
    config.process.user = { uid: 70_000, gid: 0 };
  });
  leavesNothing(() =>
    failed(tsrun.call(["run", "-b", bundle.path, newId()]), /70000/, /\/process\/user\/uid/),
  );
});

/** [what, the edit, the error]. */
const EXPLAINED: [string, Edit, ...RegExp[]][] = [
  [
    "a place in a root filesystem of others",
    (config) => config.mounts.push({ destination: "/new", type: "tmpfs", source: "tmpfs" }),
    /\/new.*EACCES.*\/mounts\/7.*does not belong to the root/,
  ],
  [
    "the host’s names for a hostname",
    (config) => {
      const path = "/proc/self/ns/uts";
      config.linux.namespaces = config.linux.namespaces.map((each) =>
        each.type === "uts" ? { ...each, path } : each,
      );
    },
    /\/proc\/self\/ns\/uts is the host's own/,
  ],
];

for (const [name, edit, ...patterns] of EXPLAINED)
  test(`what the kernel refuses is explained: ${name}`, () => {
    const bundle = bundleOf("true", edit);
    leavesNothing(() => failed(tsrun.call(["run", "-b", bundle.path, newId()]), ...patterns));
  });

/** tsrun as the root of a user namespace, in which no other id is mapped, after a step of the shell. */
const nested = (step: string): Runtime =>
  new Runtime("tsrun", [
    ...["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", `${step} && exec "$@"`],
    ...["sh", tsrunPath, "--cgroup-manager=disabled"],
  ]);

test("a host that allows no user namespaces is named as the cause", () => {
  const limited = nested("echo 0 > /proc/sys/user/max_user_namespaces");
  const call = ["run", "-b", bundleOf("true").path, newId()];
  leavesNothing(() => failed(limited.call(call), /ENOSPC/, /max_\*_namespaces/));
});

test("ids that the host itself does not have are named as the cause", () => {
  const call = ["run", "-b", bundleOf("true").path, newId()];
  leavesNothing(() => failed(nested("true").call(call), /EPERM/, /\/linux\/uidMappings/, /hostID/));
});

// What the root of the namespace must not do to the host, with all capabilities that it can have.

test("its root is nobody on the host", () => {
  const host = newFolder("host");
  writeFileSync(join(host, "secret"), "secret", { mode: 0o600 });
  writeFileSync(join(host, "public"), "public", { mode: 0o644 });
  const script = `exec 2> /dev/null
    cat /mnt/secret && echo read
    echo x > /mnt/public && echo written
    chown 0:0 /mnt/public && echo taken
    chmod 777 /dev/null && echo chmod
    mknod /tmp/sda b 8 0 && echo mknod
    echo 1 > /proc/sys/kernel/panic && echo sysctl
    echo -1000 > /proc/self/oom_score_adj && echo oom
    mount -o remount,bind,rw /ro && echo remounted
    umount /ro/inner && echo uncovered
    echo end`;
  const bundle = bundleOf(script, (config, path) => {
    allCapabilities(config);
    config.linux.readonlyPaths = [];
    config.root.readonly = false;
    config.process.oomScoreAdj = 0;
    config.mounts.push(bind(host, "/mnt"));
    config.mounts.push({ ...bind("/run/readonly", "/ro"), options: ["rbind"] });
    mkdirSync(join(path, "rootfs/ro"));
  });
  mkdirSync("/run/readonly");
  // What the host has mounted read-only, and what it covers, stays so.
  execFileSync("mount", ["-t", "tmpfs", "none", "/run/readonly"]);
  mkdirSync("/run/readonly/inner");
  execFileSync("mount", ["-t", "tmpfs", "none", "/run/readonly/inner"]);
  execFileSync("mount", ["-o", "remount,bind,ro", "/run/readonly"]);
  try {
    assert.equal(output(bundle), "end\n");
  } finally {
    execFileSync("umount", ["/run/readonly/inner"]);
    execFileSync("umount", ["/run/readonly"]);
    execFileSync("rmdir", ["/run/readonly"]);
  }
  assert.equal(readFileSync(join(host, "public"), "utf8"), "public");
});

// Cgroup ownership: config-linux.md, "Cgroup ownership".

/** The container's group is seen read-write. */
function writableCgroup(config: Config): void {
  const mount = mountAt(config, "/sys/fs/cgroup");
  mount.options = mount.options?.filter((option) => option !== "ro") ?? [];
}

const DELEGATED = readFileSync("/sys/kernel/cgroup/delegate", "utf8").split("\n").filter(Boolean);

/** The owner of a group's directory, and those of its files that somebody else than root owns. */
function owners(id: string): { group: number; files: Record<string, number> } {
  const group = join(cgroupRoot(), id);
  const files = readdirSync(group)
    .map((name) => [name, statSync(join(group, name)).uid] as const)
    .filter(([, uid]) => uid !== 0);
  return { group: statSync(group).uid, files: Object.fromEntries(files) };
}

const ownedBy = (uid: number, id: string) => ({
  group: uid,
  files: Object.fromEntries(
    DELEGATED.filter((name) => readdirSync(join(cgroupRoot(), id)).includes(name)).map((name) => [
      name,
      uid,
    ]),
  ),
});

/** [what, the edits, the host's uid that is to own the group]. */
const OWNERS: [string, Edit[], number][] = [
  ["a writable cgroup", [addUserNamespace, writableCgroup], HOST_UID],
  [
    "a writable cgroup and a user",
    [
      addUserNamespace,
      writableCgroup,
      (config) => {
        config.process.user = { uid: 1000, gid: 1000 };
      },
    ],
    HOST_UID + 1000,
  ],
  [
    "a writable cgroup and a user, without a user namespace",
    [
      writableCgroup,
      (config) => {
        config.process.user = { uid: 1000, gid: 1000 };
      },
    ],
    1000,
  ],
  ["a writable cgroup for the host’s root", [writableCgroup], 0],
  ["a read-only cgroup", [addUserNamespace], 0],
  [
    "no cgroup mount",
    [
      addUserNamespace,
      (config) => {
        config.mounts = config.mounts.filter(({ type }) => type !== "cgroup");
      },
    ],
    0,
  ],
  [
    "the host’s cgroup namespace",
    [
      addUserNamespace,
      writableCgroup,
      (config) => {
        shareNamespace(config, "cgroup");
      },
    ],
    0,
  ],
];

for (const [name, edits, uid] of OWNERS)
  test(`cgroup ownership: ${name}`, () => {
    const id = newId();
    const bundle = shellBundle("true", {
      edit: (config, path) => {
        config.linux.cgroupsPath = `/${id}`;
        for (const edit of edits) edit(config, path);
      },
    });
    created(bundle, () => {
      assert.deepEqual(owners(id), uid === 0 ? { group: 0, files: {} } : ownedBy(uid, id));
    });
  });

const DELEGATION = `cd /sys/fs/cgroup && mkdir inner && echo $$ > inner/cgroup.procs
  grep ^0: /proc/self/cgroup
  (echo max > memory.max || echo 1 > cgroup.freeze) 2> /dev/null || echo limited`;

for (const user of [0, 1000])
  test(`the user ${user} of a writable cgroup makes groups in it and moves there`, () => {
    const bundle = bundleOf(DELEGATION, (config) => {
      writableCgroup(config);
      config.process.user = { uid: user, gid: user };
    });
    assert.equal(output(bundle), "0::/inner\nlimited\n");
  });
