/** The plan of namespaces, decided before the first process is made (namespaces.ts). */
import { deepEqual, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxNamespace } from "@opencontainers-types";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "#abi";
import { Failure } from "../../../src/failure.ts";
import { type Join, openNamespaces, planNamespaces } from "../../../src/init/namespaces.ts";
import { close } from "../../../src/linux/fs.ts";

/** `pid` is a new namespace, `pid=/path` one to join. */
const list = (words: string): LinuxNamespace[] =>
  words
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => {
      const [type, path] = word.split("=");
      return { type: type as LinuxNamespace["type"], ...(path === undefined ? {} : { path }) };
    });

const types = (joins: readonly Join[] | undefined): string | undefined =>
  joins?.map(({ type }) => type).join(" ");

/** A plan in short: joins by their types, in order. */
function planned(words: string) {
  const plan = planNamespaces(list(words));
  const { stage, joins } = plan;
  return {
    ...plan,
    joins: types(joins),
    ...(stage && {
      stage: { ...stage, joins: types(stage.joins), ...(stage.user && { user: stage.user.path }) },
    }),
  };
}

const nothing = { cloneFlags: 0, joins: "", unshareFlags: 0, hasUser: false, mounts: "creators" };
const staged = (joins: string, unshareFlags = 0) => ({ stage: { joins, unshareFlags } });
/** What one clone3 makes. */
const CLONED = CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS;

const own = { mounts: "own" as const };
const user = { hasUser: true };

const plans: [string, Partial<ReturnType<typeof planned>>][] = [
  ["", {}],
  ["mount", { cloneFlags: CLONE_NEWNS, ...own }],
  ["pid network ipc uts mount", { cloneFlags: CLONED, ...own }],
  // A cgroup namespace is made by the container's process, once it stands in its cgroup.
  [
    "pid network ipc uts mount cgroup",
    { cloneFlags: CLONED, unshareFlags: CLONE_NEWCGROUP, ...own },
  ],
  ["cgroup", { unshareFlags: CLONE_NEWCGROUP }],
  // Time offsets are written between the unsharing and the next fork.
  ["time", staged("", CLONE_NEWTIME)],
  ["time cgroup", { ...staged("", CLONE_NEWTIME), unshareFlags: CLONE_NEWCGROUP }],
  ["time uts", { ...staged("", CLONE_NEWTIME), cloneFlags: CLONE_NEWUTS }],
  // Born into: somebody else enters before the fork.
  ["pid=/p mount", { ...staged("pid"), cloneFlags: CLONE_NEWNS, ...own }],
  ["time=/t", staged("time")],
  ["time=/t pid=/p", staged("pid time")],
  // Entered by the container's process, the mount namespace last, however they are listed.
  ["network=/n", { joins: "network" }],
  [
    "mount=/m uts=/u ipc=/i network=/n cgroup=/c",
    { joins: "ipc uts network cgroup mount", mounts: "joined" },
  ],
  ["mount=/m pid=/p uts=/u", { ...staged("pid"), joins: "uts mount", mounts: "joined" }],
  ["network=/n pid mount", { joins: "network", cloneFlags: CLONE_NEWPID | CLONE_NEWNS, ...own }],
  ["network=/n time", { ...staged("", CLONE_NEWTIME), joins: "network" }],
  // A new user namespace owns what is made with it; what the host owns cannot be entered from it.
  ["user", { cloneFlags: CLONE_NEWUSER, ...user }],
  [
    "pid network ipc uts mount user",
    {
      cloneFlags: (CLONED & ~CLONE_NEWIPC) | CLONE_NEWUSER,
      unshareFlags: CLONE_NEWIPC,
      ...user,
      ...own,
    },
  ],
  ["network=/n user", { ...staged("network", CLONE_NEWUSER), ...user }],
  [
    "network=/n mount user pid=/p ipc=/i",
    { ...staged("ipc network pid", CLONE_NEWUSER), cloneFlags: CLONE_NEWNS, ...user, ...own },
  ],
  ["time=/t user uts=/u cgroup=/c", { ...staged("uts cgroup time", CLONE_NEWUSER), ...user }],
  [
    "user cgroup mount",
    { cloneFlags: CLONE_NEWNS | CLONE_NEWUSER, unshareFlags: CLONE_NEWCGROUP, ...user, ...own },
  ],
  // It owns the time namespace too.
  [
    "user time uts",
    { ...staged("", CLONE_NEWUSER | CLONE_NEWTIME), cloneFlags: CLONE_NEWUTS, ...user },
  ],
  // One that is joined is entered before anything is made, so that it owns that.
  [
    "user=/u pid network ipc uts mount",
    {
      stage: { joins: "", user: "/u", unshareFlags: 0 },
      cloneFlags: CLONED & ~CLONE_NEWIPC,
      unshareFlags: CLONE_NEWIPC,
      ...user,
      ...own,
    },
  ],
  [
    "user=/u time network=/n mount cgroup",
    {
      stage: { joins: "network", user: "/u", unshareFlags: CLONE_NEWTIME },
      cloneFlags: CLONE_NEWNS,
      unshareFlags: CLONE_NEWCGROUP,
      ...user,
      ...own,
    },
  ],
];

describe("namespaces are planned", () => {
  for (const [words, expected] of plans)
    test(words || "none", () => {
      deepEqual(planned(words), { ...nothing, ...expected });
    });

  test("an empty path is a new namespace, as engines write it", () => {
    deepEqual(planned("network= mount="), {
      ...nothing,
      cloneFlags: CLONE_NEWNET | CLONE_NEWNS,
      ...own,
    });
  });

  test("a join knows where it comes from", () => {
    deepEqual(planNamespaces(list("mount network=/run/netns/a")).joins, [
      { type: "network", path: "/run/netns/a", pointer: "/linux/namespaces/1/path" },
    ]);
  });

  const refused: [string, string, string][] = [
    ["mount mount", "the mount namespace is listed twice", "/linux/namespaces/1"],
    ["pid network=/a network", "the network namespace is listed twice", "/linux/namespaces/2"],
    ["net", 'there is no namespace of type "net"', "/linux/namespaces/0/type"],
    ["mount PID", 'there is no namespace of type "PID"', "/linux/namespaces/1/type"],
    ["constructor", 'there is no namespace of type "constructor"', "/linux/namespaces/0/type"],
    ["__proto__", 'there is no namespace of type "__proto__"', "/linux/namespaces/0/type"],
  ];
  for (const [words, message, pointer] of refused)
    test(`${words} is refused`, () => {
      throws(() => planNamespaces(list(words)), {
        name: "Failure",
        message: `${message} (config.json ${pointer})`,
        pointer,
      });
    });
});

describe("namespaces to join are opened", () => {
  const join = (type: Join["type"], path: string): Join => ({ type, path, pointer: "/at" });

  test("each of its own kind", () => {
    const opened = openNamespaces([
      join("uts", "/proc/self/ns/uts"),
      join("network", "/proc/thread-self/ns/net"),
    ]);
    deepEqual(
      opened.map(({ flag }) => flag),
      [CLONE_NEWUTS, CLONE_NEWNET],
    );
    for (const { fd } of opened) close(fd);
  });

  const refused: [Join, RegExp][] = [
    [
      join("uts", "/proc/self/ns/ipc"),
      /^Failure: \/proc\/self\/ns\/ipc is not a uts namespace \(config\.json \/at\)$/,
    ],
    [join("uts", "/etc/passwd"), /\/etc\/passwd is not a uts namespace/],
    [join("network", "/proc/self/ns"), /\/proc\/self\/ns is not a network namespace/],
    [join("pid", "/none"), /opening the pid namespace \/none: openat2\("\/none"\): .*ENOENT/],
  ];
  for (const [wanted, message] of refused)
    test(`${wanted.path} as ${wanted.type} is refused`, () => {
      throws(() => openNamespaces([wanted]), message);
      throws(() => openNamespaces([wanted]), Failure);
    });
});
