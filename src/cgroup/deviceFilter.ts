/** The eBPF program that decides which devices the processes of a group may use (BPF_PROG_TYPE_CGROUP_DEVICE). */
import type { LinuxDeviceCgroup } from "@opencontainers-types";
import {
  BPF_ALU64,
  BPF_AND,
  BPF_CGROUP_DEVICE,
  BPF_DEVCG_DEV_BLOCK,
  BPF_DEVCG_DEV_CHAR,
  BPF_EXIT,
  BPF_H,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_PROG_TYPE_CGROUP_DEVICE,
  BPF_REG_0,
  BPF_REG_1,
  BPF_REG_2,
  BPF_REG_3,
  BPF_REG_4,
  BPF_REG_5,
  BPF_W,
  EPERM,
} from "#abi";
import { Failure } from "../failure.ts";
import { Assembler, attachToCgroup, loadProgram } from "../linux/bpf.ts";
import { isErrno } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { DEFAULT_RULES, type DeviceRule, EVERY_ACCESS, readDeviceRules } from "./deviceRules.ts";

/**
 * Lets the processes of a group use the devices that the config's rules and the default ones allow, and no others. As
 * with runc, a config without rules gets the default ones. Throws a Failure.
 */
export function applyDeviceFilter(group: number, devices: readonly LinuxDeviceCgroup[] = []): void {
  const program = deviceProgram([...readDeviceRules(devices), ...DEFAULT_RULES]);
  // A group without a program is one that allows everything, within what the groups above it allow.
  if (program === undefined) return;
  try {
    using(loadProgram(BPF_PROG_TYPE_CGROUP_DEVICE, "tsrun_devices", program), (loaded) =>
      attachToCgroup(group, loaded, BPF_CGROUP_DEVICE),
    );
  } catch (error) {
    throw new Failure("limiting the container to its devices", {
      cause: error,
      pointer: "/linux/resources/devices",
      hint: isErrno(error, EPERM)
        ? "that takes CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN"
        : undefined,
    });
  }
}

/** Where the program keeps what it is asked about (struct bpf_cgroup_dev_ctx). */
const TYPE = BPF_REG_2;
/** The accesses asked for that no rule has allowed yet. */
const ACCESS = BPF_REG_3;
const MAJOR = BPF_REG_4;
const MINOR = BPF_REG_5;

const EQUAL = BPF_JMP32 | BPF_JEQ | BPF_K;
const DIFFERENT = BPF_JMP32 | BPF_JNE | BPF_K;
const SHARES_BITS = BPF_JMP32 | BPF_JSET | BPF_K;

/**
 * The program for rules that apply in order: each of read, write and mknod is decided by the last rule that matches it,
 * and what none matches is denied; a request is granted if all its parts are. undefined if everything is allowed.
 *
 * For an allow list this is what runc does. Where it differs, it keeps the specification's order: runc refuses to deny
 * part of what an earlier rule allowed, forgets that a rule for both types names a device or an access, and lets a
 * file be opened for reading and writing if only one of the two is denied.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint32Array | undefined {
  const { tests, otherwise } = decisive(rules);
  if (otherwise && tests.length === 0) return undefined;
  const program = new Assembler();
  const verdicts: Verdicts = { allow: [], deny: [] };
  program.emit(BPF_LDX | BPF_MEM | BPF_H, TYPE, BPF_REG_1, 0, 0);
  program.emit(BPF_LDX | BPF_MEM | BPF_H, ACCESS, BPF_REG_1, 2, 0);
  program.emit(BPF_LDX | BPF_MEM | BPF_W, MAJOR, BPF_REG_1, 4, 0);
  program.emit(BPF_LDX | BPF_MEM | BPF_W, MINOR, BPF_REG_1, 8, 0);
  testTypes(program, tests, verdicts);
  const [first, second] = otherwise
    ? [verdicts.allow, verdicts.deny]
    : [verdicts.deny, verdicts.allow];
  end(program, first, otherwise);
  if (second.length > 0) end(program, second, !otherwise);
  return program.assemble();
}

/** Jumps to the two ends of the program. */
interface Verdicts {
  allow: number[];
  deny: number[];
}

/** The rules worth testing, the last of the config first, and what holds if none of them decides. */
function decisive(rules: readonly DeviceRule[]): { tests: DeviceRule[]; otherwise: boolean } {
  const backwards = rules.toReversed();
  const last = backwards.findIndex(matchesEverything);
  const otherwise = last >= 0 && (backwards[last] as DeviceRule).allow;
  const tests = last < 0 ? backwards : backwards.slice(0, last);
  while (tests.at(-1)?.allow === otherwise) tests.pop();
  return { tests, otherwise };
}

const matchesEverything = ({ type, major, minor, access }: DeviceRule): boolean =>
  type === undefined && major === undefined && minor === undefined && access === EVERY_ACCESS;

/** Tests rules of one type, and of one major number, under one comparison: most rules share them. */
function testTypes(program: Assembler, rules: readonly DeviceRule[], verdicts: Verdicts): void {
  for (const run of runs(rules, "type")) {
    const type = run[0]?.type;
    const value = type === "b" ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    const skip = type === undefined ? undefined : program.jump(DIFFERENT, TYPE, value);
    testMajors(program, run, verdicts);
    if (skip !== undefined) program.land(skip);
  }
}

function testMajors(program: Assembler, rules: readonly DeviceRule[], verdicts: Verdicts): void {
  for (const run of runs(rules, "major")) {
    const major = run[0]?.major;
    const skip = major === undefined ? undefined : program.jump(DIFFERENT, MAJOR, major);
    const decided = run.some((rule) => testMinorAndAccess(program, rule, verdicts));
    if (skip !== undefined) program.land(skip);
    // The kernel refuses programs with instructions that nothing leads to.
    else if (decided) return;
  }
}

/** True if the rule decides every request that comes to it, so that no rule after it is ever asked. */
function testMinorAndAccess(program: Assembler, rule: DeviceRule, verdicts: Verdicts): boolean {
  const { minor, access } = rule;
  const verdict = rule.allow ? verdicts.allow : verdicts.deny;
  if (access === EVERY_ACCESS) {
    verdict.push(minor === undefined ? program.jump() : program.jump(EQUAL, MINOR, minor));
    return minor === undefined;
  }
  const skip = minor === undefined ? undefined : program.jump(DIFFERENT, MINOR, minor);
  if (rule.allow) {
    program.emit(BPF_ALU64 | BPF_AND | BPF_K, ACCESS, 0, 0, ~access);
    verdict.push(program.jump(EQUAL, ACCESS, 0));
  } else verdict.push(program.jump(SHARES_BITS, ACCESS, access));
  if (skip !== undefined) program.land(skip);
  return false;
}

/** The rules cut where the field's value changes. */
function runs(rules: readonly DeviceRule[], field: "type" | "major"): DeviceRule[][] {
  const found: DeviceRule[][] = [];
  for (const rule of rules) {
    const run = found.at(-1);
    if (run?.[0]?.[field] === rule[field] && run !== undefined) run.push(rule);
    else found.push([rule]);
  }
  return found;
}

/** Where a verdict's jumps land: the program's result is 1 to allow and 0 to deny. */
function end(program: Assembler, jumps: readonly number[], allow: boolean): void {
  for (const jump of jumps) program.land(jump);
  program.emit(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow ? 1 : 0);
  program.emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}
