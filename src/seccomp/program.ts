/** Classic BPF, as the kernel runs it on a `struct seccomp_data` (seccomp(2)). */
import {
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_RET,
  BPF_W,
  STRUCT_seccomp_data,
} from "#abi";
import { INSTRUCTION_WORDS } from "../linux/seccomp.ts";

/** An instruction as its two words; jumps count instructions from the next one on. */
export type Instruction = readonly [operation: number, value: number];

const instruction = (code: number, value: number, then = 0, otherwise = 0): Instruction => [
  (code | (then << 16) | (otherwise << 24)) >>> 0,
  value,
];

export const load = (field: "nr" | "arch"): Instruction =>
  instruction(BPF_LD | BPF_W | BPF_ABS, STRUCT_seccomp_data.members[field].offset);
export const jump = (distance: number): Instruction => instruction(BPF_JMP | BPF_JA, distance);
export const ifEqual = (value: number, then: number, otherwise: number): Instruction =>
  instruction(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise);
export const ifGreater = (value: number, then: number, otherwise: number): Instruction =>
  instruction(BPF_JMP | BPF_JGT | BPF_K, value, then, otherwise);
export const ifBits = (bits: number, then: number, otherwise: number): Instruction =>
  instruction(BPF_JMP | BPF_JSET | BPF_K, bits, then, otherwise);
export const give = (action: number): Instruction => instruction(BPF_RET | BPF_K, action);

export interface SystemCall {
  /** AUDIT_ARCH_* */
  architecture: number;
  number: number;
}

/** How a jump decides. */
type Comparison = (accumulator: number, value: number) => boolean;

const COMPARISONS: Readonly<Record<number, Comparison>> = {
  [BPF_JEQ]: (accumulator, value) => accumulator === value,
  [BPF_JGT]: (accumulator, value) => accumulator > value,
  [BPF_JGE]: (accumulator, value) => accumulator >= value,
  [BPF_JSET]: (accumulator, value) => (accumulator & value) !== 0,
};

/**
 * What a program may return for a system call whatever its arguments are: where it compares an argument, both ways are
 * gone. Throws an Error for instructions that libseccomp does not use.
 */
export function possibleActions(
  program: Uint32Array,
  { architecture, number }: SystemCall,
): Set<number> {
  const { nr, arch } = STRUCT_seccomp_data.members;
  const known = new Map<number, number>([
    [nr.offset, number],
    [arch.offset, architecture],
  ]);
  const actions = new Set<number>();
  const seen = new Set<string>();
  const ways: [at: number, accumulator: number | undefined][] = [[0, 0]];
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    const [at, accumulator] = way;
    if (seen.has(`${way}`)) continue;
    seen.add(`${way}`);
    const operation = program[at * INSTRUCTION_WORDS] as number;
    const value = program[at * INSTRUCTION_WORDS + 1] as number;
    const [code, then, otherwise] = [
      operation & 0xffff,
      (operation >> 16) & 0xff,
      operation >>> 24,
    ];
    const comparison = COMPARISONS[code & 0xf0];
    if (code === (BPF_RET | BPF_K)) actions.add(value);
    else if (code === (BPF_LD | BPF_W | BPF_ABS)) ways.push([at + 1, known.get(value)]);
    else if (code === (BPF_ALU | BPF_AND | BPF_K))
      ways.push([at + 1, accumulator === undefined ? undefined : (accumulator & value) >>> 0]);
    else if (code === (BPF_JMP | BPF_JA)) ways.push([at + 1 + value, accumulator]);
    else if ((code & 0x0f) === (BPF_JMP | BPF_K) && comparison) {
      const holds = accumulator === undefined ? undefined : comparison(accumulator, value);
      if (holds !== false) ways.push([at + 1 + then, accumulator]);
      if (holds !== true) ways.push([at + 1 + otherwise, accumulator]);
    } else throw new Error(`a filter with the instruction ${code} at ${at}`);
  }
  return actions;
}
