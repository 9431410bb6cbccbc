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
  EACCES,
  ENOENT,
  EPERM,
} from "#abi";
import { Failure } from "../../failure.ts";
import {
  Assembler,
  attachToCgroup,
  detachFromCgroup,
  loadProgram,
  openProgram,
  programName,
  programsOfCgroup,
} from "../../linux/bpf.ts";
import { isRootless } from "../../linux/credentials.ts";
import { isErrno, unless } from "../../linux/errno.ts";
import { close, using } from "../../linux/fs.ts";
import {
  type DeviceRule,
  EVERY_ACCESS,
  matchesEverything,
  readDeviceRules,
  withDefaults,
} from "./rules.ts";

/** By which a filter of tsrun is told from those of others in the same group: systemd's, an engine's. */
const FILTER_NAME = "tsrun_devices";

/**
 * Lets the processes of a new group use the devices that the config's rules and the default ones allow, and no others. As
 * with runc, a config without rules gets the default ones. Throws a Failure.
 */
export function applyDeviceFilter(group: number, devices: readonly LinuxDeviceCgroup[] = []): void {
  limiting(() => setFilter(group, devices, []));
}

/**
 * The same for a group that has a filter already: there is no moment without one, and one is left in the end, also where
 * a killed update has left two. Filters of others stay. Throws a Failure; then the old filter holds.
 */
export function replaceDeviceFilter(
  group: number,
  devices: readonly LinuxDeviceCgroup[] = [],
): void {
  limiting(() => {
    const present = ownFilters(group);
    try {
      setFilter(group, devices, present);
    } finally {
      present.forEach(close);
    }
  });
}

/** Attaches the filter in the place of those that are present; a group that allows everything has none. */
function setFilter(
  group: number,
  devices: readonly LinuxDeviceCgroup[],
  present: readonly number[],
): void {
  const program = deviceProgram(withDefaults(readDeviceRules(devices)));
  let outdated = present;
  if (program !== undefined) {
    const [replaced, ...others] = present;
    using(loadProgram(BPF_PROG_TYPE_CGROUP_DEVICE, FILTER_NAME, program), (loaded) =>
      attachToCgroup(group, loaded, BPF_CGROUP_DEVICE, replaced),
    );
    outdated = others;
  }
  for (const filter of outdated) detachFromCgroup(group, filter, BPF_CGROUP_DEVICE);
}

/** Descriptors of tsrun's filters in a group. */
function ownFilters(group: number): number[] {
  return programsOfCgroup(group, BPF_CGROUP_DEVICE).flatMap((id) => {
    // Others may remove theirs meanwhile, and a security module may keep theirs from being opened.
    const program = unless([ENOENT, EACCES], () => openProgram(id));
    if (program === undefined) return [];
    if (programName(program) === FILTER_NAME) return [program];
    close(program);
    return [];
  });
}

/**
 * Runs a step of limiting. In a user namespace nobody may load a filter, and nothing is lost by that: its root can make
 * no device nodes, and opens those of the host with no more than the caller's own rights. runc and crun go on, too.
 */
function limiting(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (isErrno(error, EPERM) && isRootless()) return;
    throw new Failure("limiting the container to its devices", {
      cause: error,
      pointer: "/linux/resources/devices",
      hint: remedy(error),
    });
  }
}

function remedy(error: unknown): string | undefined {
  if (isErrno(error, EPERM)) return "that takes CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN";
  return error instanceof RangeError ? "use fewer rules, or wider ones" : undefined;
}

/** Where the program keeps what it is asked about (struct bpf_cgroup_dev_ctx). */
const TYPE = BPF_REG_2;
/** The accesses asked for that no rule has allowed yet. */
const ACCESS = BPF_REG_3;
const MINOR = BPF_REG_4;
/** A number that is compared once. */
const NUMBER = BPF_REG_5;

/** Offsets of the numbers in the context. */
const MAJOR_AT = 4;
const MINOR_AT = 8;

const EQUAL = BPF_JMP32 | BPF_JEQ | BPF_K;
const DIFFERENT = BPF_JMP32 | BPF_JNE | BPF_K;
const SHARES_BITS = BPF_JMP32 | BPF_JSET | BPF_K;

/**
 * The program for rules that apply in order: each of read, write and mknod is decided by the last rule that matches it,
 * and what none matches is denied; a request is granted if all its parts are. undefined if everything is allowed.
 *
 * For the lists that engines write this is what runc does. Where it differs, it keeps the specification's order: runc
 * refuses to deny a part of what an earlier rule allowed, and ignores the denial of more than that; it forgets that a
 * rule for both types names a device or an access; it wants one rule to decide about all parts of a request.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint32Array | undefined {
  const { tests, otherwise } = decisive(rules);
  if (otherwise && tests.length === 0) return undefined;
  const program = new Assembler();
  const verdicts: Verdicts = { allow: [], deny: [] };
  program.emit(BPF_LDX | BPF_MEM | BPF_H, TYPE, BPF_REG_1, 0, 0);
  program.emit(BPF_LDX | BPF_MEM | BPF_H, ACCESS, BPF_REG_1, 2, 0);
  program.emit(BPF_LDX | BPF_MEM | BPF_W, MINOR, BPF_REG_1, MINOR_AT, 0);
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
  const tests = withoutRepetitions(last < 0 ? backwards : backwards.slice(0, last));
  while (tests.at(-1)?.allow === otherwise) tests.pop();
  return { tests, otherwise };
}

/** The rules but for those about devices that rules before them decide: engines list the default devices, too. */
function withoutRepetitions(rules: readonly DeviceRule[]): DeviceRule[] {
  const decided = new Map<string, number>();
  return rules.filter(({ type, major, minor, access }) => {
    const devices = `${type} ${major}:${minor}`;
    const before = decided.get(devices) ?? 0;
    decided.set(devices, before | access);
    return (access & ~before) !== 0;
  });
}

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
    const skip = jumpUnless(program, MAJOR_AT, run[0]?.major);
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
  const skip = jumpUnless(program, MINOR_AT, minor);
  if (rule.allow) {
    program.emit(BPF_ALU64 | BPF_AND | BPF_K, ACCESS, 0, 0, ~access);
    verdict.push(program.jump(EQUAL, ACCESS, 0));
  } else verdict.push(program.jump(SHARES_BITS, ACCESS, access));
  if (skip !== undefined) program.land(skip);
  return false;
}

/**
 * A jump for requests with another number than the rule's, if that has one. The number is loaded each time: where the
 * verifier knows what a register holds after a comparison, it goes through the rest of the program once more for that
 * value, and takes a second for a thousand rules.
 */
function jumpUnless(program: Assembler, offset: number, value?: number): number | undefined {
  if (value === undefined) return undefined;
  program.emit(BPF_LDX | BPF_MEM | BPF_W, NUMBER, BPF_REG_1, offset, 0);
  return program.jump(DIFFERENT, NUMBER, value);
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
