/**
 * Namespaces of every kind: new, joined by a path, and the creator's own. A container to join is made by tsrun; what the
 * one that joins observes is compared with runc and crun where these know the case.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, makeBundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { recentCrun, recentRunc } from "./harness/cgroup.ts";
import { addUserNamespace, type Config, HOST_UID } from "./harness/config.ts";
import { eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { crun, newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** Kinds as config.json names them, and their files in /proc/<pid>/ns. */
const FILES = {
  user: "user",
  ipc: "ipc",
  uts: "uts",
  network: "net",
  cgroup: "cgroup",
  pid: "pid",
  time: "time",
  mount: "mnt",
} as const;
type Kind = keyof typeof FILES;

type Edit = (config: Config) => void;

const add = (config: Config, type: Kind, path?: string): void => {
  config.linux.namespaces = config.linux.namespaces.filter((each) => each.type !== type);
  config.linux.namespaces.push({ type, ...(path === undefined ? {} : { path }) });
};

const remove = (config: Config, type: Kind): void => {
  config.linux.namespaces = config.linux.namespaces.filter((each) => each.type !== type);
};

/** Runs to the end; not with /dev/null for the standard input, which crun would give away. Peers may warn. */
function output(bundle: Bundle, runtime: Runtime = tsrun): string {
  const outcome = runtime.call(["run", "--bundle", bundle.path, newId()], { input: "" });
  if (runtime === tsrun) return succeeded(outcome).stdout;
  assert.equal(outcome.status, 0, `${runtime.name}: ${outcome.stderr}`);
  return outcome.stdout;
}

/** Runs `use` beside a running container of tsrun. */
function beside(edit: Edit, use: (pid: number, id: string) => void): void {
  const id = newId();
  // Which starts no more processes, that would be taken for left behind.
  const { path } = makeBundle(["sleep", "300"], { edit });
  succeeded(tsrun.call(["run", "--detach", "--bundle", path, id], { input: "" }));
  try {
    use(stateOf(id).pid, id);
  } finally {
    succeeded(tsrun.call(["delete", "--force", id]));
  }
}

const namespace = (pid: number | "self", kind: Kind): string =>
  readlinkSync(`/proc/${pid}/ns/${FILES[kind]}`);

/** Shell: the namespaces of the container's process, a line each. */
const SHOW = "for each in /proc/$$/ns/*; do readlink $each; done";

const peers = [runc, crun];

test("a time namespace has its clocks moved, and its own", () => {
  const bundle = shellBundle(`cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime; ${SHOW}`, {
    edit: (config) => {
      add(config, "time");
      config.linux.timeOffsets = {
        boottime: { secs: 1_000_000 },
        monotonic: { secs: 5000, nanosecs: 999_999_999 },
      };
    },
  });
  const [monotonic, boottime, uptime, ...namespaces] = output(bundle).trim().split("\n");
  assert.match(monotonic ?? "", /^monotonic +5000 +999999999$/);
  assert.match(boottime ?? "", /^boottime +1000000 +0$/);
  const own = Number(readFileSync("/proc/uptime", "utf8").split(".")[0]);
  assert.ok(Math.abs(Number(uptime) - own - 1_000_000) < 100, `${uptime} beside ${own}`);
  const times = namespaces.filter((each) => each.startsWith("time:"));
  assert.equal(times.length, 2, "time and time_for_children");
  assert.equal(times[0], times[1]);
  assert.notEqual(times[0], namespace("self", "time"));
});

test("negative offsets go as far as the clock has come", () => {
  const edit = (secs: number) => (config: Config) => {
    add(config, "time");
    config.linux.timeOffsets = { boottime: { secs, nanosecs: 0 } };
  };
  const read = "grep boottime /proc/self/timens_offsets";
  assert.match(output(shellBundle(read, { edit: edit(-1) })), /^boottime +-1 +0$/m);
  const { path } = shellBundle(read, { edit: edit(-1_000_000_000) });
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", path, newId()]),
      /moving the clock boottime by -1000000000 s.*ERANGE.*\/linux\/timeOffsets\/boottime/,
    ),
  );
});

test("a container without a time namespace keeps the creator's, and offsets are refused", () => {
  assert.ok(output(shellBundle(SHOW)).includes(namespace("self", "time")));
  const edits: Edit[] = [() => {}, (config) => add(config, "time", "/proc/self/ns/time")];
  for (const edit of edits) {
    const { path } = shellBundle("true", {
      edit: (config) => {
        edit(config);
        config.linux.timeOffsets = { boottime: { secs: 1 } };
      },
    });
    failed(tsrun.call(["run", "--bundle", path, newId()]), /\/linux\/timeOffsets/);
  }
});

test("a time namespace is the recent peers' too", needs("recent runc"), () => {
  const bundle = shellBundle("cat /proc/self/timens_offsets; ls /proc/self/ns", {
    edit: (config) => {
      add(config, "time");
      config.linux.timeOffsets = { boottime: { secs: -7, nanosecs: 3 }, monotonic: { secs: 9 } };
    },
  });
  const ours = output(bundle);
  for (const peer of [recentRunc, recentCrun]) assert.equal(output(bundle, peer), ours, peer.name);
});

test("a new user namespace owns the new time namespace", () => {
  const edit: Edit = (config) => {
    addUserNamespace(config);
    add(config, "time");
    config.linux.timeOffsets = { monotonic: { secs: 77 } };
  };
  beside(edit, (pid) => {
    assert.match(readFileSync(`/proc/${pid}/timens_offsets`, "utf8"), /^monotonic +77 +0$/m);
    assert.match(readFileSync(`/proc/${pid}/uid_map`, "utf8"), new RegExp(`^ +0 +${HOST_UID} `));
    for (const kind of ["user", "time", "pid", "mount", "uts", "ipc"] as const)
      assert.notEqual(namespace(pid, kind), namespace("self", kind), kind);
    // Whoever has entered the user namespace may enter what it owns.
    const enter = ["--target", String(pid), "--user", "--time", "--preserve-credentials"];
    const offsets = execFileSync("nsenter", [...enter, "cat", "/proc/self/timens_offsets"]);
    assert.match(String(offsets), /^monotonic +77 +0$/m);
  });
});

for (const kind of ["ipc", "uts", "network", "cgroup", "pid", "time"] as const)
  test(`the ${kind} namespace of another container is joined`, () => {
    const edit: Edit = (config) => {
      add(config, "time");
      add(config, "cgroup");
    };
    beside(edit, (pid) => {
      const path = `/proc/${pid}/ns/${FILES[kind]}`;
      const bundle = shellBundle(SHOW, {
        edit: (config) => {
          add(config, kind, path);
          if (kind === "uts") delete config.hostname;
        },
      });
      const isKind = (line: string) => line.startsWith(`${FILES[kind]}:`);
      const joined = [namespace(pid, kind)];
      assert.deepEqual([...new Set(output(bundle).split("\n").filter(isKind))], joined);
      // These releases know nothing of time namespaces.
      for (const peer of kind === "time" ? [] : peers)
        assert.deepEqual(
          [...new Set(output(bundle, peer).split("\n").filter(isKind))],
          joined,
          peer.name,
        );
    });
  });

test("a PID namespace is shared: both see each other, and the second's end is not the first's", () => {
  beside(
    () => {},
    (pid, id) => {
      const edit: Edit = (config) => add(config, "pid", `/proc/${pid}/ns/pid`);
      const second = newId();
      const { path } = shellBundle(WAITS, { edit });
      succeeded(tsrun.call(["run", "--detach", "--bundle", path, second], { input: "" }));
      const other = stateOf(second).pid;
      assert.match(readFileSync(`/proc/${other}/status`, "utf8"), /^NSpid:\t\d+\t[2-9]\d*$/m);
      succeeded(tsrun.call(["delete", "--force", second]));
      assert.equal(stateOf(id).status, "running");
      assert.throws(() => readlinkSync(`/proc/${other}/ns/pid`), "its process is gone");
    },
  );
});

test("without a PID namespace the container sees the creator's processes", () => {
  const edit: Edit = (config) => remove(config, "pid");
  const bundle = shellBundle(
    "readlink /proc/$$/ns/pid; [ $$ -gt 1 ] && ls /proc | grep -c '^[0-9]'",
    {
      edit,
    },
  );
  const [own, count] = output(bundle).trim().split("\n");
  assert.equal(own, namespace("self", "pid"));
  assert.ok(Number(count) > 2);
});

test("a container that shares the PID namespace takes its own processes along", () => {
  const id = newId();
  const script = `(trap '' TERM HUP; while true; do sleep 0.05; done) & ${WAITS}`;
  const { path } = shellBundle(script, { edit: (config) => remove(config, "pid") });
  leavesNothing(() => {
    succeeded(tsrun.call(["run", "--detach", "--bundle", path, id], { input: "" }));
    succeeded(tsrun.call(["delete", "--force", id]));
  });
});

/** Joins all that a container with a user namespace has, but its mounts. */
const joinAll =
  (pid: number, kinds: readonly Kind[]): Edit =>
  (config) => {
    delete config.hostname;
    for (const kind of kinds) add(config, kind, `/proc/${pid}/ns/${FILES[kind]}`);
  };

test("a user namespace is joined with what it owns", () => {
  beside(addUserNamespace, (pid) => {
    const kinds = ["user", "ipc", "uts", "network"] as const;
    const bundle = shellBundle(`${SHOW}; cat /proc/self/uid_map; id -u; touch /tmp/mine`, {
      edit: (config) => {
        // runc 1.1 wants to know the mappings of the one that it joins.
        addUserNamespace(config);
        joinAll(pid, kinds)(config);
        config.root.readonly = false;
      },
      prepare: giveToRoot,
    });
    const lines = output(bundle).split("\n");
    for (const kind of kinds) assert.ok(lines.includes(namespace(pid, kind)), kind);
    assert.ok(!lines.includes(namespace(pid, "pid")), "a PID namespace of its own");
    assert.ok(lines.some((line) => new RegExp(`^ +0 +${HOST_UID} +\\d+$`).test(line)));
    for (const peer of peers) {
      const theirs = output(bundle, peer).split("\n");
      for (const kind of kinds) assert.ok(theirs.includes(namespace(pid, kind)), peer.name);
    }
  });
});

/** The root filesystem belongs to the root of the user namespace, as engines see to. */
function giveToRoot(rootfs: string): void {
  execFileSync("chown", ["-hR", `${HOST_UID}:200000`, rootfs]);
}

test("a user namespace is joined beside a network namespace of the host's", () => {
  beside(addUserNamespace, (pid) => {
    const edit: Edit = (config) => {
      add(config, "user", `/proc/${pid}/ns/user`);
      add(config, "network", "/proc/self/ns/net");
      add(config, "time");
      config.linux.timeOffsets = { boottime: { secs: 33 } };
    };
    const lines = output(
      shellBundle(`${SHOW}; cat /proc/self/timens_offsets`, { edit, prepare: giveToRoot }),
    );
    assert.ok(lines.includes(namespace(pid, "user")));
    assert.ok(lines.includes(namespace("self", "network")));
    assert.match(lines, /^boottime +33 +0$/m);
  });
});

test("mappings beside a user namespace to join must be its own", () => {
  beside(addUserNamespace, (pid) => {
    const edit =
      (first: number): Edit =>
      (config) => {
        addUserNamespace(config);
        add(config, "user", `/proc/${pid}/ns/user`);
        const [mapping] = config.linux.uidMappings ?? [];
        if (mapping) mapping.hostID += first;
      };
    const script = "id -u";
    assert.equal(output(shellBundle(script, { edit: edit(0), prepare: giveToRoot })), "0\n");
    const { path } = shellBundle(script, { edit: edit(1), prepare: giveToRoot });
    leavesNothing(() =>
      failed(
        tsrun.call(["run", "--bundle", path, newId()]),
        /not how the user namespace to join is mapped.*\/linux\/uidMappings/,
      ),
    );
  });
});

test("a user namespace whose ids nobody has mapped cannot be joined", () => {
  const holder = spawn("unshare", ["--user", "sleep", "60"], { stdio: "ignore" });
  try {
    const path = `/proc/${holder.pid}/ns/user`;
    eventually("it is there", () => readlinkSync(path) !== readlinkSync("/proc/self/ns/user"));
    const bundle = shellBundle("true", { edit: (config) => add(config, "user", path) });
    leavesNothing(() =>
      failed(
        tsrun.call(["run", "--bundle", bundle.path, newId()]),
        /has no root: its ids are not mapped yet.*\/linux\/namespaces/,
      ),
    );
  } finally {
    holder.kill("SIGKILL");
  }
});

test("a user that the joined namespace does not map is refused", () => {
  beside(addUserNamespace, (pid) => {
    const { path } = shellBundle("true", {
      edit: (config) => {
        add(config, "user", `/proc/${pid}/ns/user`);
        config.process.user = { uid: 4_000_000, gid: 0 };
      },
    });
    leavesNothing(() =>
      failed(tsrun.call(["run", "--bundle", path, newId()]), /4000000.*\/process\/user\/uid/),
    );
  });
});

for (const [kind, wrong] of [
  ["user", "net"],
  ["time", "uts"],
  ["network", "user"],
  ["mount", "pid"],
] as const)
  test(`a ${kind} namespace to join must be one`, () => {
    const { path } = shellBundle("true", {
      edit: (config) => add(config, kind, `/proc/self/ns/${wrong}`),
    });
    leavesNothing(() =>
      failed(
        tsrun.call(["run", "--bundle", path, newId()]),
        new RegExp(`is not a ${kind} namespace.*/linux/namespaces/\\d/path`),
      ),
    );
  });

test("a FIFO in the place of a namespace does not hold the creator up", () => {
  const fifo = join(newFolder("fifo"), "namespace");
  execFileSync("mkfifo", [fifo]);
  const { path } = shellBundle("true", { edit: (config) => add(config, "network", fifo) });
  failed(tsrun.call(["run", "--bundle", path, newId()]), /is not a network namespace/);
});

test("a PID namespace whose first process has ended is an error that says so", () => {
  const file = join(newFolder("pid"), "namespace");
  writeFileSync(file, "");
  execFileSync("unshare", [`--pid=${file}`, "--fork", "true"]);
  try {
    const { path } = shellBundle("true", { edit: (config) => add(config, "pid", file) });
    leavesNothing(() =>
      failed(
        tsrun.call(["run", "--bundle", path, newId()]),
        /ENOMEM.*first process of a PID namespace that is joined ended/,
      ),
    );
  } finally {
    execFileSync("umount", [file]);
  }
});

const mountsAt = (rootfs: string, of: number | "self" = "self"): string[] =>
  readFileSync(`/proc/${of}/mountinfo`, "utf8")
    .split("\n")
    .filter((line) => line.includes(rootfs));

/** Without a mount namespace of its own nothing can be protected. */
function shareMounts(config: Config): void {
  remove(config, "mount");
  config.linux.maskedPaths = [];
  config.linux.readonlyPaths = [];
}

test("a container lives in its creator's mount namespace, and its mounts go with it", () => {
  const script = `readlink /proc/$$/ns/mnt; ls /; grep -c ' /proc ' /proc/self/mountinfo; touch /made`;
  const bundle = shellBundle(script, {
    edit: (config) => {
      shareMounts(config);
      config.root.readonly = false;
    },
  });
  leavesNothing(() => {
    const lines = output(bundle).split("\n");
    assert.equal(lines[0], namespace("self", "mount"));
    assert.ok(lines.includes("bin") && !lines.includes("boot"), "the root is the container's");
  });
  assert.deepEqual(mountsAt(bundle.rootfs), []);
  assert.ok(readdirSync(bundle.rootfs).includes("made"));
  assert.ok(!readdirSync(join(bundle.rootfs, "proc")).includes("self"));
});

test("what a killed creation mounted in its creator's namespace goes with delete", () => {
  const bundle = shellBundle(WAITS, { edit: shareMounts });
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", bundle.path, id], { input: "" }));
  assert.ok(mountsAt(bundle.rootfs).length > 3);
  process.kill(stateOf(id).pid, "SIGKILL");
  eventually("it has ended", () => stateOf(id).status === "stopped");
  succeeded(tsrun.call(["delete", id]));
  assert.deepEqual(mountsAt(bundle.rootfs), []);
});

test("of two containers on one root in their creator's mount namespace the second goes first", () => {
  const bundle = shellBundle(WAITS, { edit: shareMounts });
  const [first, second] = [newId(), newId()];
  for (const id of [first, second])
    succeeded(tsrun.call(["run", "--detach", "--bundle", bundle.path, id], { input: "" }));
  failed(tsrun.call(["delete", "--force", first]), /something else is mounted over/);
  assert.equal(stateOf(second).status, "running");
  for (const id of [second, first]) succeeded(tsrun.call(["delete", "--force", id]));
  assert.deepEqual(mountsAt(bundle.rootfs), []);
});

test("who sees the creator's mounts does not see those in the container's root", () => {
  const bundle = shellBundle(WAITS, { edit: shareMounts });
  execFileSync("mount", ["--bind", bundle.path, bundle.path]);
  execFileSync("mount", ["--make-shared", bundle.path]);
  const other = spawn("unshare", ["--mount", "--propagation", "unchanged", "sleep", "60"]);
  const id = newId();
  try {
    const pid = other.pid as number;
    eventually("the other one has its mounts", () =>
      readlinkSync(`/proc/${pid}/exe`).endsWith("sleep"),
    );
    succeeded(tsrun.call(["run", "--detach", "--bundle", bundle.path, id], { input: "" }));
    assert.ok(mountsAt(bundle.rootfs).length > 3);
    assert.equal(mountsAt(bundle.rootfs, pid).length, 1);
    succeeded(tsrun.call(["delete", "--force", id]));
    assert.deepEqual(mountsAt(bundle.rootfs, pid), []);
  } finally {
    other.kill("SIGKILL");
    tsrun.call(["delete", "--force", id]);
    execFileSync("umount", ["--lazy", bundle.path]);
  }
});

test("the creator's mount namespace is not joined by its path: nobody would unmount there", () => {
  const bundle = shellBundle("true", {
    edit: (config) => add(config, "mount", "/proc/self/ns/mnt"),
  });
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", bundle.path, newId()]),
      /is the host's own.*leave the mount namespace out/,
    ),
  );
  assert.deepEqual(mountsAt(bundle.rootfs), []);
});

test("a creation in its creator's mount namespace that fails leaves no mount", () => {
  const bundle = shellBundle("true", {
    edit: (config) => {
      shareMounts(config);
      config.mounts.push({ destination: "/none", type: "bind", source: "/none", options: [] });
    },
  });
  leavesNothing(() => failed(tsrun.call(["run", "--bundle", bundle.path, newId()]), /\/none/));
  assert.deepEqual(mountsAt(bundle.rootfs), []);
});

const REFUSED_WITHOUT_MOUNTS: [string, Edit, RegExp][] = [
  [
    "the machine's own root",
    (config) => {
      config.root = { path: "/" };
    },
    /\/root\/path/,
  ],
  [
    "masked paths",
    (config) => {
      config.linux.maskedPaths = ["/proc/kcore"];
    },
    /\/linux\/maskedPaths/,
  ],
  [
    "read-only paths",
    (config) => {
      config.linux.readonlyPaths = ["/proc/sys"];
    },
    /\/linux\/readonlyPaths/,
  ],
  [
    "a propagation",
    (config) => {
      config.linux.rootfsPropagation = "shared";
    },
    /\/linux\/rootfsPropagation/,
  ],
  ["a user namespace", addUserNamespace, /\/linux\/namespaces/],
];
for (const [what, edit, pointer] of REFUSED_WITHOUT_MOUNTS)
  test(`${what} without a mount namespace of its own is refused`, () => {
    const { path } = shellBundle("true", {
      edit: (config) => {
        shareMounts(config);
        edit(config);
      },
    });
    leavesNothing(() => failed(tsrun.call(["run", "--bundle", path, newId()]), pointer));
  });

test("a mount namespace is joined, and those who live there keep their root", () => {
  const holder = shellBundle(WAITS);
  const id = newId();
  succeeded(tsrun.call(["run", "--detach", "--bundle", holder.path, id], { input: "" }));
  try {
    const { pid } = stateOf(id);
    // Seen from there the root filesystem is the holder's own.
    const bundle = shellBundle(`readlink /proc/$$/ns/mnt; ls /`, {
      edit: (config) => {
        add(config, "mount", `/proc/${pid}/ns/mnt`);
        config.root = { path: "/", readonly: false };
        config.mounts = [{ destination: "/proc", type: "proc", source: "proc", options: [] }];
        config.linux.maskedPaths = [];
        config.linux.readonlyPaths = [];
      },
    });
    const lines = output(bundle).split("\n");
    assert.equal(lines[0], namespace(pid, "mount"));
    assert.ok(lines.includes("bin"));
    assert.ok(!readlinkSync(`/proc/${pid}/root`).includes("unreachable"));
    assert.ok(readdirSync(`/proc/${pid}/root/bin`).includes("busybox"));
  } finally {
    succeeded(tsrun.call(["delete", "--force", id]));
  }
});
