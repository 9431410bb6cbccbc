/**
 * The answer to system calls that are newer than a profile: ENOSYS, as by a kernel that does not have them. Programs then
 * do without, where they would take a profile's EPERM for a refusal. What is newer is told by the number: higher than
 * that of every call that the profile names, for each architecture by itself. So does runc.
 */
import { ENOSYS, SECCOMP_RET_ERRNO } from "#abi";
import { give, type Instruction, ifBits, ifEqual, ifGreater, jump, load } from "./program.ts";

/** Bit 30 of a call's number says that a process of AUDIT_ARCH_X86_64 makes it by the x32 ABI (asm/unistd.h). */
export const X32_SYSCALL_BIT = 0x4000_0000;

/** No number of a system call is greater. */
const NONE = 0xffff_ffff;

/** The highest numbers that a profile names; undefined where it names no call of that kind. */
export interface Newest {
  /** AUDIT_ARCH_* */
  architecture: number;
  number: number | undefined;
  /** Only of AUDIT_ARCH_X86_64, and with X32_SYSCALL_BIT. */
  x32?: number | undefined;
}

/** Instructions that come before a filter, and go on into it for what is not newer. */
export function enosysPrologue(newest: readonly Newest[]): Instruction[] {
  let following: Instruction[] = [];
  for (const each of newest.toReversed()) {
    const section = sectionFor(each, following.length);
    following = [ifEqual(each.architecture, 0, section.length), ...section, ...following];
  }
  return following.length === 0 ? [] : [load("arch"), ...following];
}

/** `following`: how many instructions are between the section and the filter. */
function sectionFor(newest: Newest, following: number): Instruction[] {
  const { number = NONE, x32 = NONE } = newest;
  const answer = [give(SECCOMP_RET_ERRNO | ENOSYS), jump(following)];
  if (!("x32" in newest)) return [load("nr"), ifGreater(number, 0, 1), ...answer];
  return [
    load("nr"),
    ifBits(X32_SYSCALL_BIT, 1, 0),
    ifGreater(number, 1, 2),
    ifGreater(x32, 0, 1),
    ...answer,
  ];
}
