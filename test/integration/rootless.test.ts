/**
 * Containers of an ordinary user: their whole life, who may look into them, and what a user cannot have. What a process
 * inside observes is compared with runc and crun in observe.test.ts.
 */
import assert from "node:assert/strict";
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, newFolder, shellBundle, WAITS, writeConfig } from "./harness/bundle.ts";
import { type Config, makeRootless, mountAt, shareNamespace, USER } from "./harness/config.ts";
import { eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { crun, newId, Runtime, runc, tsrun } from "./harness/runtime.ts";
import { Terminal } from "./harness/terminal.ts";
import { AS_USER, asUser, giveFolders, runtimeDirectory, userTsrun } from "./harness/user.ts";

nothingIsLeftAtTheEnd();

const runtime = asUser(tsrun);

type Edit = (config: Config, bundle: string) => void;

/** A bundle that belongs to the user. */
function bundleOf(script: string, edit: Edit = () => {}): Bundle {
  const bundle = shellBundle(script, {
    edit: (config, path) => {
      makeRootless(config);
      edit(config, path);
    },
  });
  giveFolders(bundle.path);
  return bundle;
}

/** Not with /dev/null for the standard input: crun would give it to the container's user. */
const run = (bundle: Bundle, by: Runtime = runtime) =>
  by.call(["run", "--bundle", bundle.path, newId()], { input: "" });

const output = (bundle: Bundle, by: Runtime = runtime): string =>
  succeeded(run(bundle, by), by.name).stdout;

/** Runs `use` with a created container, and deletes that. */
function created(bundle: Bundle, use: (id: string, pid: number) => void, by = runtime): void {
  const id = newId();
  succeeded(by.call(["create", "--bundle", bundle.path, id], { input: "" }));
  try {
    use(id, stateOf(id, by).pid);
  } finally {
    succeeded(by.call(["delete", "--force", id]), "delete --force");
  }
}

for (const each of [tsrun, runc, crun].map(asUser))
  test(`${each.name}: what \`spec --rootless\` writes runs`, () => {
    const bundle = bundleOf("");
    writeFileSync(join(bundle.path, "config.json"), "");
    const writer = each.name === "crun" ? asUser(runc) : each;
    const folder = newFolder("spec");
    giveFolders(folder);
    succeeded(writer.call(["spec", "--rootless", "--bundle", folder]));
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Config;
    config.process.terminal = false;
    config.process.args = ["cat", "/proc/self/uid_map", "/proc/self/gid_map"];
    writeConfig(bundle.path, config);
    assert.deepEqual(
      output(bundle, each).trim().split(/\s+/),
      `0 ${USER} 1 0 ${USER} 1`.split(" "),
    );
  });

const recent = new Runtime("runc-recent", ["runc-recent"]);

for (const [peer, options] of [
  [runc, {}],
  [recent, needs("recent runc")],
] as const)
  test(`spec --rootless writes what ${peer.name} writes`, options, () => {
    const [ours, theirs] = [tsrun, peer].map((each) => {
      const folder = newFolder("spec");
      giveFolders(folder);
      succeeded(asUser(each).call(["spec", "--rootless", "--bundle", folder]));
      const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Config;
      // The hybrid machine's runc leaves the cgroup namespace out; it is for cgroup v2.
      const namespaces = config.linux.namespaces.map(({ type }) => type).sort();
      // Recent releases give no ambient capabilities.
      delete config.process.capabilities?.ambient;
      return { ...config, ociVersion: "", linux: { ...config.linux, namespaces } };
    });
    assert.deepEqual(
      { ...ours, linux: { ...ours?.linux, namespaces: [] } },
      { ...theirs, linux: { ...theirs?.linux, namespaces: [] } },
    );
    assert.deepEqual(ours?.linux.namespaces, ["cgroup", "ipc", "mount", "pid", "user", "uts"]);
  });

test("created, started, killed and deleted, with its hooks, and its state is the user’s alone", () => {
  const log = newFolder("log");
  giveFolders(log);
  const hook = (kind: string) => ({
    path: "/bin/sh",
    args: ["sh", "-c", `cat > ${log}/${kind}; id -u >> ${log}/${kind}`],
  });
  const bundle = bundleOf(WAITS, (config) => {
    config.hooks = Object.fromEntries(
      ["createRuntime", "poststart", "poststop"].map((kind) => [kind, [hook(kind)]]),
    );
  });
  const id = newId();
  const tell = (...words: string[]) => succeeded(runtime.call([...words, id]));
  const pidFile = join(log, "pid");
  succeeded(
    runtime.call(["create", "--bundle", bundle.path, "--pid-file", pidFile, id], { input: "" }),
  );
  const folder = statSync(join(runtimeDirectory, "tsrun", id));
  assert.deepEqual([folder.uid, folder.mode & 0o777], [USER, 0o700]);
  assert.equal(stateOf(id, runtime).status, "created");
  assert.equal(readFileSync(pidFile, "utf8"), String(stateOf(id, runtime).pid));
  tell("start");
  assert.equal(stateOf(id, runtime).status, "running");
  succeeded(runtime.call(["kill", id, "TERM"]));
  eventually("it has stopped", () => stateOf(id, runtime).status === "stopped");
  tell("delete");
  failed(runtime.call(["state", id]), /does not exist/);
  for (const kind of ["createRuntime", "poststart", "poststop"])
    assert.match(readFileSync(join(log, kind), "utf8"), new RegExp(`"id":"${id}".*}${USER}\n$`));
});

test("delete --force ends all processes, though there is no cgroup", () => {
  const id = newId();
  const bundle = bundleOf(`setsid sleep 1000 & setsid setsid sleep 1000 & ${WAITS}`);
  succeeded(runtime.call(["run", "--detach", "--bundle", bundle.path, id], { input: "" }));
  succeeded(runtime.call(["delete", "--force", id]));
  // nothingIsLeftAtTheEnd looks for the processes.
});

test("without a cgroup and a PID namespace, a warning", () => {
  const bundle = bundleOf("true", (config) => {
    shareNamespace(config, "pid");
    mountAt(config, "/proc").type = "bind";
    mountAt(config, "/proc").source = "/proc";
    mountAt(config, "/proc").options = ["rbind"];
  });
  const { status, stderr } = run(bundle);
  assert.deepEqual([status, stderr.match(/warning: .*no PID namespace/)?.length], [0, 1]);
});

test("a foreground terminal", async () => {
  const bundle = bundleOf("tty; stty size", (config) => {
    config.process.terminal = true;
  });
  const command = [...runtime.command, "run", "--bundle", bundle.path, newId()];
  const terminal = new Terminal("foreground", "33", "101", ...command);
  terminal.shows(/^\/dev\/pts\/0\n33 101\n/m);
  await terminal.ended();
});

test("the standard streams can be opened anew", () => {
  const bundle = bundleOf("echo one > /dev/stdout; echo two > /dev/stderr");
  const piped = new Runtime("tsrun", ["sh", "-c", '"$@" 2>&1 | cat', "sh", userTsrun]);
  assert.equal(output(bundle, piped.calledBy(...AS_USER)), "one\ntwo\n");
});

/** Whether the user itself may look into a process. */
const isOpen = (pid: number): boolean =>
  new Runtime("cat", [...AS_USER, "cat", `/proc/${pid}/environ`]).call([]).status === 0;

test("a created container is closed even to its user, until its program runs", () => {
  created(bundleOf(WAITS), (id, pid) => {
    assert.equal(isOpen(pid), false);
    succeeded(runtime.call(["start", id]));
    assert.equal(isOpen(pid), true);
  });
});

test("what only its user can reach is bound, whoever the container’s root is", () => {
  const folder = newFolder("closed");
  mkdirSync(join(folder, "inner"), { mode: 0o700 });
  writeFileSync(join(folder, "inner/file"), "reached\n", { mode: 0o644 });
  giveFolders(folder);
  const bundle = bundleOf("cat /mnt/file", (config) => {
    const source = join(folder, "inner");
    config.mounts.push({ destination: "/mnt", type: "bind", source, options: ["bind"] });
  });
  assert.equal(output(bundle), "reached\n");
});

test("a device of linux.devices is the host’s, or an error", () => {
  const device = { path: "/dev/kmsg", type: "c", major: 1, minor: 11 };
  const bundle = bundleOf("stat -c '%t:%T' /dev/kmsg", ({ linux }) => {
    linux.devices = [device];
  });
  for (const each of [tsrun, runc].map(asUser)) assert.equal(output(bundle, each), "1:b\n");
  const wrong = bundleOf("true", ({ linux }) => {
    linux.devices = [{ ...device, minor: 12 }];
  });
  failed(run(wrong), /making the device \/dev\/kmsg.*not the device 1:12.*\/linux\/devices\/0/);
});

const refused: [what: string, edit: Edit, message: RegExp][] = [
  [
    "a container without a user namespace",
    (config) => {
      shareNamespace(config, "user");
      delete config.linux.uidMappings;
      delete config.linux.gidMappings;
    },
    /needs root \(config\.json \/linux\/namespaces\); .*tsrun spec --rootless/,
  ],
  [
    "groups where setgroups is denied",
    ({ process }) => {
      process.user.additionalGids = [0];
    },
    /the groups 0 cannot be set \(config\.json \/process\/user\/additionalGids\); .*newgidmap/,
  ],
  [
    "a limit without a cgroup",
    ({ linux }) => {
      linux.resources = { pids: { limit: 9 } };
    },
    /making the cgroup .*EACCES\) \(config\.json \/linux\/resources\/pids\/limit\); .*delegated/,
  ],
  [
    "a cgroup that is not the user’s",
    ({ linux }) => {
      linux.cgroupsPath = `/${newId()}`;
    },
    /making the cgroup .*EACCES\) \(config\.json \/linux\/cgroupsPath\); .*delegated/,
  ],
  [
    "a score that spares it",
    ({ process }) => {
      process.oomScoreAdj = -500;
    },
    /oom_score_adj to -500: .*EACCES\) \(config\.json \/process\/oomScoreAdj\)/,
  ],
  [
    "a limit above the caller’s",
    ({ process }) => {
      const above = 2 ** 30;
      process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1024, hard: above }];
    },
    /RLIMIT_NOFILE.*EPERM\) \(config\.json \/process\/rlimits\/0\); .*CAP_SYS_RESOURCE/,
  ],
  [
    "a host’s id that is not the user’s",
    ({ linux }) => {
      linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    },
    /mapping the ids .*newuidmap.*\(config\.json \/linux\/uidMappings\); .*\/etc\/subuid/,
  ],
];

for (const [what, edit, message] of refused)
  test(`refused: ${what}`, () => failed(run(bundleOf("true", edit)), message));

test("where no cgroup v2 is in sight, it runs without", () => {
  const hidden = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
  ];
  const blind = new Runtime("tsrun", [...hidden, "sh", ...runtime.command]);
  assert.equal(output(bundleOf("echo ran"), blind), "ran\n");
});

for (const hidden of ["hidepid=1", "hidepid=2"])
  test(`refused: a /proc with ${hidden}, in which a created container could not be found again`, () => {
    const mounted = [
      "unshare",
      "--mount",
      "sh",
      "-c",
      `mount -t proc -o ${hidden} proc /proc && exec "$@"`,
    ];
    const blind = new Runtime("tsrun", [...mounted, "sh", ...runtime.command]);
    failed(run(bundleOf("true"), blind), /\/proc hides processes .*; mount it without hidepid/);
  });

test("without a cgroup, runc refuses and allows the same", () => {
  for (const each of [tsrun.onPureCgroup(), runc].map(asUser)) {
    const asking: Edit[] = [
      ({ linux }) => {
        linux.resources = { pids: { limit: 9 } };
      },
      ({ linux }) => {
        linux.cgroupsPath = `/${newId()}`;
      },
      ({ linux }) => {
        linux.resources = { devices: [{ allow: false, access: "rwm" }] };
      },
    ];
    const allowed = asking.map((edit) => run(bundleOf("true", edit), each).status === 0);
    assert.deepEqual(allowed, [false, false, true], each.name);
  }
});

for (const each of [tsrun, crun].map(asUser))
  test(`${each.name}: a container’s user in the place of its root`, () => {
    const bundle = bundleOf(
      "id -u; id -g; cat /proc/self/uid_map; stat -c %u:%g /dev",
      (config) => {
        config.process.user = { uid: 7, gid: 8 };
        config.linux.uidMappings = [{ containerID: 7, hostID: USER, size: 1 }];
        config.linux.gidMappings = [{ containerID: 8, hostID: USER, size: 1 }];
      },
    );
    assert.deepEqual(output(bundle, each).trim().split(/\s+/), [
      "7",
      "8",
      "7",
      `${USER}`,
      "1",
      "7:8",
    ]);
  });

/** The user's tsrun with some programs of its own before the machine's. */
function withHelpers(programs: Record<string, string>): Runtime {
  const folder = newFolder("helpers");
  for (const [name, script] of Object.entries(programs))
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return new Runtime("tsrun", [...AS_USER, `PATH=${folder}`, userTsrun]);
}

const severalIds: Edit = ({ linux }) => {
  linux.uidMappings = [
    { containerID: 0, hostID: USER, size: 1 },
    { containerID: 1, hostID: 100_000, size: 65_536 },
  ];
  linux.gidMappings = structuredClone(linux.uidMappings);
};

test("several ids without the helper: which one, and where it comes from", () => {
  failed(
    run(bundleOf("true", severalIds), withHelpers({})),
    /newuidmap is not in PATH.*\(config\.json \/linux\/uidMappings\); .*package uidmap.*\/etc\/subuid/,
  );
});

test("a helper that refuses is heard, and told the mapping as it is", () => {
  const helper = withHelpers({ newuidmap: 'echo "no: $*" >&2; exit 3' });
  failed(
    run(bundleOf("true", severalIds), helper),
    new RegExp(
      `newuidmap exited with status 3, saying: no: \\d+ 0 ${USER} 1 1 100000 65536 .*/linux/uidMappings`,
    ),
  );
});

const withSubordinates = needs("subordinate ids");

for (const each of [tsrun, runc, crun].map(asUser))
  test(`${each.name}: several ids by the helpers`, withSubordinates, () => {
    const bundle = bundleOf("cat /proc/self/uid_map; id", (config) => {
      severalIds(config, "");
      config.process.user = { uid: 5, gid: 6 };
    });
    assert.equal(
      output(bundle, each).replaceAll(/ +/g, " "),
      ` 0 ${USER} 1\n 1 100000 65536\nuid=5 gid=6\n`,
    );
  });

test("groups of a user with subordinate ids, which runc refuses", withSubordinates, () => {
  const bundle = bundleOf("id -G; cat /proc/self/setgroups", (config) => {
    severalIds(config, "");
    config.process.user.additionalGids = [7, 8];
  });
  assert.equal(output(bundle), "0 7 8\nallow\n");
});

test("a user's container is not for root to act on by its state, whose hooks are the user's", () => {
  const folder = newFolder("proof");
  giveFolders(folder);
  const proof = join(folder, "ran");
  const bundle = bundleOf(WAITS, (config) => {
    config.hooks = { poststop: [{ path: "/bin/touch", args: ["touch", proof] }] };
  });
  created(bundle, (id) => {
    const byRoot = tsrun.with("--root", join(runtimeDirectory, "tsrun"));
    for (const call of [["state"], ["delete", "--force"], ["kill"]])
      failed(byRoot.call([...call, id]), new RegExp(`belongs to another user, ${USER}; .*setpriv`));
    assert.equal(existsSync(proof), false);
  });
});

test("without $XDG_RUNTIME_DIR: an error with a remedy, or --root", () => {
  const bare = new Runtime("tsrun", [...AS_USER, "env", "-u", "XDG_RUNTIME_DIR", userTsrun]);
  const bundle = bundleOf("echo ran");
  failed(run(bundle, bare), /\/run\/tsrun: .*EACCES\); set XDG_RUNTIME_DIR .*--root/);
  const root = newFolder("root");
  giveFolders(root);
  assert.equal(output(bundle, bare.with("--root", root)), "ran\n");
});

for (const command of ["pause", "ps", "update --pids-limit=9", "events --stats"])
  test(`${command} without a cgroup: an error that says why`, () => {
    created(bundleOf(WAITS), (id) =>
      failed(runtime.call([...command.split(" "), id]), /no cgroup of its own; .*delegated/),
    );
  });

test("no container can write to the binary, whoever owns that", () => {
  const own = newFolder("own");
  giveFolders(own);
  copyFileSync(userTsrun, join(own, "tsrun"));
  chownSync(join(own, "tsrun"), USER, USER);
  const write = ["sh", "-c", `echo >> ${userTsrun}`];
  assert.notEqual(new Runtime("sh", [...AS_USER, ...write]).call([]).status, 0);
  for (const [binary, exe] of [
    [userTsrun, userTsrun],
    [join(own, "tsrun"), "/memfd:tsrun (deleted)"],
  ] as const)
    created(
      bundleOf("true"),
      (_id, pid) => assert.equal(readlinkSync(`/proc/${pid}/exe`), exe),
      new Runtime("tsrun", [...AS_USER, binary]),
    );
});
