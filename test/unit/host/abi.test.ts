import assert from "node:assert/strict";
import { test } from "node:test";
import * as arm64 from "../../../build/generated/abi/arm64.ts";
import * as x86_64 from "../../../build/generated/abi/x86_64.ts";
import { lookup } from "../../../src/linux/names.ts";

/** The numbers of the system calls that a table has. */
function systemCalls(table: object): number[] {
  return Object.entries(table)
    .filter(([name, value]) => name.startsWith("SYS_") && value !== -1)
    .map(([, value]) => value);
}

const numbersOf = (table: string): number[] =>
  table
    .slice(1, -1)
    .split(";")
    .map((entry) => Number(entry.split("=")[1]));

test("both architectures export the same names", () => {
  assert.deepEqual(Object.keys(x86_64).sort(), Object.keys(arm64).sort());
});

test("each table is of the architecture it says", () => {
  assert.equal(x86_64.ARCHITECTURE, "x86_64");
  assert.equal(arm64.ARCHITECTURE, "arm64");
  assert.equal(x86_64.SYS_openat, 257);
  assert.equal(arm64.SYS_openat, 56);
  assert.notEqual(x86_64.O_DIRECTORY, arm64.O_DIRECTORY);
  assert.notEqual(x86_64.O_NOFOLLOW, arm64.O_NOFOLLOW);
  assert.equal(x86_64.STRUCT_epoll_event.size, 12);
  assert.equal(arm64.STRUCT_epoll_event.size, 16);
});

test("system calls since Linux 5.0 have one number everywhere", () => {
  const sinceFive = (table: typeof x86_64 | typeof arm64): readonly number[] => [
    table.SYS_pidfd_send_signal,
    table.SYS_open_tree,
    table.SYS_clone3,
    table.SYS_openat2,
    table.SYS_mount_setattr,
    table.SYS_fchmodat2,
    table.SYS_statmount,
  ];
  assert.deepEqual(sinceFive(x86_64), sinceFive(arm64));
  assert.ok(Math.min(...sinceFive(x86_64)) >= 424);
});

test("only system calls that an architecture lacks are -1", () => {
  assert.equal(arm64.SYS_fork, -1);
  assert.equal(arm64.SYS_open, -1);
  assert.equal(x86_64.SYS_fork, 57);
  const absent = Object.entries(x86_64).filter(
    ([name, value]) => name.startsWith("SYS_") && value === -1,
  );
  assert.deepEqual(absent, []);
});

test("no two system calls share a number", () => {
  for (const table of [x86_64, arm64]) {
    const numbers = systemCalls(table);
    assert.ok(numbers.length > 150);
    assert.equal(new Set(numbers).size, numbers.length);
  }
});

test("values keep their sign and all their bits", () => {
  for (const table of [x86_64, arm64]) {
    assert.equal(table.AT_FDCWD, -100);
    assert.equal(table.RLIM_INFINITY, 2n ** 64n - 1n);
    assert.equal(table.CLONE_INTO_CGROUP, 2 ** 33);
    assert.equal(table.SECCOMP_RET_KILL_PROCESS, 2 ** 31);
  }
});

test("an error number has the name that is not an alias", () => {
  for (const { ERRNO_NAMES, EAGAIN, EWOULDBLOCK, EDEADLK, EDEADLOCK, EOPNOTSUPP } of [
    x86_64,
    arm64,
  ]) {
    assert.equal(EWOULDBLOCK, EAGAIN);
    assert.equal(EDEADLOCK, EDEADLK);
    assert.equal(lookup(ERRNO_NAMES, String(EAGAIN)), "EAGAIN");
    assert.equal(lookup(ERRNO_NAMES, String(EDEADLK)), "EDEADLK");
    assert.equal(lookup(ERRNO_NAMES, String(EOPNOTSUPP)), "EOPNOTSUPP");
    assert.equal(lookup(ERRNO_NAMES, "0"), undefined);
  }
});

test("every signal below the real-time ones has a name", () => {
  for (const { SIGNALS, SIGRTMIN, SIGRTMAX } of [x86_64, arm64]) {
    const numbers = new Set(numbersOf(SIGNALS));
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      Array.from({ length: 31 }, (_, index) => index + 1),
    );
    for (const [alias, name] of [
      ["SIGCLD", "SIGCHLD"],
      ["SIGPOLL", "SIGIO"],
      ["SIGIOT", "SIGABRT"],
    ] as const)
      assert.equal(lookup(SIGNALS, alias), lookup(SIGNALS, name));
    assert.deepEqual([SIGRTMIN, SIGRTMAX], [34, 64]);
  }
});

test("capabilities are numbered without a gap up to the last one", () => {
  for (const { CAPABILITIES, CAP_LAST_CAP } of [x86_64, arm64]) {
    const numbers = numbersOf(CAPABILITIES).sort((a, b) => a - b);
    assert.deepEqual(
      numbers,
      Array.from({ length: CAP_LAST_CAP + 1 }, (_, number) => number),
    );
    assert.equal(lookup(CAPABILITIES, "CAP_SYS_ADMIN"), "21");
  }
});
