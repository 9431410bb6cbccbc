/** A profile as the program that the kernel runs at each system call: libseccomp's, after our answer to newer calls. */
import {
  AUDIT_ARCH_X86_64,
  EDOM,
  EEXIST,
  ENOSYS,
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
} from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { INSTRUCTION_WORDS, MAX_INSTRUCTIONS } from "../linux/seccomp.ts";
import { enosysPrologue, type Newest, X32_SYSCALL_BIT } from "./enosys.ts";
import {
  architectureNumber,
  callNumber,
  LibseccompFilter,
  NATIVE_ARCHITECTURE,
} from "./libseccomp.ts";
import type { Profile, Rule } from "./profile.ts";

/** From so many rules on, a search is quicker than comparing them one after another; runc's number. */
const MANY_RULES = 32;

/** Throws a Failure that points to what is wrong. */
export function compile(profile: Profile): Uint32Array {
  const filter = new LibseccompFilter(profile.defaultAction);
  try {
    addArchitectures(filter, profile);
    const count = profile.rules.reduce((sum, { names }) => sum + names.length, 0);
    if (count > MANY_RULES) filter.makeBinaryTree();
    for (const rule of profile.rules)
      if (rule.action !== profile.defaultAction) addRule(filter, rule);
    return assemble(profile, filter.export());
  } finally {
    filter.release();
  }
}

/** One that is there already, be it the native one, need not be added. */
function addArchitectures(filter: LibseccompFilter, { architectures }: Profile): void {
  for (const { name, pointer } of architectures)
    try {
      filter.addArchitecture(architectureNumber(name));
    } catch (cause) {
      if (isErrno(cause, EEXIST)) continue;
      throw new Failure(`filtering the system calls of ${name}`, {
        cause,
        pointer,
        hint: isErrno(cause, EDOM)
          ? "its byte order is not this machine's: no program of it can run here"
          : undefined,
      });
    }
}

/** Names that no architecture knows are skipped: a profile is written for many kernels. */
function addRule(filter: LibseccompFilter, { names, action, alternatives, pointer }: Rule): void {
  const native = architectureNumber(NATIVE_ARCHITECTURE);
  names.forEach((name, i) => {
    const call = callNumber(name, native);
    if (call === undefined) return;
    try {
      for (const conditions of alternatives) filter.addRule(action, call, conditions);
    } catch (cause) {
      throw new Failure(`adding a seccomp rule for ${name}`, {
        cause,
        pointer: `${pointer}/names/${i}`,
        hint: isErrno(cause, EEXIST)
          ? "an earlier rule has the same conditions and another action"
          : undefined,
      });
    }
  });
}

function assemble(profile: Profile, program: Uint32Array): Uint32Array {
  const prologue = answersNewer(profile) ? enosysPrologue(newestCalls(profile)).flat() : [];
  const whole = new Uint32Array(prologue.length + program.length);
  whole.set(prologue);
  whole.set(program, prologue.length);
  const length = whole.length / INSTRUCTION_WORDS;
  if (length > MAX_INSTRUCTIONS)
    throw new Failure(
      `the seccomp filter has ${length} instructions, and the kernel takes ${MAX_INSTRUCTIONS}`,
      { pointer: "/linux/seccomp", hint: "use fewer rules with args, or fewer architectures" },
    );
  return whole;
}

/** Calls that are let through reach the kernel, and those that are traced a tracer, which both answer for themselves. */
function answersNewer({ defaultAction }: Profile): boolean {
  const action = (defaultAction & SECCOMP_RET_ACTION_FULL) >>> 0;
  return (
    action !== SECCOMP_RET_ALLOW &&
    action !== SECCOMP_RET_LOG &&
    action !== SECCOMP_RET_TRACE &&
    defaultAction !== (SECCOMP_RET_ERRNO | ENOSYS)
  );
}

/** For each architecture that the filter is for; without those of which the profile names no call. */
function newestCalls({ architectures, rules }: Profile): Newest[] {
  const names = new Set([NATIVE_ARCHITECTURE, ...architectures.map(({ name }) => name)]);
  const newest = new Map<number, Newest>();
  for (const name of names) {
    const architecture = architectureNumber(name);
    const number = highest(rules, architecture);
    if (number === undefined) continue;
    const isX32 = name === "x32";
    const kernels = isX32 ? AUDIT_ARCH_X86_64 : architecture;
    const known = newest.get(kernels);
    if (kernels !== AUDIT_ARCH_X86_64) newest.set(kernels, { architecture: kernels, number });
    else
      newest.set(kernels, {
        architecture: kernels,
        number: isX32 ? known?.number : number,
        x32: isX32 ? (number | X32_SYSCALL_BIT) >>> 0 : known?.x32,
      });
  }
  return [...newest.values()];
}

/** The highest number of the calls that the rules name, if they name one that the architecture has. */
function highest(rules: readonly Rule[], architecture: number): number | undefined {
  let most: number | undefined;
  for (const { names } of rules)
    for (const name of names) {
      const number = callNumber(name, architecture) ?? -1;
      if (number >= 0 && number > (most ?? 0)) most = number;
    }
  return most;
}
