import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import type { Process, Spec } from "@opencontainers-types";
import { Failure } from "../../../src/failure.ts";
import { type ProcessChanges, placed, processOf } from "../../../src/runtime/execProcess.ts";

const process: Process = {
  args: ["init"],
  cwd: "/home",
  env: ["A=1"],
  terminal: true,
  user: { uid: 1, gid: 2, additionalGids: [3] },
  capabilities: { bounding: ["CAP_KILL"] },
  rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }],
};
const config: Spec = { ociVersion: "1.0.0", process };
const none: ProcessChanges = {
  args: ["ps"],
  cwd: undefined,
  env: [],
  terminal: false,
  uid: undefined,
  gid: undefined,
  additionalGids: [],
  capabilities: [],
  noNewPrivileges: undefined,
  apparmorProfile: undefined,
  selinuxLabel: undefined,
};

test("without options only the command and the terminal are others than the container's", () => {
  deepEqual(processOf(config, none), { ...process, args: ["ps"], terminal: false });
});

test("a document is all of the process, but for what confines that and is left out", () => {
  const confined: Process = {
    ...process,
    user: { uid: 1, gid: 2, umask: 0o77 },
    apparmorProfile: "a",
    selinuxLabel: "s",
    oomScoreAdj: 321,
    scheduler: { policy: "SCHED_BATCH" },
    ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 0 },
    execCPUAffinity: { initial: "0" },
    noNewPrivileges: true,
  };
  const read = (document: object) =>
    processOf(
      { ...config, process: confined },
      { path: "/p", text: JSON.stringify({ args: ["ps"], cwd: "/", ...document }) },
    );
  const { capabilities, apparmorProfile, selinuxLabel, oomScoreAdj } = confined;
  const { scheduler, ioPriority, execCPUAffinity } = confined;
  deepEqual(read({}), {
    ...{ capabilities, apparmorProfile, selinuxLabel, oomScoreAdj },
    ...{ scheduler, ioPriority, execCPUAffinity },
    ...{ args: ["ps"], cwd: "/", user: { uid: 0, gid: 0, umask: 0o77 } },
  });
  const own = { capabilities: {}, apparmorProfile: "b", oomScoreAdj: 0 };
  const { user, ...rest } = read({ ...own, user: { uid: 5, gid: 6, umask: 0 } });
  deepEqual([rest.capabilities, rest.apparmorProfile, rest.oomScoreAdj], [{}, "b", 0]);
  deepEqual(user, { uid: 5, gid: 6, umask: 0 });
});

test("lists are added to, the rest is replaced", () => {
  const changed = processOf(config, {
    ...none,
    cwd: "/tmp",
    env: ["B=2"],
    uid: 0,
    additionalGids: [4],
    noNewPrivileges: true,
    apparmorProfile: "a",
    selinuxLabel: "s",
  });
  equal(changed.cwd, "/tmp");
  deepEqual(changed.env, ["A=1", "B=2"]);
  deepEqual(changed.user, { uid: 0, gid: 2, additionalGids: [3, 4] });
  equal(changed.noNewPrivileges, true);
  deepEqual([changed.apparmorProfile, changed.selinuxLabel], ["a", "s"]);
});

test("an added capability is ambient only where there are inheritable ones", () => {
  const added = (capabilities: NonNullable<Process["capabilities"]>) =>
    processOf(
      { ...config, process: { ...process, capabilities } },
      { ...none, capabilities: ["CAP_CHOWN"] },
    ).capabilities;
  const sets = { effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"] };
  deepEqual(added({ bounding: ["CAP_KILL"] }), { bounding: ["CAP_KILL", "CAP_CHOWN"], ...sets });
  deepEqual(added({ inheritable: [] }), {
    bounding: ["CAP_CHOWN"],
    inheritable: [],
    ...sets,
    ambient: ["CAP_CHOWN"],
  });
});

test("a document is the whole process, and errors name it", () => {
  const read = (text: string) => processOf(config, { path: "/p.json", text });
  deepEqual(read('{"cwd": "/", "args": ["a"], "env": null}'), {
    capabilities: process.capabilities,
    cwd: "/",
    args: ["a"],
  });
  throws(
    () => read('{"args": 1}'),
    /reading the process from \/p\.json: .*\/args: expected an array/,
  );
});

test("what points into process is told of where that is", () => {
  const told = (pointer: string, wanted: Parameters<typeof placed>[1]) =>
    (placed(new Failure("doing", { pointer, hint: "do" }), wanted) as Failure).message;
  equal(told("/process/args/0", none), "doing; do");
  equal(told("/process/rlimits/0", none), "doing (config.json /process/rlimits/0); do");
  equal(told("/linux/seccomp", none), "doing (config.json /linux/seccomp); do");
  equal(told("/process/args/0", { path: "/p.json", text: "" }), "doing (/p.json /args/0); do");
});
