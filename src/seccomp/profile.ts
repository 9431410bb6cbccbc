/** linux.seccomp read and checked (config-linux.md, "Seccomp"). */
import type {
  LinuxSeccomp,
  LinuxSeccompAction,
  LinuxSeccompArg,
  LinuxSyscall,
} from "@opencontainers-types";
import {
  EPERM,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_RET_DATA,
  SECCOMP_RET_USER_NOTIF,
} from "#abi";
import { Failure, pointerTo } from "../failure.ts";
import { ACTIONS, ARCHITECTURES, FLAGS, OPERATORS } from "./names.ts";

const SECCOMP = "/linux/seccomp";

/** `struct scmp_arg_cmp` in words; both operands are exact to 64 bits. */
export interface Condition {
  argument: number;
  operator: number;
  operands: readonly [number | bigint, number | bigint];
}

export interface Rule {
  names: readonly string[];
  /** SECCOMP_RET_* with its data. */
  action: number;
  /** All of a list must hold, and one list is enough; none at all holds always. */
  alternatives: readonly (readonly Condition[])[];
  pointer: string;
}

export interface Profile {
  /** SECCOMP_RET_* with its data. */
  defaultAction: number;
  /** Besides the native one, by libseccomp's names. */
  architectures: readonly { name: string; pointer: string }[];
  rules: readonly Rule[];
  /** SECCOMP_FILTER_FLAG_*, NEW_LISTENER included. */
  flags: number;
}

/** Reads a profile that keeps to its schema. Throws a Failure that points to what is wrong. */
export function readProfile(seccomp: LinuxSeccomp): Profile {
  const { defaultErrnoRet, architectures = [], syscalls = [] } = seccomp;
  const defaultAction = readAction(seccomp.defaultAction, defaultErrnoRet, {
    action: `${SECCOMP}/defaultAction`,
    errno: `${SECCOMP}/defaultErrnoRet`,
  });
  const rules = syscalls.map(readRule);
  const notifies = [defaultAction, ...rules.map(({ action }) => action)].some(
    (action) => action === SECCOMP_RET_USER_NOTIF,
  );
  return {
    defaultAction,
    architectures: architectures.map((architecture, i) => ({
      name: ARCHITECTURES[architecture],
      pointer: pointerTo("linux", "seccomp", "architectures", i),
    })),
    rules,
    flags: readFlags(seccomp.flags, notifies) | (notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0),
  };
}

/** Without a list, runc asks for SPEC_ALLOW: no speculation is given up for a filter's sake. */
function readFlags(flags: LinuxSeccomp["flags"], notifies: boolean): number {
  if (flags === undefined) return SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  return flags.reduce((bits, flag, i) => {
    if (FLAGS[flag] === SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !notifies)
      throw new Failure(`${flag} is for filters with SCMP_ACT_NOTIFY only`, {
        pointer: pointerTo("linux", "seccomp", "flags", i),
        hint: "remove the flag",
      });
    return bits | FLAGS[flag];
  }, 0);
}

/** The largest errno that libseccomp takes, one less than the kernel's own (include/linux/err.h). */
const MAX_ERRNO = 4094;

/** The largest data of each action that has some. */
const DATA_MAX: Partial<Record<LinuxSeccompAction, number>> = {
  SCMP_ACT_ERRNO: MAX_ERRNO,
  SCMP_ACT_TRACE: SECCOMP_RET_DATA,
};

/** "When the action doesn't support an errno, the runtime MUST print an error and fail." */
function readAction(
  name: LinuxSeccompAction | "",
  errno: number | undefined,
  pointers: { action: string; errno: string },
): number {
  if (name === "")
    throw new Failure("seccomp rules need a default action", {
      pointer: pointers.action,
      hint: "for example SCMP_ACT_ERRNO",
    });
  const most = DATA_MAX[name];
  if (most === undefined) {
    if (errno === undefined) return ACTIONS[name];
    throw new Failure(`${name} returns no errno, and here is ${errno}`, {
      pointer: pointers.errno,
    });
  }
  if (errno !== undefined && errno > most)
    throw new Failure(`${name} returns an errno of at most ${most}, not ${errno}`, {
      pointer: pointers.errno,
    });
  return (ACTIONS[name] | (errno ?? EPERM)) >>> 0;
}

function readRule({ names, action, errnoRet, args = [] }: LinuxSyscall, i: number): Rule {
  const pointer = pointerTo("linux", "seccomp", "syscalls", i);
  const nameless = names.indexOf("");
  if (nameless >= 0)
    throw new Failure("the empty string is no system call", {
      pointer: `${pointer}/names/${nameless}`,
    });
  return {
    names,
    action: readAction(action, errnoRet, {
      action: `${pointer}/action`,
      errno: `${pointer}/errnoRet`,
    }),
    alternatives: alternativesOf(args.map((arg, j) => readCondition(arg, `${pointer}/args/${j}`))),
    pointer,
  };
}

/** A system call has six arguments (syscall(2)). */
const LAST_ARGUMENT = 5;

function readCondition(
  { index, value, valueTwo = 0, op }: LinuxSeccompArg,
  pointer: string,
): Condition {
  if (index > LAST_ARGUMENT)
    throw new Failure(`a system call has no argument ${index}: they go from 0 to 5`, {
      pointer: `${pointer}/index`,
    });
  return { argument: index, operator: OPERATORS[op], operands: [value, valueTwo] };
}

/**
 * All conditions must hold; but where two are about the same argument, libseccomp has no way to say so, and each of all
 * of them is enough, as with runc.
 */
function alternativesOf(conditions: Condition[]): Condition[][] {
  const compared = new Set(conditions.map(({ argument }) => argument));
  return compared.size === conditions.length ? [conditions] : conditions.map((each) => [each]);
}
