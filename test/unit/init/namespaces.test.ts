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
  const { creatorJoins, cloneFlags, joins, unshareFlags } = planNamespaces(list(words));
  return { creatorJoins: types(creatorJoins), cloneFlags, joins: types(joins), unshareFlags };
}

const nothing = { creatorJoins: "", cloneFlags: 0, joins: "", unshareFlags: 0 };
/** What one clone3 makes. */
const CLONED = CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS;

const plans: [string, Partial<ReturnType<typeof planned>>][] = [
  ["", {}],
  ["mount", { cloneFlags: CLONE_NEWNS }],
  ["pid network ipc uts mount", { cloneFlags: CLONED }],
  // A cgroup namespace is made by the container's process, once it stands in its cgroup.
  ["pid network ipc uts mount cgroup", { cloneFlags: CLONED, unshareFlags: CLONE_NEWCGROUP }],
  ["cgroup", { unshareFlags: CLONE_NEWCGROUP }],
  // Time offsets are written between the unsharing and the next fork.
  ["time", { unshareFlags: CLONE_NEWTIME }],
  ["time cgroup", { unshareFlags: CLONE_NEWTIME | CLONE_NEWCGROUP }],
  // Born into: the creator enters before the fork.
  ["pid=/p mount", { creatorJoins: "pid", cloneFlags: CLONE_NEWNS }],
  ["time=/t", { creatorJoins: "time" }],
  ["time=/t pid=/p", { creatorJoins: "pid time" }],
  // Entered by the container's process, the mount namespace last, however they are listed.
  ["network=/n", { joins: "network" }],
  ["mount=/m uts=/u ipc=/i network=/n cgroup=/c", { joins: "ipc uts network cgroup mount" }],
  ["mount=/m pid=/p uts=/u", { creatorJoins: "pid", joins: "uts mount" }],
  ["network=/n pid mount", { joins: "network", cloneFlags: CLONE_NEWPID | CLONE_NEWNS }],
  // A new user namespace owns what is made with it; what the host owns cannot be entered from it.
  ["user", { cloneFlags: CLONE_NEWUSER }],
  [
    "pid network ipc uts mount user",
    { cloneFlags: (CLONED & ~CLONE_NEWIPC) | CLONE_NEWUSER, unshareFlags: CLONE_NEWIPC },
  ],
  ["network=/n user", { creatorJoins: "network", cloneFlags: CLONE_NEWUSER }],
  [
    "network=/n mount user pid=/p ipc=/i",
    { creatorJoins: "ipc network pid", cloneFlags: CLONE_NEWNS | CLONE_NEWUSER },
  ],
  ["time=/t user uts=/u cgroup=/c", { creatorJoins: "uts cgroup time", cloneFlags: CLONE_NEWUSER }],
  ["user cgroup mount", { cloneFlags: CLONE_NEWNS | CLONE_NEWUSER, unshareFlags: CLONE_NEWCGROUP }],
  ["user time", { cloneFlags: CLONE_NEWUSER, unshareFlags: CLONE_NEWTIME }],
];

describe("namespaces are planned", () => {
  for (const [words, expected] of plans)
    test(words || "none", () => {
      deepEqual(planned(words), { ...nothing, ...expected });
    });

  test("an empty path is a new namespace, as engines write it", () => {
    deepEqual(planned("network= mount="), { ...nothing, cloneFlags: CLONE_NEWNET | CLONE_NEWNS });
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
    [join("pid", "/none"), /opening the pid namespace \/none: openat2\("\/none"\): ENOENT/],
  ];
  for (const [wanted, message] of refused)
    test(`${wanted.path} as ${wanted.type} is refused`, () => {
      throws(() => openNamespaces([wanted]), message);
      throws(() => openNamespaces([wanted]), Failure);
    });
});
