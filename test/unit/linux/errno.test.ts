import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { EACCES, EAGAIN, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM } from "#abi";
import { check, Errno, isErrno, unless } from "../../../src/linux/errno.ts";

test("an error names the call, its arguments and the errno", () => {
  const messages: [Errno, string][] = [
    [
      new Errno(ENOENT, "openat2", ["etc/passwd"]),
      'openat2("etc/passwd"): no such file or directory (ENOENT)',
    ],
    [new Errno(EPERM, "setns", [7]), "setns(7): operation not permitted (EPERM)"],
    [new Errno(EACCES, "fchown", [3, -1, 0]), "fchown(3, -1, 0): permission denied (EACCES)"],
    [new Errno(EOPNOTSUPP, "setsid"), "setsid(): EOPNOTSUPP"],
    [
      new Errno(EAGAIN, "mount", [null, "/\n", undefined]),
      'mount(null, "/\\n", undefined): EAGAIN',
    ],
    [new Errno(9999, "bpf"), "bpf(): errno 9999"],
  ];
  for (const [error, message] of messages) {
    equal(error.message, message);
    equal(error.name, "Errno");
    ok(error instanceof Error);
  }
  const error = new Errno(ENOENT, "openat2", ["x"]);
  equal(error.errno, ENOENT);
  equal(error.code, "ENOENT");
  equal(error.call, "openat2");
});

test("results below zero are errors, others are results", () => {
  equal(check(0, "dup"), 0);
  equal(check(2 ** 40, "lseek"), 2 ** 40);
  throws(() => check(-1, "kill", 1, 9), {
    name: "Errno",
    errno: EPERM,
    message: "kill(1, 9): operation not permitted (EPERM)",
  });
  throws(() => check(-ENOENT, "openat2", "a"), { code: "ENOENT" });
});

test("an error is one of some errnos", () => {
  const error = new Errno(ENOENT, "openat2");
  ok(isErrno(error, ENOENT));
  ok(isErrno(error, ENOTDIR, ENOENT));
  ok(!isErrno(error, ENOTDIR));
  ok(!isErrno(error));
  ok(!isErrno(Object.assign(new Error("openat2"), { errno: ENOENT }), ENOENT));
  ok(!isErrno(undefined, ENOENT));
});

test("only the errnos that were named are taken for an answer", () => {
  equal(
    unless([ENOENT], () => 5),
    5,
  );
  equal(
    unless([ENOTDIR, ENOENT], () => check(-ENOENT, "openat2")),
    undefined,
  );
  throws(() => unless([ENOTDIR], () => check(-ENOENT, "openat2")), /ENOENT/);
  throws(
    () =>
      unless([ENOENT], () => {
        throw new RangeError("else");
      }),
    RangeError,
  );
});
