/** Calls that are newer than a profile get ENOSYS, for each architecture by its own numbers; all others go on. */
import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_ARM,
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  ENOSYS,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_TRAP,
} from "#abi";
import { enosysPrologue, type Newest, X32_SYSCALL_BIT } from "../../../src/seccomp/enosys.ts";
import { give } from "../../../src/seccomp/program.ts";
import { run } from "./machine.ts";

/** What the filter after the prologue answers, to be told from the prologue. */
const FILTER = SECCOMP_RET_TRAP;
const NEWER = SECCOMP_RET_ERRNO | ENOSYS;

const answers = (newest: Newest[], architecture: number, ...numbers: number[]): number[] => {
  const program = Uint32Array.from([...enosysPrologue(newest), give(FILTER)].flat());
  return numbers.map((number) => run(program, { architecture, number }));
};

describe("one architecture", () => {
  const newest = [{ architecture: AUDIT_ARCH_AARCH64, number: 300 }];

  test("up to the highest number the filter decides, beyond it ENOSYS", () => {
    deepEqual(answers(newest, AUDIT_ARCH_AARCH64, 0, 299, 300, 301, 0x4000_0000, 0xffff_ffff), [
      ...[FILTER, FILTER, FILTER],
      ...[NEWER, NEWER, NEWER],
    ]);
  });

  test("the filter decides on other architectures", () => {
    deepEqual(answers(newest, AUDIT_ARCH_ARM, 0, 301), [FILTER, FILTER]);
  });
});

describe("x86_64 and x32, which are one architecture to the kernel", () => {
  const x32 = X32_SYSCALL_BIT;
  const calls = [400, 401, x32 + 400, x32 + 401, x32 + 500, x32 + 501];

  test("each has its own highest number", () => {
    const newest = [{ architecture: AUDIT_ARCH_X86_64, number: 400, x32: x32 + 500 }];
    deepEqual(answers(newest, AUDIT_ARCH_X86_64, ...calls), [
      ...[FILTER, NEWER],
      ...[FILTER, FILTER, FILTER, NEWER],
    ]);
  });

  test("of what a profile is not for, the filter decides", () => {
    deepEqual(
      answers(
        [{ architecture: AUDIT_ARCH_X86_64, number: 400, x32: undefined }],
        AUDIT_ARCH_X86_64,
        ...calls,
      ),
      [FILTER, NEWER, FILTER, FILTER, FILTER, FILTER],
    );
    deepEqual(
      answers(
        [{ architecture: AUDIT_ARCH_X86_64, number: undefined, x32: x32 + 400 }],
        AUDIT_ARCH_X86_64,
        ...calls,
      ),
      [FILTER, FILTER, FILTER, NEWER, NEWER, NEWER],
    );
  });
});

test("of several architectures each goes by its own number", () => {
  const newest = [
    { architecture: AUDIT_ARCH_X86_64, number: 10, x32: undefined },
    { architecture: AUDIT_ARCH_I386, number: 20 },
    { architecture: AUDIT_ARCH_AARCH64, number: 30 },
    { architecture: AUDIT_ARCH_ARM, number: 40 },
  ];
  for (const { architecture, number } of newest)
    deepEqual(answers(newest, architecture, number, number + 1), [FILTER, NEWER], `${number}`);
});

test("a profile that names no call has no prologue", () => {
  equal(enosysPrologue([]).length, 0);
});
