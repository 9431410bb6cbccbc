/** Filters as the kernel takes them, and what it says of a process that has executed nothing. */
import { equal, match, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  EINVAL,
  ENOTTY,
  PR_SET_NO_NEW_PRIVS,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SYS_getppid,
  SYS_setgroups,
} from "#abi";
import { syscall } from "#host";
import { setUid } from "../../../src/linux/credentials.ts";
import { Errno } from "../../../src/linux/errno.ts";
import { readlinkAt, readText } from "../../../src/linux/fs.ts";
import { processStatus } from "../../../src/linux/proc.ts";
import { getpid, prctl } from "../../../src/linux/process.ts";
import { prepareFilter } from "../../../src/linux/seccomp.ts";
import { give, ifEqual, load } from "../../../src/seccomp/program.ts";
import { inChild } from "./child.ts";

const allowing = Uint32Array.from(give(SECCOMP_RET_ALLOW));
const refusingGetppid = Uint32Array.from(
  [
    load("nr"),
    ifEqual(SYS_getppid, 0, 1),
    give(SECCOMP_RET_ERRNO | ENOTTY),
    give(SECCOMP_RET_ALLOW),
  ].flat(),
);

test("a filter holds from its load on", () => {
  inChild(() => {
    const filter = prepareFilter(refusingGetppid, 0);
    ok(syscall(SYS_getppid) > 0);
    equal(filter(), 0);
    equal(syscall(SYS_getppid), -ENOTTY);
    match(readText("/proc/self/status"), /^Seccomp:\t2\nSeccomp_filters:\t1$/m);
  });
});

test("with a listener, the result is its descriptor", () => {
  inChild(() => {
    const listener = prepareFilter(allowing, SECCOMP_FILTER_FLAG_NEW_LISTENER)();
    equal(readlinkAt(-1, `/proc/self/fd/${listener}`), "anon_inode:seccomp notify");
  });
});

test("what the kernel does not take throws", () => {
  inChild(() => {
    const noEnd = Uint32Array.from(load("nr"));
    throws(
      prepareFilter(noEnd, 0),
      (error) => error instanceof Errno && error.errno === EINVAL && error.call === "seccomp",
    );
  });
});

test("without privilege it takes no_new_privs", () => {
  inChild(() => {
    equal(syscall(SYS_setgroups, 0, null), 0);
    setUid(1000);
    const filter = prepareFilter(allowing, 0);
    throws(filter, /seccomp\("SECCOMP_SET_MODE_FILTER", 0\): .*EACCES/);
    prctl(PR_SET_NO_NEW_PRIVS, 1);
    equal(filter(), 0);
  });
});

test("who has been made and has executed nothing is told from who has", () => {
  equal(processStatus(getpid())?.hasExecuted, true);
  inChild(() => equal(processStatus(getpid())?.hasExecuted, false));
});
