/** A user's containers in cgroups: below a group that root has given to the user, and with the user's own systemd. */
import "./harness/machinePids.ts";
import "./harness/userInstance.ts";
import assert from "node:assert/strict";
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Bundle, shellBundle, WAITS } from "./harness/bundle.ts";
import { type Config, makeRootless, mountAt, shareNamespace, USER } from "./harness/config.ts";
import { eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { runName } from "./harness/isolation.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, Runtime } from "./harness/runtime.ts";
import { AS_USER, giveFolders, userTsrun } from "./harness/user.ts";

/** As `Delegate=` of a unit does it (cgroups(7), "Cgroup delegation"). */
const delegated = join(cgroupRoot(), `delegated-${process.pid}`);
const callers = join(delegated, "callers");

before(() => {
  for (const group of [delegated, callers]) {
    mkdirSync(group);
    for (const file of ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"])
      chownSync(join(group, file), USER, USER);
  }
});
after(() => {
  for (const group of [callers, delegated]) rmdirSync(group);
});

nothingIsLeftAtTheEnd();

/** Called in a group of its own, beside which there is place for others. */
const calledInGroup = (...words: string[]): Runtime =>
  new Runtime("tsrun", [
    "sh",
    "-c",
    `echo 0 > ${callers}/cgroup.procs && exec "$@"`,
    "sh",
    ...words,
  ]);

const runtime = calledInGroup(...AS_USER, userTsrun);

type Edit = (config: Config) => void;

function bundleOf(script: string, edit: Edit = () => {}): Bundle {
  const bundle = shellBundle(script, {
    edit: (config) => {
      makeRootless(config);
      edit(config);
    },
  });
  giveFolders(bundle.path);
  return bundle;
}

interface Held {
  id: string;
  /** The directory of its group. */
  group: string;
  tell: (...words: string[]) => string;
}

/** Runs `use` with a running container, and deletes that. */
function running(bundle: Bundle, use: (held: Held) => void, by = runtime): void {
  const id = newId();
  succeeded(by.call(["run", "--detach", "--bundle", bundle.path, id], { input: "" }), "run");
  try {
    const path = readFileSync(`/proc/${stateOf(id, by).pid}/cgroup`, "utf8").match(/^0::(.*)$/m);
    const group = join(cgroupRoot(), path?.[1] ?? "");
    const tell = (...words: string[]) => succeeded(by.call([...words, id]), words[0]).stdout;
    use({ id, group, tell });
    tell("delete", "--force");
    assert.equal(existsSync(group), false, "its group is gone");
  } finally {
    by.call(["delete", "--force", id]);
  }
}

const waiting = (edit?: Edit): Bundle => bundleOf(WAITS, edit);
const read = (group: string, file: string): string =>
  readFileSync(join(group, file), "utf8").trimEnd();

test("the container’s group is made beside the caller’s, and is the user’s", () => {
  running(waiting(), ({ id, group }) => {
    assert.equal(group, join(delegated, id));
    assert.equal(statSync(group).uid, USER);
  });
});

test("pause, resume, ps and kill --all", () => {
  running(bundleOf(`sleep 1000 & ${WAITS}`), ({ id, group, tell }) => {
    tell("pause");
    assert.match(read(group, "cgroup.events"), /frozen 1/);
    assert.equal(stateOf(id, runtime).status, "paused");
    tell("resume");
    eventually("both are there", () => tell("ps").trimEnd().split("\n").length >= 3);
    tell("kill", "--all");
    eventually("it has stopped", () => stateOf(id, runtime).status === "stopped");
  });
});

test("device rules are not enforced: there are no devices that a user could make", () => {
  const devices = [{ allow: false, access: "rwm" }];
  running(
    waiting(({ linux }) => {
      linux.resources = { devices };
    }),
    () => {},
  );
});

test("a container that sees its cgroup read-write makes groups in it", () => {
  const script = `mkdir /sys/fs/cgroup/inner && echo 0 > /sys/fs/cgroup/inner/cgroup.procs && ${WAITS}`;
  const writable: Edit = (config) => {
    mountAt(config, "/sys/fs/cgroup").options = ["rw"];
  };
  const id = newId();
  const { path } = bundleOf(script, writable);
  succeeded(runtime.call(["run", "--detach", "--bundle", path, id], { input: "" }));
  const inner = join(delegated, id, "inner");
  eventually("it is there", () => existsSync(inner) && read(inner, "cgroup.procs") !== "");
  succeeded(runtime.call(["delete", "--force", id]));
  assert.equal(existsSync(join(delegated, id)), false);
});

test("limits are set and updated", needs("pids controller", "memory controller"), () => {
  const limited: Edit = ({ linux }) => {
    linux.resources = { pids: { limit: 20 }, memory: { limit: 64 << 20 } };
  };
  running(waiting(limited), ({ group, tell }) => {
    assert.equal(read(group, "pids.max"), "20");
    assert.equal(read(group, "memory.max"), String(64 << 20));
    tell("update", "--pids-limit=30");
    assert.equal(read(group, "pids.max"), "30");
    assert.match(tell("events", "--stats"), /"pids":\{"current":\d+,"limit":30\}/);
  });
});

test("outside of it: which group cannot be made", () => {
  const bundle = waiting(({ linux }) => {
    linux.cgroupsPath = `/${newId()}`;
  });
  failed(runtime.call(["run", "--bundle", bundle.path, newId()]), /making the cgroup .*EACCES/);
});

test("the root of a user namespace has it, too", () => {
  const root = calledInGroup(...AS_USER, "unshare", "--user", "--map-root-user", userTsrun);
  const bundle = waiting((config) => {
    shareNamespace(config, "user");
    delete config.linux.uidMappings;
    delete config.linux.gidMappings;
    config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
  });
  running(bundle, ({ id, group }) => assert.equal(group, join(delegated, id)), root);
});

test("from elsewhere into a delegated group: why not", () => {
  const bundle = waiting(({ linux }) => {
    linux.cgroupsPath = `${delegated.slice(cgroupRoot().length)}/${newId()}`;
  });
  const elsewhere = new Runtime("tsrun", [...AS_USER, userTsrun]);
  failed(
    elsewhere.call(["run", "--bundle", bundle.path, newId()]),
    /clone3\(\): .*EACCES\); tsrun itself must be in a group below the one that is delegated/,
  );
});

const withUserInstance = needs("systemd of a user");
/** How a login session calls. */
const IN_SESSION = [...AS_USER, `XDG_RUNTIME_DIR=/run/user/${USER}`];

const SERVICE = `user.slice/user-${USER}.slice/user@${USER}.service`;

test("the user’s systemd makes a scope with limits", withUserInstance, () => {
  const inSession = new Runtime("tsrun", [...IN_SESSION, userTsrun, "--systemd-cgroup"]);
  const limited: Edit = ({ linux }) => {
    linux.cgroupsPath = `user.slice:tests:${runName}`;
    linux.resources = { pids: { limit: 20 }, memory: { limit: 64 << 20 } };
  };
  running(
    waiting(limited),
    ({ group, tell }) => {
      assert.equal(group, join(cgroupRoot(), SERVICE, `user.slice/tests-${runName}.scope`));
      assert.equal(read(group, "pids.max"), "20");
      tell("update", "--pids-limit=30");
      assert.equal(read(group, "pids.max"), "30");
      tell("pause");
      assert.match(read(group, "cgroup.events"), /frozen 1/);
      tell("resume");
    },
    inSession,
  );
});

test("exec from elsewhere has the user’s systemd move the process", withUserInstance, () => {
  const inSession = new Runtime("tsrun", [...IN_SESSION, userTsrun, "--systemd-cgroup"]);
  running(
    waiting((config) => {
      config.linux.cgroupsPath = `user.slice:exec:${runName}`;
      mountAt(config, "/sys/fs/cgroup").options = ["rw"];
    }),
    ({ id, group }) => {
      const exec = (options: string[], script: string) =>
        succeeded(inSession.call(["exec", ...options, id, "sh", "-c", script], { input: "" }))
          .stdout;
      assert.equal(exec([], "cat /proc/self/cgroup"), "0::/\n");
      assert.equal(exec([], "mkdir /sys/fs/cgroup/sub; cat /proc/self/cgroup"), "0::/\n");
      assert.equal(exec(["--cgroup", "sub"], "cat /proc/self/cgroup"), "0::/sub\n");
      // As systemd does it in a container: its own group takes no process any more.
      exec([], "echo 1 > /sys/fs/cgroup/sub/cgroup.procs");
      eventually("the group is empty", () => read(group, "cgroup.procs") === "");
      exec(
        ["--cgroup", "sub"],
        "cd /sys/fs/cgroup; set -- $(cat cgroup.controllers); echo +$1 > cgroup.subtree_control",
      );
      assert.equal(exec([], "cat /proc/self/cgroup"), "0::/sub\n");
    },
    inSession,
  );
});

test("in a scope of the user’s systemd the group is made beside it", withUserInstance, () => {
  const inScope = new Runtime("tsrun", [
    ...IN_SESSION,
    ...["systemd-run", "--user", "--scope", "--quiet", userTsrun],
  ]);
  const limited: Edit = ({ linux }) => {
    linux.resources = { pids: { limit: 20 } };
  };
  running(
    waiting(limited),
    ({ id, group }) => {
      assert.equal(group, join(cgroupRoot(), SERVICE, "app.slice", id));
      assert.equal(read(group, "pids.max"), "20");
    },
    inScope,
  );
});
