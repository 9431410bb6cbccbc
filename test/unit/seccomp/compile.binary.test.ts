/** Filters as libseccomp makes them: what they return is what their profiles say. */
import { deepEqual, doesNotThrow, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  LinuxSeccomp,
  LinuxSeccompArg,
  LinuxSeccompOperator,
  LinuxSyscall,
} from "@opencontainers-types";
import {
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  EACCES,
  ENOSYS,
  EPERM,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_THREAD,
} from "#abi";
import { Failure } from "../../../src/failure.ts";
import { compileChecked } from "../../../src/seccomp/check.ts";
import { compile } from "../../../src/seccomp/compile.ts";
import { X32_SYSCALL_BIT } from "../../../src/seccomp/enosys.ts";
import {
  architectureNumber,
  callNumber,
  libseccompVersion,
  NATIVE_ARCHITECTURE,
} from "../../../src/seccomp/libseccomp.ts";
import { ARCHITECTURES, OPERATORS } from "../../../src/seccomp/names.ts";
import { readProfile } from "../../../src/seccomp/profile.ts";
import { possibleActions } from "../../../src/seccomp/program.ts";
import { sequence } from "../../random.ts";
import { run } from "./machine.ts";

const native = architectureNumber(NATIVE_ARCHITECTURE);
const numberOf = (name: string, architecture = native) => callNumber(name, architecture) as number;
const made = (seccomp: LinuxSeccomp) => compile(readProfile(seccomp));

const HOLDS: Readonly<
  Record<LinuxSeccompOperator, (argument: bigint, one: bigint, two: bigint) => boolean>
> = {
  SCMP_CMP_NE: (argument, one) => argument !== one,
  SCMP_CMP_LT: (argument, one) => argument < one,
  SCMP_CMP_LE: (argument, one) => argument <= one,
  SCMP_CMP_EQ: (argument, one) => argument === one,
  SCMP_CMP_GE: (argument, one) => argument >= one,
  SCMP_CMP_GT: (argument, one) => argument > one,
  SCMP_CMP_MASKED_EQ: (argument, mask, value) => (argument & mask) === value,
};

const holds = ({ index, op, value, valueTwo = 0 }: LinuxSeccompArg, args: readonly bigint[]) =>
  HOLDS[op](args[index] as bigint, BigInt(value), BigInt(valueTwo));

/** What a profile says of a call, in the words of the specification and, of conditions on one argument, runc's way. */
function expected(
  { defaultAction, syscalls = [] }: LinuxSeccomp,
  name: string,
  args: readonly bigint[],
): string {
  const rule = syscalls.find(({ names }) => names.includes(name));
  const conditions = rule?.args ?? [];
  const isAnyEnough = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  const applies = isAnyEnough
    ? conditions.some((condition) => holds(condition, args))
    : conditions.every((condition) => holds(condition, args));
  return rule && applies ? `${rule.action} ${rule.errnoRet}` : `${defaultAction} undefined`;
}

const NAMES = [
  ...["read", "write", "close", "fstat", "lseek", "mmap", "ioctl", "pread64", "dup", "socket"],
  ...["clone", "execve", "exit", "kill", "uname", "fcntl", "flock", "openat", "mkdirat", "mount"],
  ...["setns", "unshare", "personality", "prctl", "bpf", "openat2", "faccessat2", "close_range"],
];
const VALUES = [
  ...[0n, 1n, 2n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n],
  ...[0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_0000_0000n, 2n ** 64n - 1n],
];
const ACTIONS: Partial<LinuxSyscall>[] = [
  { action: "SCMP_ACT_ALLOW" },
  { action: "SCMP_ACT_LOG" },
  { action: "SCMP_ACT_TRAP" },
  { action: "SCMP_ACT_KILL_PROCESS" },
  { action: "SCMP_ACT_KILL_THREAD" },
  { action: "SCMP_ACT_NOTIFY" },
  { action: "SCMP_ACT_ERRNO", errnoRet: EACCES },
  { action: "SCMP_ACT_TRACE", errnoRet: 77 },
];

/**
 * Up to three conditions. Two on one argument are for equality: of ranges that overlap, libseccomp's tree of comparisons
 * loses some.
 */
function randomArgs(random: (limit: number) => number): LinuxSeccompArg[] {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const isTwice = random(4) === 0;
  const free = [0, 1, 2, 3, 4, 5];
  return Array.from({ length: random(3) === 0 ? 1 + random(3) : 0 }, () => {
    const value = pick(VALUES);
    if (isTwice) return { index: 3, value, op: "SCMP_CMP_EQ" };
    const [index = 0] = free.splice(random(free.length), 1);
    const op = pick(Object.keys(OPERATORS)) as LinuxSeccompOperator;
    // A masked argument can only be what the mask lets through: libseccomp masks the other operand as well.
    return { index, value, valueTwo: pick(VALUES) & value, op };
  });
}

function randomProfile(random: (limit: number) => number): LinuxSeccomp {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const names = NAMES.filter(() => random(4) > 0);
  const rules: LinuxSyscall[] = [];
  while (names.length > 0) {
    const args = randomArgs(random);
    rules.push({
      names: names.splice(0, args.length > 0 ? 1 : 1 + random(4)) as [string, ...string[]],
      ...(pick(ACTIONS) as { action: "SCMP_ACT_ALLOW" }),
      args,
    });
  }
  return { defaultAction: pick(["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"] as const), syscalls: rules };
}

/** The profile's actions by what the filter returns for them. */
function actionsOf(seccomp: LinuxSeccomp): Map<number, string> {
  const { defaultAction, rules } = readProfile(seccomp);
  return new Map([
    ...rules.map(({ action }, i): [number, string] => {
      const rule = seccomp.syscalls?.[i];
      return [action, `${rule?.action} ${rule?.errnoRet}`];
    }),
    [defaultAction, `${seccomp.defaultAction} undefined`],
  ]);
}

test("random profiles do for random calls what they say", () => {
  const random = sequence(2606);
  const pick = () => VALUES[random(VALUES.length)] as bigint;
  for (let profiles = 0; profiles < 60; profiles++) {
    const seccomp = randomProfile(random);
    const program = made(seccomp);
    const actions = actionsOf(seccomp);
    for (const name of NAMES)
      for (let calls = 0; calls < 8; calls++) {
        const args = Array.from({ length: 6 }, pick);
        const action = run(program, { architecture: native, number: numberOf(name), args });
        const newer =
          action === (SECCOMP_RET_ERRNO | ENOSYS) && seccomp.defaultAction !== "SCMP_ACT_ALLOW";
        const told = newer ? "SCMP_ACT_ERRNO undefined" : actions.get(action);
        equal(
          told,
          expected(seccomp, name, args),
          `profile ${profiles}, ${name}(${args}): ${JSON.stringify(
            seccomp.syscalls?.find(({ names }) => names.includes(name)),
            (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
          )}`,
        );
      }
  }
});

describe("calls that are newer than the profile", () => {
  const profile: LinuxSeccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [{ names: ["read", "openat2", "no_such_call"], action: "SCMP_ACT_ALLOW" }],
  };
  const newest = numberOf("openat2");
  const answers = (seccomp: LinuxSeccomp, ...numbers: number[]) => {
    const program = made(seccomp);
    return numbers.map((number) => run(program, { architecture: native, number }));
  };

  test("get ENOSYS, older ones the default action", () => {
    deepEqual(answers(profile, numberOf("read"), newest - 1, newest, newest + 1, 0x3fff_ffff), [
      SECCOMP_RET_ALLOW,
      SECCOMP_RET_ERRNO | EPERM,
      SECCOMP_RET_ALLOW,
      SECCOMP_RET_ERRNO | ENOSYS,
      SECCOMP_RET_ERRNO | ENOSYS,
    ]);
  });

  test("whatever refuses by default", () => {
    for (const defaultAction of [
      "SCMP_ACT_KILL",
      "SCMP_ACT_KILL_PROCESS",
      "SCMP_ACT_TRAP",
    ] as const)
      deepEqual(answers({ ...profile, defaultAction }, newest + 1), [SECCOMP_RET_ERRNO | ENOSYS]);
  });

  test("but get the default action where that lets them through", () => {
    const rules: LinuxSyscall[] = [{ names: ["read"], action: "SCMP_ACT_ERRNO" }];
    for (const defaultAction of ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"] as const) {
      const seccomp = { defaultAction, syscalls: rules };
      deepEqual(answers(seccomp, newest), [readProfile(seccomp).defaultAction], defaultAction);
    }
  });

  test("by rules that have no effect of their own as well", () => {
    const rule: LinuxSyscall = { names: ["faccessat2"], action: "SCMP_ACT_ERRNO" };
    deepEqual(
      answers(
        { ...profile, syscalls: [...(profile.syscalls ?? []), rule] },
        numberOf("faccessat2"),
        numberOf("faccessat2") + 1,
      ),
      [SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | ENOSYS],
    );
  });
});

describe("architectures", () => {
  const profile: LinuxSeccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
    syscalls: [{ names: ["getpid", "openat2"], action: "SCMP_ACT_ALLOW" }],
  };

  test("each goes by its own numbers", () => {
    const program = made(profile);
    for (const name of ["x86_64", "x86", "aarch64"]) {
      const architecture = architectureNumber(name);
      const numbers = ["getpid", "getppid", "openat2"].map((call) => numberOf(call, architecture));
      deepEqual(
        [...numbers, (numbers[2] as number) + 1].map((number) =>
          run(program, { architecture, number }),
        ),
        [
          SECCOMP_RET_ALLOW,
          SECCOMP_RET_ERRNO | EPERM,
          SECCOMP_RET_ALLOW,
          SECCOMP_RET_ERRNO | ENOSYS,
        ],
        name,
      );
    }
  });

  test("x32 is told from x86_64 by the number", () => {
    const openat2 = (numberOf("openat2", AUDIT_ARCH_X86_64) | X32_SYSCALL_BIT) >>> 0;
    const answers = (seccomp: LinuxSeccomp) => {
      const program = made(seccomp);
      return [openat2, openat2 + 1].map((number) =>
        run(program, { architecture: AUDIT_ARCH_X86_64, number }),
      );
    };
    deepEqual(answers(profile), [SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | ENOSYS]);
    deepEqual(
      answers({ ...profile, architectures: ["SCMP_ARCH_X86_64"] }),
      [SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_THREAD],
      "without x32 its calls are those of a foreign architecture",
    );
  });

  test("the calls of one that is not listed kill", () => {
    const program = made({ ...profile, architectures: [] });
    const foreign = native === AUDIT_ARCH_X86_64 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
    equal(run(program, { architecture: foreign, number: 1 }), SECCOMP_RET_KILL_THREAD);
  });

  test("libseccomp has them all", () => {
    for (const [name, theirs] of Object.entries(ARCHITECTURES))
      ok(architectureNumber(theirs) > 0, name);
  });

  test("one of the other byte order is refused", () => {
    throws(
      () => made({ ...profile, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_S390X"] }),
      (error) => error instanceof Failure && error.pointer === "/linux/seccomp/architectures/1",
    );
  });
});

describe("rules", () => {
  test("a call that nobody has is skipped, and one that only others have is not", () => {
    doesNotThrow(() =>
      made({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["no_such_call", "socketcall"], action: "SCMP_ACT_ERRNO" }],
      }),
    );
  });

  test("a filter that is too long for the kernel is refused", () => {
    // The first is too long only with what comes before it, the second is so as libseccomp makes it.
    for (const length of [4065, 4200])
      throws(
        () =>
          made({
            defaultAction: "SCMP_ACT_ERRNO",
            syscalls: Array.from({ length }, (_, i) => ({
              names: ["prctl"],
              action: "SCMP_ACT_ALLOW" as const,
              args: [{ index: 0, value: i, op: "SCMP_CMP_EQ" as const }],
            })),
          }),
        /instructions, and the kernel takes 4096/,
      );
  });

  test("of the same conditions, with different actions, the second is refused", () => {
    const rule = (errnoRet: number): LinuxSyscall => ({
      names: ["getpid", "prctl"],
      action: "SCMP_ACT_ERRNO",
      errnoRet,
      args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
    });
    const profile = (...syscalls: LinuxSyscall[]): LinuxSeccomp => ({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls,
    });
    doesNotThrow(() => made(profile(rule(1), rule(1))));
    throws(
      () => made(profile(rule(1), rule(2))),
      (error) =>
        error instanceof Failure &&
        error.pointer === "/linux/seccomp/syscalls/1/names/0" &&
        /EEXIST.*an earlier rule has the same conditions and another action/.test(error.message),
    );
  });

  test("the largest errno is one that libseccomp takes, and the next one is refused", () => {
    const profile = (errno: number): LinuxSeccomp => ({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: errno,
      syscalls: [{ names: ["prctl"], action: "SCMP_ACT_ERRNO", errnoRet: errno - 1 }],
    });
    doesNotThrow(() => made(profile(4094)));
    throws(() => made(profile(4095)), /at most 4094/);
  });
});

describe("what no container could start with is refused", () => {
  const execve: LinuxSyscall = { names: ["execve"], action: "SCMP_ACT_ALLOW" };

  test("a filter that does not let execve through", () => {
    for (const action of [
      "SCMP_ACT_ERRNO",
      "SCMP_ACT_KILL",
      "SCMP_ACT_TRAP",
      "SCMP_ACT_TRACE",
    ] as const) {
      throws(() => compileChecked({ defaultAction: action }), /refuses execve/, action);
      doesNotThrow(() => compileChecked({ defaultAction: action, syscalls: [execve] }), action);
    }
  });

  test("a rule on the arguments of execve may let it through", () => {
    const args = [{ index: 0, value: 0, op: "SCMP_CMP_NE" as const }];
    doesNotThrow(() =>
      compileChecked({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ ...execve, args }] }),
    );
  });

  test("one with a listener may notify of everything, and must not refuse what leads to the start", () => {
    doesNotThrow(() => compileChecked({ defaultAction: "SCMP_ACT_NOTIFY" }));
    throws(
      () =>
        compileChecked({
          defaultAction: "SCMP_ACT_NOTIFY",
          syscalls: [{ names: ["sendmsg", "accept4"], action: "SCMP_ACT_ERRNO" }],
        }),
      /refuses sendmsg, accept4/,
    );
  });
});

test("every action that is possible for a call is found", () => {
  const program = made({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ALLOW" },
      {
        names: ["ioctl"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 1, value: 7, op: "SCMP_CMP_MASKED_EQ", valueTwo: 3 }],
      },
    ],
  });
  const possible = (name: string) =>
    [...possibleActions(program, { architecture: native, number: numberOf(name) })].sort();
  deepEqual(possible("read"), [SECCOMP_RET_ALLOW]);
  deepEqual(possible("close"), [SECCOMP_RET_ERRNO | EPERM]);
  deepEqual(possible("ioctl"), [SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM].sort());
});

test("the library is recent enough", () => {
  const [major = 0, minor = 0] = libseccompVersion().split(".").map(Number);
  ok(major > 2 || (major === 2 && minor >= 6));
});
