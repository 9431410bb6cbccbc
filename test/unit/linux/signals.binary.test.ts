/** Signal masks belong to the process: each test has one of its own. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { POLLIN, SIGTERM, SIGUSR1, SYS_kill, SYS_rt_sigaction } from "#abi";
import { syscall } from "#host";
import { readText } from "../../../src/linux/fs.ts";
import { exit, getpid, prepareExec } from "../../../src/linux/process.ts";
import {
  blockSignals,
  openSignals,
  poll,
  readSignal,
  resetSignalActions,
  unblockSignals,
} from "../../../src/linux/signals.ts";
import { inChild, runChild } from "./child.ts";

const SIGRTMIN = 34;

/** A line of /proc/<pid>/status, such as SigBlk. */
const maskOf = (status: string, name: string): bigint =>
  BigInt(`0x${status.match(new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m"))?.[1]}`);

test("blocked signals are read from a descriptor", () => {
  inChild(() => {
    blockSignals();
    const signals = openSignals();
    equal(readSignal(signals), undefined);
    deepEqual(poll([{ fd: signals, events: POLLIN }], 10), []);
    for (const signal of [SIGUSR1, SIGTERM, SIGRTMIN]) {
      equal(syscall(SYS_kill, getpid(), signal), 0);
      equal(poll([{ fd: signals, events: POLLIN }], 1000)[0]?.readable, true);
      deepEqual(readSignal(signals), { signal, sender: getpid() });
    }
    equal(readSignal(signals), undefined);
  });
});

test("all that can be blocked is blocked", () => {
  inChild(() => {
    blockSignals();
    // SIGKILL and SIGSTOP cannot be.
    equal(maskOf(readText("/proc/self/status"), "SigBlk"), 0xffff_ffff_fffb_feffn);
  });
});

test("a program begins with no blocked and no ignored signal", () => {
  const ignore = new BigUint64Array([1n, 0n, 0n, 0n]);
  const { output } = runChild(() => {
    blockSignals();
    for (const signal of [SIGTERM, SIGUSR1, SIGRTMIN, 64])
      equal(syscall(SYS_rt_sigaction, signal, ignore, null, 8), 0);
    resetSignalActions();
    unblockSignals();
    return prepareExec("/bin/cat", ["cat", "/proc/self/status"], [])();
  });
  equal(maskOf(output, "SigBlk"), 0n);
  equal(maskOf(output, "SigIgn"), 0n);
});

test("a signal that came while it was blocked ends the program at the unblocking", () => {
  const { ending } = runChild(() => {
    blockSignals();
    syscall(SYS_kill, getpid(), SIGTERM);
    resetSignalActions();
    unblockSignals();
    return exit(0);
  });
  deepEqual(ending, { killed: SIGTERM });
});
