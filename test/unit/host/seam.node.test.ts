/** What Node.js cannot do, its host refuses before it does harm. */
import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  CLONE_NEWNS,
  STRUCT_clone_args,
  SYS_chdir,
  SYS_chroot,
  SYS_fchdir,
  SYS_getpid,
  SYS_pivot_root,
  SYS_setns,
  SYS_umask,
  SYS_unshare,
} from "#abi";
import { address, fork, syscall } from "#host";
import type { Argument } from "../../../src/host/seam.ts";

test("fork() throws, and runs nothing", () => {
  let ran = false;
  throws(
    () =>
      fork(new Uint8Array(STRUCT_clone_args.size), () => {
        ran = true;
        throw new Error("ran");
      }),
    { name: "TypeError", message: /cannot fork/ },
  );
  equal(ran, false);
});

test("calls that change what all threads share throw", () => {
  const { cwd, umask } = { cwd: process.cwd(), umask: process.umask() };
  const calls: [string, number, ...Argument[]][] = [
    ["unshare", SYS_unshare, CLONE_NEWNS],
    ["setns", SYS_setns, -1, 0],
    ["chroot", SYS_chroot, "/proc"],
    ["pivot_root", SYS_pivot_root, ".", "."],
    ["chdir", SYS_chdir, "/"],
    ["fchdir", SYS_fchdir, -1],
    ["umask", SYS_umask, 0o123],
  ];
  const passed = calls.filter(([, ...call]) => {
    try {
      syscall(...call);
      return true;
    } catch {
      return false;
    }
  });
  equal(passed.map(([name]) => name).join(" "), "");
  equal(process.cwd(), cwd);
  equal(process.umask(), umask);
});

/** QuickJS as it is built here cannot take a buffer's memory away. */
test("a buffer without its memory is refused", () => {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  equal(view.buffer.byteLength, 0);
  throws(() => syscall(SYS_getpid, view), TypeError);
  throws(() => syscall(SYS_getpid, view.buffer), TypeError);
  throws(() => address(view), TypeError);
});
