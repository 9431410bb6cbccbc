/** The six kinds of hooks: order, what they are told, where they run, and what their failure does. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, makeBundle, newFolder } from "./harness/bundle.ts";
import { type Config, HOOK_KINDS, type HookKind, shareNamespace } from "./harness/config.ts";
import { becomes, eventually, failed, pause, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** startContainer runs inside the container; all others find the host's files. */
const INSIDE: readonly HookKind[] = ["startContainer"];

interface Traced {
  bundle: Bundle;
  /** The folder that hooks write to; mounted on /trace in the container as well. */
  trace: string;
  read: (name: string) => string;
  /** The order of events so far. */
  order: () => string[];
}

/**
 * A bundle whose hooks run `busybox sh` with `scripts` (those named only). Each first writes its
 * kind to $trace/order. The container's own program writes `process`.
 */
function traced(
  scripts: Partial<Record<HookKind, string>>,
  edit?: (config: Config) => void,
): Traced {
  const trace = newFolder("trace");
  const bundle = makeBundle(["sh", "-c", "echo process >> /trace/order; sleep 0.05"], {
    prepare: (rootfs) => mkdirSync(join(rootfs, "trace")),
    edit: (config) => {
      config.mounts.push({ destination: "/trace", source: trace, options: ["rbind", "rw"] });
      config.hooks = {};
      for (const [kind, script] of Object.entries(scripts) as [HookKind, string][]) {
        const folder = INSIDE.includes(kind) ? "/trace" : trace;
        config.hooks[kind] = [
          {
            path: "/bin/busybox",
            args: [
              "busybox",
              "sh",
              "-c",
              `echo ${kind} >> ${folder}/order\ntrace=${folder}\n${script}`,
            ],
          },
        ];
      }
      edit?.(config);
    },
  });
  const read = (name: string): string =>
    existsSync(join(trace, name)) ? readFileSync(join(trace, name), "utf8") : "";
  return { bundle, trace, read, order: () => read("order").split("\n").filter(Boolean) };
}

const everyKind = (script: string): Partial<Record<HookKind, string>> =>
  Object.fromEntries(HOOK_KINDS.map((kind) => [kind, script]));

/** Shell: the kind of the running hook, which has just written it. */
const OWN_KIND = "kind=$(busybox tail -n 1 $trace/order)";

function create({ bundle }: Traced, runtime: Runtime = tsrun): string {
  const id = newId();
  succeeded(runtime.call(["create", "-b", bundle.path, id]), "create");
  return id;
}

test("hooks run in the specification’s order, at the operations it says", () => {
  const hooked = traced(everyKind(""));
  const id = create(hooked);
  assert.deepEqual(hooked.order(), ["prestart", "createRuntime", "createContainer"]);
  succeeded(tsrun.call(["start", id]));
  eventually("the process ran", () => hooked.order().includes("process"));
  const afterStart = hooked.order().slice(3);
  assert.equal(afterStart[0], "startContainer");
  assert.deepEqual(afterStart.toSorted(), ["poststart", "process", "startContainer"]);
  becomes(id, "stopped");
  assert.ok(!hooked.order().includes("poststop"), "poststop belongs to delete");
  succeeded(tsrun.call(["delete", id]));
  assert.equal(hooked.order().at(-1), "poststop");
  assert.equal(hooked.order().length, 7);
});

test("run calls every hook once, as runc does", () => {
  const orders = [tsrun, runc].map((runtime) => {
    const hooked = traced(everyKind(""));
    succeeded(runtime.call(["run", "-b", hooked.bundle.path, newId()]));
    // poststart and the process run at the same time.
    return hooked.order().filter((each) => each !== "process");
  });
  // runc does not wait for startContainer before it calls poststart.
  assert.deepEqual(orders[0]?.toSorted(), orders[1]?.toSorted());
  assert.deepEqual(orders[0], HOOK_KINDS);
});

test("hooks of one kind run in the order of their list", () => {
  const hooked = traced({}, (config) => {
    config.hooks = {
      createRuntime: [1, 2, 3].map((i) => ({
        path: "/bin/sh",
        args: ["sh", "-c", `sleep 0.0${4 - i}; echo ${i} >> ${config.mounts.at(-1)?.source}/order`],
      })),
    };
  });
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()]));
  assert.deepEqual(hooked.order(), ["1", "2", "3", "process"]);
});

interface HookState {
  ociVersion: string;
  id: string;
  status: string;
  pid?: number;
  bundle: string;
  annotations?: Record<string, string>;
}

test("every hook reads the container’s state from stdin", () => {
  const hooked = traced(everyKind(`${OWN_KIND}; cat > $trace/$kind`), (config) => {
    config.annotations = { "org.example.key": "value" };
    config.process.args = ["sleep", "0.3"];
  });
  const id = create(hooked);
  const { pid } = stateOf(id);
  succeeded(tsrun.call(["start", id]));
  becomes(id, "stopped");
  succeeded(tsrun.call(["delete", id]));
  const expected: Record<HookKind, { status: string; pid: number }> = {
    prestart: { status: "creating", pid },
    createRuntime: { status: "creating", pid },
    createContainer: { status: "creating", pid },
    startContainer: { status: "created", pid },
    poststart: { status: "running", pid },
    poststop: { status: "stopped", pid: 0 },
  };
  for (const kind of HOOK_KINDS) {
    const state = JSON.parse(hooked.read(kind)) as HookState;
    assert.equal(state.id, id, kind);
    assert.equal(state.status, expected[kind].status, kind);
    assert.equal(state.bundle, hooked.bundle.path, kind);
    assert.match(state.ociVersion, /^1\.\d+\.\d+/, kind);
    assert.deepEqual(state.annotations, { "org.example.key": "value" }, kind);
    // State section of the specification: hooks in the container's namespace are told the number
    // that the container sees.
    const own = kind === "createContainer" || kind === "startContainer";
    assert.equal(state.pid ?? 0, own ? 1 : expected[kind].pid, kind);
  }
});

test("hooks run in the namespaces that the specification says", () => {
  const script = `${OWN_KIND}
    for ns in mnt pid net uts ipc; do readlink /proc/self/ns/$ns; done > $trace/ns-$kind`;
  const results = [tsrun, runc].map((runtime) => {
    const hooked = traced(everyKind(script));
    succeeded(runtime.call(["run", "-b", hooked.bundle.path, newId()]));
    return Object.fromEntries(
      HOOK_KINDS.map((kind) => [
        kind,
        hooked
          .read(`ns-${kind}`)
          .trim()
          .split("\n")
          .map((each) => {
            const name = each.replace(/:.*/, "");
            return `${name} ${readlinkSync(`/proc/self/ns/${name}`) === each ? "runtime" : "container"}`;
          }),
      ]),
    );
  });
  const [ours] = results as [Record<HookKind, string[]>, Record<HookKind, string[]>];
  const all = (where: string): string[] =>
    ["mnt", "pid", "net", "uts", "ipc"].map((name) => `${name} ${where}`);
  for (const kind of ["prestart", "createRuntime", "poststart", "poststop"] as const) {
    assert.deepEqual(ours[kind], all("runtime"), kind);
  }
  assert.deepEqual(ours.createContainer, all("container"));
  assert.deepEqual(ours.startContainer, all("container"));
  // runc's own wrapper has a mount namespace of its own, hence only the rest.
  const rest = (kinds: Record<HookKind, string[]>): string[][] =>
    Object.values(kinds).map((lines) => lines.filter((line) => !line.startsWith("mnt")));
  assert.deepEqual(rest(ours), rest(results[1] as Record<HookKind, string[]>));
});

test("createContainer sees the host’s files and the container’s mounts: pivot_root is to come", () => {
  const hooked = traced({
    createContainer: "cat /proc/self/mountinfo > $trace/mounts; ls -d $trace",
  });
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()]));
  assert.match(hooked.read("mounts"), new RegExp(` ${hooked.bundle.rootfs}/proc `));
});

test("a hook gets its args and its environment, and nothing else", () => {
  const trace = newFolder("trace");
  const script = join(trace, "hook");
  writeFileSync(script, `#!/bin/sh\n{ echo "$0|$1|$2"; env | sort; } > ${trace}/out\n`);
  chmodSync(script, 0o755);
  const bundle = makeBundle(["true"], {
    edit: (config) => {
      config.hooks = {
        createRuntime: [
          { path: script, args: ["zero", "one", "two words"], env: ["A=1", "B=x y"] },
        ],
      };
    },
  });
  succeeded(tsrun.call(["run", "-b", bundle.path, newId()], { env: { LEAK: "leaked" } }));
  const lines = readFileSync(join(trace, "out"), "utf8").trim().split("\n");
  assert.equal(lines[0], `${script}|one|two words`);
  // The shell itself adds these.
  const own = lines.slice(1).filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
  assert.deepEqual(own, ["A=1", "B=x y"]);
});

test("without an environment of its own a hook gets the container’s, or outside of it the caller’s", () => {
  const hooked = traced(
    everyKind(`${OWN_KIND}; echo $INHERITED $LEAK > $trace/$kind`),
    (config) => {
      config.process.env.push("INHERITED=container");
      config.process.args = ["sleep", "0.3"];
    },
  );
  const env = { INHERITED: "caller", LEAK: "leaked" };
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()], { env }));
  for (const kind of HOOK_KINDS) {
    const isContainers = kind === "createContainer" || kind === "startContainer";
    assert.equal(hooked.read(kind), isContainers ? "container\n" : "caller leaked\n", kind);
  }
});

test("createContainer hooks keep to the limits of the group", () => {
  const script = `cat $root$(sed -n s/^0:://p /proc/self/cgroup)/cgroup.max.depth > $trace/limit`;
  const hooked = traced({ createContainer: script }, (config) => {
    config.linux.resources = { unified: { "cgroup.max.depth": "3" } };
    shareNamespace(config, "cgroup");
    config.process.env.push(`root=${cgroupRoot()}`);
  });
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()]));
  assert.equal(hooked.read("limit"), "3\n");
});

test("a hook without args and env runs", () => {
  const trace = newFolder("trace");
  const script = join(trace, "hook");
  writeFileSync(script, `#!/bin/sh\necho "$0" > ${trace}/out\n`);
  chmodSync(script, 0o755);
  const bundle = makeBundle(["true"], {
    edit: (config) => {
      config.hooks = { createRuntime: [{ path: script }] };
    },
  });
  succeeded(tsrun.call(["run", "-b", bundle.path, newId()]));
  assert.equal(readFileSync(join(trace, "out"), "utf8"), `${script}\n`);
});

test("a hook inherits no descriptors but stdio", () => {
  const hooked = traced(
    everyKind(`${OWN_KIND}
      for i in 3 4 5 6 7 8 9 11 12 13 14 15 16; do
        [ -e /proc/$$/fd/$i ] && readlink /proc/$$/fd/$i >> $trace/leaks-$kind
      done
      true`),
  );
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()]));
  for (const kind of HOOK_KINDS) assert.equal(hooked.read(`leaks-${kind}`), "", kind);
});

for (const kind of ["prestart", "createRuntime", "createContainer"] as const) {
  test(`a failing ${kind} hook undoes the create and calls poststop`, () => {
    leavesNothing(() => {
      const hooked = traced({ [kind]: "echo the reason >&2; exit 3", poststop: "" });
      const id = newId();
      failed(tsrun.call(["create", "-b", hooked.bundle.path, id]), new RegExp(kind), /3/, /hook/);
      failed(tsrun.call(["state", id]), /does not exist/);
      assert.deepEqual(hooked.order(), [kind, "poststop"]);
    });
  });
}

test("a failing startContainer hook: start fails, the process never runs", () => {
  leavesNothing(() => {
    const hooked = traced({ startContainer: "exit 3", poststop: "" });
    const id = create(hooked);
    failed(tsrun.call(["start", id]), /startContainer/, /3/);
    eventually("the process is not running", () => {
      const { status } = tsrun.call(["state", id]);
      return status === 1 || stateOf(id).status === "stopped";
    });
    succeeded(tsrun.call(["delete", "--force", id]));
    assert.deepEqual(hooked.order(), ["startContainer", "poststop"]);
  });
});

test("a failing startContainer hook fails run and leaves nothing", () => {
  leavesNothing(() => {
    const hooked = traced({ startContainer: "exit 3", poststop: "" });
    failed(tsrun.call(["run", "-b", hooked.bundle.path, newId()]), /startContainer/);
    assert.deepEqual(hooked.order(), ["startContainer", "poststop"]);
  });
});

test("a failing poststart hook: start fails and the container is stopped", () => {
  // Lifecycle step 9 of the specification, since 1.2.1; runc fails too, but only lately stops it.
  leavesNothing(() => {
    const hooked = traced({ poststart: "exit 3", poststop: "" }, (config) => {
      config.process.args = ["sleep", "300"];
    });
    const id = create(hooked);
    failed(tsrun.call(["start", id]), /poststart/, /3/);
    eventually("the process is not running", () => {
      const { status } = tsrun.call(["state", id]);
      return status === 1 || stateOf(id).status === "stopped";
    });
    succeeded(tsrun.call(["delete", "--force", id]));
    assert.deepEqual(hooked.order(), ["poststart", "poststop"]);
  });
});

test("a failing poststop hook is a warning only, and the next one runs", () => {
  leavesNothing(() => {
    const hooked = traced({ poststop: "exit 3" }, (config) => {
      const [first] = config.hooks?.poststop ?? [];
      if (first === undefined) throw new Error("no hook");
      const folder = config.mounts.at(-1)?.source;
      const args = first.args?.with(3, `echo second >> ${folder}/order`) ?? [];
      config.hooks = { poststop: [first, { ...first, args }] };
    });
    const { status, stderr } = tsrun.call(["run", "-b", hooked.bundle.path, newId()]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /poststop/);
    assert.deepEqual(hooked.order(), ["process", "poststop", "second"]);
  });
});

test("a hook over its timeout is killed with its children, and the create fails", () => {
  leavesNothing(() => {
    const hooked = traced({ createRuntime: "sleep 100" }, (config) => {
      for (const hook of config.hooks?.createRuntime ?? []) hook.timeout = 1;
    });
    const start = Date.now();
    failed(
      tsrun.call(["create", "-b", hooked.bundle.path, newId()]),
      /timeout|1 s|seconds/,
      /createRuntime/,
    );
    const seconds = (Date.now() - start) / 1000;
    assert.ok(seconds >= 0.9 && seconds < 5, `took ${seconds} s`);
  });
});

test("a hook within its timeout is left alone", () => {
  const hooked = traced({ createRuntime: "sleep 0.3" }, (config) => {
    for (const hook of config.hooks?.createRuntime ?? []) hook.timeout = 5;
  });
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()]));
  assert.deepEqual(hooked.order(), ["createRuntime", "process"]);
});

test("a hook that reads no stdin, and one that is not there", () => {
  const hooked = traced({ createRuntime: "exec <&-; sleep 0.05" }, (config) => {
    config.annotations = { long: "x".repeat(200_000) };
  });
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()]));
  leavesNothing(() => {
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        config.hooks = { createRuntime: [{ path: "/no/such/hook" }] };
      },
    });
    const call = ["create", "-b", bundle.path, newId()];
    failed(tsrun.call(call), /\/no\/such\/hook/, /ENOENT|no such file/i, /createRuntime/);
  });
});

test("what a hook leaves in the background does not hold the runtime up", () => {
  const hooked = traced({ createRuntime: "sleep 2 & exit 0" });
  const start = Date.now();
  succeeded(tsrun.call(["run", "-b", hooked.bundle.path, newId()]));
  assert.ok(Date.now() - start < 1500, "waited for the background process");
  pause(2000);
});
