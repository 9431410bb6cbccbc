/**
 * process.scheduler, process.ioPriority and process.execCPUAffinity: what the kernel says of the container's process,
 * read back with chrt(1) and ionice(1). runc 1.1 and crun 1.8 ignore these fields; recent ones are asked in the VM.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { makeBundle, shellBundle, WAITS } from "./harness/bundle.ts";
import { recentRunc } from "./harness/cgroup.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { failed, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { crun, newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Edit = (config: Config) => void;
type Scheduler = NonNullable<Config["process"]["scheduler"]>;

const scheduled =
  (scheduler: Scheduler): Edit =>
  (config) => {
    config.process.scheduler = scheduler;
  };

function say(tool: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync(tool, args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.replace(/pid \d+'s/g, "its");
}

/** What the kernel knows of a container's first process: policy, priorities, times; the I/O class. */
function scheduling(runtime: Runtime, edit: Edit, script = WAITS): string[] {
  const { path } = shellBundle(script, { edit });
  const id = newId();
  try {
    succeeded(runtime.call(["run", "--detach", "--bundle", path, id], { input: "" }), runtime.name);
    const { pid } = stateOf(id, runtime);
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const nice = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16];
    return [
      ...say("chrt", "-p", String(pid)).trim().split("\n"),
      `nice: ${nice}`,
      `I/O: ${say("ionice", "-p", String(pid)).trim()}`,
    ];
  } finally {
    succeeded(runtime.call(["delete", "--force", id]), "delete");
  }
}

const policyOf = (policy: string, priority = 0): string[] => [
  `its current scheduling policy: ${policy}`,
  `its current scheduling priority: ${priority}`,
];

const TIMES = { runtime: 1_000_000, deadline: 10_000_000, period: 20_000_000 };

const SCHEDULERS: [string, Scheduler, string[]][] = [
  ["a nice value", { policy: "SCHED_OTHER", nice: 7 }, [...policyOf("SCHED_OTHER"), "nice: 7"]],
  ["a negative nice value", { policy: "SCHED_OTHER", nice: -5 }, ["nice: -5"]],
  ["batch", { policy: "SCHED_BATCH", nice: 19 }, [...policyOf("SCHED_BATCH"), "nice: 19"]],
  ["idle", { policy: "SCHED_IDLE" }, policyOf("SCHED_IDLE")],
  ["first in, first out", { policy: "SCHED_FIFO", priority: 42 }, policyOf("SCHED_FIFO", 42)],
  ["round robin", { policy: "SCHED_RR", priority: 1 }, policyOf("SCHED_RR", 1)],
  [
    "a flag",
    { policy: "SCHED_RR", priority: 3, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
    policyOf("SCHED_RR|SCHED_RESET_ON_FORK", 3),
  ],
  [
    "deadlines",
    { policy: "SCHED_DEADLINE", flags: ["SCHED_FLAG_RESET_ON_FORK"], ...TIMES },
    [
      ...policyOf("SCHED_DEADLINE|SCHED_RESET_ON_FORK"),
      "its current runtime/deadline/period parameters: 1000000/10000000/20000000",
    ],
  ],
  [
    "deadlines without a period, with the nice value of runc's test",
    { policy: "SCHED_DEADLINE", nice: 19, runtime: 1_000_000, deadline: 30_000_000 },
    ["its current runtime/deadline/period parameters: 1000000/30000000/30000000"],
  ],
  [
    "the parameters that it has already, and with them the policy",
    { policy: "SCHED_BATCH", nice: 4, flags: ["SCHED_FLAG_KEEP_PARAMS"] },
    [...policyOf("SCHED_OTHER"), "nice: 0"],
  ],
];

/** Its children could not be made under SCHED_DEADLINE without SCHED_FLAG_RESET_ON_FORK. */
const WAITS_ALONE = "while true; do read -r line < /dev/null; done";

for (const [name, scheduler, expected] of SCHEDULERS)
  test(`scheduler: ${name}`, () => {
    const script = "period" in scheduler || "runtime" in scheduler ? WAITS_ALONE : WAITS;
    leavesNothing(() => {
      const seen = scheduling(tsrun, scheduled(scheduler), script);
      for (const line of expected)
        assert.ok(seen.includes(line), `${line} in:\n${seen.join("\n")}`);
    });
  });

test("scheduler: a user namespace's root is no real-time process's equal, but its creator is", () => {
  const seen = scheduling(tsrun, (config) => {
    addUserNamespace(config);
    config.process.scheduler = { policy: "SCHED_FIFO", priority: 5 };
    config.process.ioPriority = { class: "IOPRIO_CLASS_RT", priority: 1 };
  });
  assert.deepEqual(seen.slice(0, 2), policyOf("SCHED_FIFO", 5));
  assert.equal(seen.at(-1), "I/O: realtime: prio 1");
});

test("scheduler: hooks that run during create come before it, and those of start inherit it", () => {
  const hook = (file: string) => ({
    path: "/bin/sh",
    args: ["sh", "-c", `cut -d ' ' -f 19 /proc/self/stat > ${file}`],
  });
  const { path, rootfs } = makeBundle(["true"], {
    edit: (config, bundle) => {
      config.root.readonly = false;
      config.process.scheduler = { policy: "SCHED_OTHER", nice: 3 };
      config.hooks = {
        createContainer: [hook(`${bundle}/rootfs/created`)],
        startContainer: [
          {
            ...hook("/started"),
            path: "/bin/busybox",
            args: ["sh", "-c", "cut -d ' ' -f 19 /proc/self/stat > /started"],
          },
        ],
      };
    },
  });
  succeeded(tsrun.call(["run", "--bundle", path, newId()]));
  assert.equal(readFileSync(`${rootfs}/created`, "utf8"), "0\n");
  assert.equal(readFileSync(`${rootfs}/started`, "utf8"), "3\n");
});

const REFUSED: [string, Edit, RegExp[]][] = [
  [
    "a policy that Linux does not have",
    scheduled({ policy: "SCHED_ISO" }),
    [/no scheduling policy SCHED_ISO/, /\/process\/scheduler\/policy/],
  ],
  [
    "an unknown policy",
    scheduled({ policy: "SCHED_FAST" }),
    [/SCHED_FAST|one of/, /\/process\/scheduler\/policy/],
  ],
  [
    "a priority without real time",
    scheduled({ policy: "SCHED_BATCH", priority: 1 }),
    [/SCHED_BATCH has no priority/, /\/process\/scheduler\/priority/],
  ],
  [
    "a period that the kernel does not take",
    scheduled({ policy: "SCHED_DEADLINE", runtime: 2000, deadline: 3000 }),
    [/sched_setattr\(\d+\): EINVAL/, /\/process\/scheduler\)/, /sched_deadline_period/],
  ],
  [
    "an I/O priority above 7",
    (config) => {
      config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 8 };
    },
    [/\/process\/ioPriority\/priority/],
  ],
  [
    "CPUs for exec that are no list",
    (config) => {
      config.process.execCPUAffinity = { initial: "0-3", final: "4-1" };
    },
    [/the range 4-1 ends before it begins/, /\/process\/execCPUAffinity\/final/],
  ],
];

for (const [name, edit, patterns] of REFUSED)
  test(`refused: ${name}`, () => {
    const { path } = makeBundle(["true"], { edit });
    leavesNothing(() => failed(tsrun.call(["run", "--bundle", path, newId()]), ...patterns));
  });

test("refused: a deadline of 2^63 ns, and read to the last digit", () => {
  const scheduler = { policy: "SCHED_DEADLINE", runtime: 2000, deadline: 1234, period: 0 };
  const { path } = makeBundle(["true"], { edit: scheduled(scheduler) });
  const file = `${path}/config.json`;
  writeFileSync(file, readFileSync(file, "utf8").replace("1234", String(2n ** 63n + 1n)));
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", path, newId()]),
      /the deadline of SCHED_DEADLINE is 9223372036854775809 ns/,
      /\/process\/scheduler\/deadline/,
    ),
  );
});

test("the CPUs that the creator is tied to do not bind the container", () => {
  const caller = new Runtime("tsrun", ["taskset", "1", tsrunPath]);
  const read = ["sed", "-n", "s/^Cpus_allowed_list:.//p", "/proc/self/status"];
  const own = execFileSync(read[0] as string, read.slice(1), { encoding: "utf8" });
  for (const scheduler of [undefined, { policy: "SCHED_DEADLINE", ...TIMES }]) {
    const { path } = makeBundle(read, { edit: scheduler ? scheduled(scheduler) : () => {} });
    const { stdout } = succeeded(caller.call(["run", "--bundle", path, newId()]));
    assert.equal(stdout, own);
  }
});

test("refused: real time without the capability, with the reason", () => {
  const drop = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", tsrunPath];
  const caller = new Runtime("tsrun", drop);
  const { path } = makeBundle(["true"], { edit: scheduled({ policy: "SCHED_RR", priority: 1 }) });
  leavesNothing(() =>
    failed(caller.call(["run", "--bundle", path, newId()]), /EPERM/, /CAP_SYS_NICE/),
  );
});

const IO_PRIORITIES: [string, number, string][] = [
  ["IOPRIO_CLASS_RT", 0, "realtime: prio 0"],
  ["IOPRIO_CLASS_RT", 4, "realtime: prio 4"],
  ["IOPRIO_CLASS_BE", 7, "best-effort: prio 7"],
  ["IOPRIO_CLASS_IDLE", 4, "idle"],
];

for (const [ioClass, priority, expected] of IO_PRIORITIES)
  test(`ioPriority: ${ioClass} ${priority}`, () => {
    const seen = scheduling(tsrun, (config) => {
      config.process.ioPriority = { class: ioClass, priority };
    });
    assert.equal(seen.at(-1), `I/O: ${expected}`);
  });

test("ioPriority: the program's children have it, too", () => {
  const { path } = shellBundle("busybox ionice; :", {
    edit: (config) => {
      config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 2 };
    },
  });
  const { stdout } = succeeded(tsrun.call(["run", "--bundle", path, newId()]));
  assert.equal(stdout, "best-effort: prio 2\n");
});

test("execCPUAffinity has no effect on the container's first process", () => {
  const cpus = (edit?: Edit) => {
    const bundle = makeBundle(
      ["grep", "Cpus_allowed_list", "/proc/self/status"],
      edit ? { edit } : {},
    );
    return succeeded(tsrun.call(["run", "--bundle", bundle.path, newId()])).stdout;
  };
  const pinned = cpus((config) => {
    config.process.execCPUAffinity = { initial: "0", final: "0" };
  });
  assert.equal(pinned, cpus());
});

for (const [name, scheduler] of SCHEDULERS)
  test(`scheduled as by recent runc and crun: ${name}`, needs("recent runc"), () => {
    const edit: Edit = (config) => {
      // Recent runc warns of those of the default configuration, which are not inheritable.
      delete config.process.capabilities?.ambient;
      config.process.scheduler = scheduler;
      config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 6 };
    };
    const script = "runtime" in scheduler ? WAITS_ALONE : WAITS;
    const ours = scheduling(tsrun, edit, script);
    // crun 1.21 changes the CPUs of a process after it has got its deadlines, which the kernel refuses (EBUSY).
    for (const peer of "runtime" in scheduler ? [recentRunc] : [recentRunc, crun])
      assert.deepEqual(ours, scheduling(peer, edit, script), `beside ${peer.name}`);
  });
