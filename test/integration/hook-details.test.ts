/** Hooks in their details, beside runc and crun: what they are, what they are told, and what happens if one fails. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, makeBundle, newFolder } from "./harness/bundle.ts";
import { type Config, HOOK_KINDS, type Hook, type HookKind } from "./harness/config.ts";
import { eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** Where a hook finds the folder that this machine has at `trace`. */
const inside = (kind: HookKind, trace: string): string =>
  kind === "startContainer" ? "/trace" : trace;

interface Hooked {
  bundle: Bundle;
  trace: string;
}

/** A bundle whose hooks are made by `hooks`, which is told the kind and its folder, and whose program writes `process`. */
function hooked(
  hooks: (kind: HookKind, trace: string) => Hook[],
  edit: (config: Config) => void = () => {},
): Hooked {
  const trace = newFolder("trace");
  chmodSync(trace, 0o777);
  const bundle = makeBundle(["sh", "-c", "echo process >> /trace/order; sleep 0.2"], {
    prepare: (rootfs) => mkdirSync(join(rootfs, "trace")),
    edit: (config) => {
      config.mounts.push({ destination: "/trace", source: trace, options: ["rbind", "rw"] });
      config.hooks = Object.fromEntries(
        HOOK_KINDS.map((kind) => [kind, hooks(kind, inside(kind, trace))]),
      );
      edit(config);
    },
  });
  return { bundle, trace };
}

/** A hook that is a script. */
const script = (text: string, more: Partial<Hook> = {}): Hook => ({
  path: "/bin/busybox",
  args: ["busybox", "sh", "-c", text],
  ...more,
});

const only = (kind: HookKind, hook: Hook) => (each: HookKind) => (each === kind ? [hook] : []);

/** What each kind has written to its file. */
function written(runtime: Runtime, { bundle, trace }: Hooked, id = newId()): Map<HookKind, string> {
  succeeded(runtime.call(["run", "--bundle", bundle.path, id], { input: "" }), runtime.name);
  return new Map(HOOK_KINDS.map((kind) => [kind, readFileSync(join(trace, kind), "utf8")]));
}

test("hooks are told what runc tells them, in the same container", () => {
  const told = [tsrun, runc].map((runtime) => {
    const id = newId();
    const states = hooked(
      (kind, trace) => [script(`cat > ${trace}/${kind}`)],
      (config) => {
        config.annotations = { "org.example.key": "välue" };
      },
    );
    return new Map(
      [...written(runtime, states, id)].map(([kind, text]) => {
        const state = JSON.parse(text) as Record<string, unknown>;
        // Outside of the container, its number on the host.
        if (typeof state["pid"] === "number" && state["pid"] > 1) state["pid"] = "host's";
        assert.equal(state["bundle"], states.bundle.path);
        // runc tells the version that it knows, tsrun that of config.json.
        assert.match(String(state["ociVersion"]), /^1\.\d+\.\d+/);
        return [kind, { ...state, id: state["id"] === id, bundle: "", ociVersion: "" }];
      }),
    );
  });
  const [ours, theirs] = told as [Map<HookKind, object>, Map<HookKind, object>];
  // The specification has `running` there, and runc 1.1 what it was before.
  const poststart = ours.get("poststart");
  assert.deepEqual(poststart, { ...theirs.get("poststart"), status: "running" });
  for (const each of [ours, theirs]) each.delete("poststart");
  assert.deepEqual(ours, theirs);
});

/** Signals 32 and 33 are the C library's own: a caller of the tests may ignore them. */
const ofPrograms = (status: string): string =>
  status.replace(/^SigIgn:\s(\w+)$/m, (_, ignored: string) => {
    const others = BigInt(`0x${ignored}`) & ~0x1_8000_0000n;
    return `SigIgn: ${others.toString(16)}`;
  });

test("hooks are the same users with the same rights as under runc and crun", () => {
  const facts = "Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|SigIgn|Umask";
  const observe = (runtime: Runtime) => {
    const hooks = hooked(
      (kind, trace) => [script(`grep -E '^(${facts}):' /proc/self/status > ${trace}/${kind}`)],
      (config) => {
        config.process.user = { uid: 1000, gid: 1000, additionalGids: [5], umask: 0o27 };
      },
    );
    return new Map([...written(runtime, hooks)].map(([kind, text]) => [kind, ofPrograms(text)]));
  };
  const ours = observe(tsrun);
  assert.match(ours.get("startContainer") ?? "", /^Uid:\s1000\s/m);
  assert.match(ours.get("createContainer") ?? "", /^Uid:\s0\s/m);
  assert.deepEqual(observe(runc), ours);
  // crun sets the groups before its createContainer hooks, and the umask to 0 in some releases.
  const compared = (all: Map<HookKind, string>) =>
    [...all].map(([kind, text]) => [kind, text.replace(/^(Groups|Umask):.*\n/gm, "")]);
  assert.deepEqual(compared(observe(crun)), compared(ours));
});

test("no signal is blocked, in no hook", () => {
  const hooks = hooked((kind, trace) => [
    script(`grep SigBlk /proc/self/status > ${trace}/${kind}`),
  ]);
  for (const blocked of written(tsrun, hooks).values()) assert.match(blocked, /:\s0{16}\n$/);
});

test("hooks begin in the bundle, and in the container at its root", () => {
  const hooks = hooked((kind, trace) => [script(`pwd > ${trace}/${kind}`)]);
  for (const [kind, folder] of written(tsrun, hooks))
    assert.equal(folder, kind === "startContainer" ? "/\n" : `${hooks.bundle.path}\n`, kind);
});

test("startContainer hooks have the program's environment, with its HOME, as under runc and crun", () => {
  const hooks = hooked(
    only("startContainer", script("tr '\\0' '\\n' < /proc/$$/environ | sort > /trace/env")),
    (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
    },
  );
  const observe = (runtime: Runtime) => {
    succeeded(runtime.call(["run", "--bundle", hooks.bundle.path, newId()], { input: "" }));
    return readFileSync(join(hooks.trace, "env"), "utf8");
  };
  const ours = observe(tsrun);
  assert.match(ours, /^HOME=\/home$/m);
  for (const peer of [runc, crun]) assert.equal(observe(peer), ours, peer.name);
});

test("an empty environment is one, and empty args are the path alone", () => {
  const trace = newFolder("trace");
  const path = join(trace, "hook");
  writeFileSync(
    path,
    `#!/bin/busybox sh\nxargs -0 < /proc/$$/environ > ${trace}/env; echo "$0 $#" > ${trace}/args\n`,
  );
  chmodSync(path, 0o755);
  const hook: Hook = { path, args: [], env: [] };
  const bundle = makeBundle(["true"], {
    edit: (config) => {
      config.hooks = { createRuntime: [hook], createContainer: [hook] };
    },
  });
  succeeded(tsrun.call(["run", "--bundle", bundle.path, newId()], { env: { LEAK: "leaked" } }));
  assert.equal(readFileSync(join(trace, "env"), "utf8").trim(), "");
  assert.equal(readFileSync(join(trace, "args"), "utf8"), `${path} 0\n`);
});

/** Which hooks run, and whether the program, if one kind fails. */
const AFTER_FAILURE: Record<HookKind, { status: number; order: string[] }> = {
  prestart: { status: 1, order: ["prestart", "poststop"] },
  createRuntime: { status: 1, order: ["prestart", "createRuntime", "poststop"] },
  createContainer: {
    status: 1,
    order: ["prestart", "createRuntime", "createContainer", "poststop"],
  },
  startContainer: {
    status: 1,
    order: ["prestart", "createRuntime", "createContainer", "startContainer", "poststop"],
  },
  poststart: { status: 1, order: [...HOOK_KINDS] },
  poststop: { status: 0, order: ["process", ...HOOK_KINDS] },
};

/** runc does not wait for the program, nor for startContainer, before it calls poststart; crun runs no poststop hooks. */
const AS_RUNC: readonly HookKind[] = ["prestart", "createRuntime", "createContainer", "poststop"];

for (const kind of HOOK_KINDS)
  for (const runtime of AS_RUNC.includes(kind) ? [tsrun, runc] : [tsrun])
    test(`${runtime.name}: if a ${kind} hook fails, these run`, () => {
      const { bundle, trace } = hooked((each, folder) => [
        script(`echo ${each} >> ${folder}/order; exit ${each === kind ? 3 : 0}`),
      ]);
      const { status } = runtime.call(["run", "--bundle", bundle.path, newId()], { input: "" });
      const { status: expected, order } = AFTER_FAILURE[kind];
      assert.equal(status, expected);
      const ran = readFileSync(join(trace, "order"), "utf8").trim().split("\n");
      // Under poststart the program runs or does not.
      const counted = kind === "poststart" ? ran.filter((each) => each !== "process") : ran;
      assert.deepEqual(counted.toSorted(), order.toSorted());
    });

test("the container is removed when a startContainer hook fails", () => {
  // Lifecycle, step 7; runc and crun leave it to delete.
  leavesNothing(() => {
    const { bundle, trace } = hooked((kind, folder) => [
      script(`echo ${kind} >> ${folder}/order; ! [ ${kind} = startContainer ]`),
    ]);
    const id = newId();
    succeeded(tsrun.call(["create", "--bundle", bundle.path, id], { input: "" }));
    failed(tsrun.call(["start", id]), /startContainer hook.*status 1.*\/hooks\/startContainer\/0/);
    failed(tsrun.call(["state", id]), /does not exist/);
    assert.match(readFileSync(join(trace, "order"), "utf8"), /startContainer\npoststop\n$/);
  });
});

const UNRUNNABLE: [string, (folder: string) => string, RegExp][] = [
  ["is missing", (folder) => join(folder, "missing"), /ENOENT/],
  ["is a folder", (folder) => folder, /EACCES/],
  [
    "must not be executed",
    (folder) => {
      writeFileSync(join(folder, "hook"), "#!/bin/sh\n");
      return join(folder, "hook");
    },
    /EACCES/,
  ],
  [
    "is no program",
    (folder) => {
      writeFileSync(join(folder, "hook"), "text\n", { mode: 0o755 });
      return join(folder, "hook");
    },
    /ENOEXEC/,
  ],
];

for (const [name, make, pattern] of UNRUNNABLE)
  test(`a hook that ${name}`, () => {
    const path = make(newFolder("hook"));
    const { bundle } = hooked(only("createRuntime", { path }));
    const call = ["run", "--bundle", bundle.path, newId()];
    failed(tsrun.call(call, { input: "" }), pattern, new RegExp(path), /\/hooks\/createRuntime\/0/);
  });

test("a hook that is killed, and one that says much", () => {
  const killed = hooked(only("createRuntime", script("kill -9 $$")));
  const call = (bundle: Bundle) => ["run", "--bundle", bundle.path, newId()];
  failed(tsrun.call(call(killed.bundle)), /was killed by signal 9/);
  const loud = hooked(
    only("createContainer", script("yes | head -c 3000000; echo the reason >&2; exit 1")),
  );
  failed(tsrun.call(call(loud.bundle)), /status 1, saying: .*the reason/);
});

test("a path is looked up where its hook runs", () => {
  // crun fails at times if its hook does not read.
  const text = "#!/bin/busybox sh\nread -r state; true\n";
  const host = join(newFolder("host"), "hook");
  writeFileSync(host, text, { mode: 0o755 });
  const edits: [HookKind, string, boolean][] = [
    ["createContainer", host, true],
    ["createContainer", "/of-the-image", false],
    ["startContainer", host, false],
    ["startContainer", "/of-the-image", true],
  ];
  for (const [kind, path, works] of edits)
    for (const runtime of [tsrun, runc, crun]) {
      const bundle = makeBundle(["true"], {
        prepare: (rootfs) => writeFileSync(join(rootfs, "of-the-image"), text, { mode: 0o755 }),
        edit: (config) => {
          config.hooks = { [kind]: [{ path }] };
        },
      });
      const id = newId();
      const { status } = runtime.call(["run", "--bundle", bundle.path, id], { input: "" });
      runtime.call(["delete", "--force", id]);
      assert.equal(status === 0, works, `${runtime.name}: ${kind} ${path}`);
    }
});

test("timeouts that are no limit, and those that are none", () => {
  const largest = "9223372036854775807";
  const { bundle } = hooked(only("createRuntime", script("sleep 0.1", { timeout: 7 })));
  const file = join(bundle.path, "config.json");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace('"timeout": 7', `"timeout": ${largest}`));
  const call = () => tsrun.call(["run", "--bundle", bundle.path, newId()], { input: "" });
  succeeded(call());
  for (const timeout of ["0", "-1"]) {
    writeFileSync(file, text.replace('"timeout": 7', `"timeout": ${timeout}`));
    failed(call(), /\/hooks\/createRuntime\/0\/timeout/);
  }
});

test("a hook in time is not killed with what it leaves behind, whose words go nowhere", () => {
  const { bundle, trace } = hooked((kind, folder) =>
    kind === "poststop"
      ? [
          script(`(sleep 0.3; echo x 2> ${folder}/complaint || echo $? > ${folder}/refused) &`, {
            timeout: 60,
          }),
        ]
      : [],
  );
  succeeded(tsrun.call(["run", "--bundle", bundle.path, newId()], { input: "" }));
  eventually("what was left behind has spoken", () => existsSync(join(trace, "refused")));
});

test("a hook may leave its cgroup, and take the container to another", () => {
  const group = join(cgroupRoot(), newId());
  mkdirSync(group);
  try {
    leavesNothing(() => {
      const move = `pid=$(grep -o '"pid":[0-9]*' | cut -d: -f2)
        echo $$ > ${group}/cgroup.procs && echo $pid > ${group}/cgroup.procs`;
      const { bundle } = hooked(only("createRuntime", script(move)), (config) => {
        config.process.args = ["sleep", "300"];
      });
      const id = newId();
      succeeded(tsrun.call(["create", "--bundle", bundle.path, id], { input: "" }));
      const procs = readFileSync(join(group, "cgroup.procs"), "utf8").trim();
      assert.equal(procs, String(stateOf(id).pid));
      succeeded(tsrun.call(["start", id]));
      assert.equal(stateOf(id).status, "running");
      succeeded(tsrun.call(["delete", "--force", id]));
    });
  } finally {
    rmdirSync(group);
  }
});
