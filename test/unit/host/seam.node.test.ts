/** What Node.js cannot do, its host refuses before it does harm. */
import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import * as abi from "#abi";
import { address, fork, syscall } from "#host";

test("fork() throws, and runs nothing", () => {
  let ran = false;
  throws(
    () =>
      fork(new Uint8Array(abi.STRUCT_clone_args.size), () => {
        ran = true;
        throw new Error("ran");
      }),
    { name: "TypeError", message: /cannot fork/ },
  );
  equal(ran, false);
});

test("calls that change what all threads share throw", () => {
  const { cwd, umask } = { cwd: process.cwd(), umask: process.umask() };
  const calls = {
    SYS_unshare: [abi.CLONE_NEWNS],
    SYS_setns: [-1, 0],
    SYS_chroot: ["/proc"],
    SYS_pivot_root: [".", "."],
    SYS_chdir: ["/"],
    SYS_fchdir: [-1],
    SYS_umask: [0o123],
  } as const;
  const passed = Object.entries(calls).filter(([name, args]) => {
    try {
      syscall(abi[name as keyof typeof calls], ...args);
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
  throws(() => syscall(abi.SYS_getpid, view), TypeError);
  throws(() => syscall(abi.SYS_getpid, view.buffer), TypeError);
  throws(() => address(view), TypeError);
});
