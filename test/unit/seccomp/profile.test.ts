/** linux.seccomp as it is read, and every fault with its place. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "@opencontainers-types";
import {
  ENOSYS,
  EPERM,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
} from "#abi";
import { Failure } from "../../../src/failure.ts";
import { readProfile } from "../../../src/seccomp/profile.ts";

const withRule = (rule: Partial<LinuxSyscall>): LinuxSeccomp => ({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [
    { names: ["read"], action: "SCMP_ACT_TRAP" },
    { names: ["write"], action: "SCMP_ACT_ERRNO", ...rule },
  ],
});
const withArgs = (...args: LinuxSeccompArg[]): LinuxSeccomp => withRule({ args });

test("each action has its number, and EPERM is the errno of those that have one", () => {
  const actions: [LinuxSyscall["action"], number][] = [
    ["SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD],
    ["SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD],
    ["SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS],
    ["SCMP_ACT_TRAP", SECCOMP_RET_TRAP],
    ["SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO | EPERM],
    ["SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM],
    ["SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW],
    ["SCMP_ACT_LOG", SECCOMP_RET_LOG],
    ["SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF],
  ];
  for (const [action, number] of actions) {
    equal(readProfile({ defaultAction: action }).defaultAction, number, action);
    equal(readProfile(withRule({ action })).rules[1]?.action, number, action);
  }
});

test("an errno is the action's data, and 0 is one", () => {
  for (const errno of [0, ENOSYS, 4094]) {
    const { defaultAction } = readProfile({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: errno,
    });
    equal(defaultAction, SECCOMP_RET_ERRNO | errno);
    equal(readProfile(withRule({ errnoRet: errno })).rules[1]?.action, SECCOMP_RET_ERRNO | errno);
  }
});

test("flags", () => {
  const flags = (seccomp: Partial<LinuxSeccomp>) =>
    readProfile({ defaultAction: "SCMP_ACT_ALLOW", ...seccomp }).flags;
  equal(flags({}), SECCOMP_FILTER_FLAG_SPEC_ALLOW, "the default");
  equal(flags({ flags: [] }), 0, "none asked for");
  equal(flags({ flags: ["SECCOMP_FILTER_FLAG_TSYNC"] }), 0, "a single thread");
  equal(flags({ flags: ["SECCOMP_FILTER_FLAG_LOG"] }), SECCOMP_FILTER_FLAG_LOG);
  equal(
    flags({
      flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
      syscalls: [{ names: ["read"], action: "SCMP_ACT_NOTIFY" }],
    }),
    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER,
  );
});

describe("conditions", () => {
  const read = (...args: LinuxSeccompArg[]) =>
    readProfile(withArgs(...args)).rules[1]?.alternatives;
  const largest = 0xffff_ffff_ffff_ffffn;

  test("without any, a rule always holds", () => {
    deepEqual(read(), [[]]);
  });

  test("on different arguments, all must hold, with all 64 bits of their values", () => {
    deepEqual(
      read(
        { index: 0, value: largest, op: "SCMP_CMP_NE" },
        { index: 5, value: 3, valueTwo: largest, op: "SCMP_CMP_MASKED_EQ" },
      ),
      [
        [
          { argument: 0, operator: 1, operands: [largest, 0] },
          { argument: 5, operator: 7, operands: [3, largest] },
        ],
      ],
    );
  });

  test("where two are on the same argument, one of all is enough", () => {
    deepEqual(
      read(
        { index: 1, value: 1, op: "SCMP_CMP_EQ" },
        { index: 0, value: 2, op: "SCMP_CMP_GT" },
        { index: 1, value: 3, op: "SCMP_CMP_LT" },
      ),
      [
        [{ argument: 1, operator: 4, operands: [1, 0] }],
        [{ argument: 0, operator: 6, operands: [2, 0] }],
        [{ argument: 1, operator: 2, operands: [3, 0] }],
      ],
    );
  });
});

describe("faults are told with their place", () => {
  const faults: [string, LinuxSeccomp, RegExp][] = [
    [
      "/linux/seccomp/defaultAction",
      { defaultAction: "", syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] },
      /need a default action/,
    ],
    [
      "/linux/seccomp/defaultErrnoRet",
      { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 },
      /SCMP_ACT_ALLOW returns no errno, and here is 1/,
    ],
    [
      "/linux/seccomp/defaultErrnoRet",
      { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 4095 },
      /at most 4094, not 4095/,
    ],
    ["/linux/seccomp/syscalls/1/errnoRet", withRule({ errnoRet: 0x1_0000 }), /at most 4094/],
    [
      "/linux/seccomp/syscalls/1/errnoRet",
      withRule({ action: "SCMP_ACT_TRACE", errnoRet: 0x1_0000 }),
      /at most 65535/,
    ],
    [
      "/linux/seccomp/syscalls/1/errnoRet",
      withRule({ action: "SCMP_ACT_KILL", errnoRet: 0 }),
      /SCMP_ACT_KILL returns no errno/,
    ],
    ["/linux/seccomp/syscalls/1/names/2", withRule({ names: ["a", "b", ""] }), /empty string/],
    [
      "/linux/seccomp/syscalls/1/args/1/index",
      withArgs(
        { index: 5, value: 0, op: "SCMP_CMP_EQ" },
        { index: 6, value: 0, op: "SCMP_CMP_EQ" },
      ),
      /no argument 6/,
    ],
    [
      "/linux/seccomp/flags/1",
      {
        defaultAction: "SCMP_ACT_ALLOW",
        flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
      },
      /SCMP_ACT_NOTIFY only/,
    ],
  ];
  for (const [pointer, seccomp, message] of faults)
    test(`${pointer}: ${message.source}`, () => {
      throws(
        () => readProfile(seccomp),
        (error) => {
          equal(error instanceof Failure && error.pointer, pointer);
          return message.test((error as Error).message);
        },
      );
    });
});
