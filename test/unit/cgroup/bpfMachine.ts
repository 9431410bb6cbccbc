/** A machine for the eBPF instructions that device filters are made of (linux/bpf.h; RFC 9669). */
import {
  BPF_ALU64,
  BPF_AND,
  BPF_EXIT,
  BPF_H,
  BPF_JA,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_W,
} from "#abi";

interface Instruction {
  code: number;
  destination: number;
  source: number;
  offset: number;
  value: number;
}

const decode = (first: number, second: number): Instruction => ({
  code: first & 0xff,
  destination: (first >> 8) & 0xf,
  source: (first >> 12) & 0xf,
  offset: first >> 16,
  value: second | 0,
});

/** A program's instructions. */
export function instructionsOf(program: Uint32Array): Instruction[] {
  const words = Int32Array.from(program);
  return Array.from({ length: words.length / 2 }, (_, i) =>
    decode(words[2 * i] as number, words[2 * i + 1] as number),
  );
}

/**
 * Makes a program ready to run on contexts; it returns register 0. Registers hold what fits into 32 bits without a sign:
 * device filters load no more, and their 64-bit operations do not leave that.
 */
export function machine(program: Uint32Array): (context: DataView) => number {
  const instructions = instructionsOf(program);
  const registers = new Uint32Array(11);
  return (context) => {
    for (let at = 0; ; at++) {
      const instruction = instructions[at];
      if (instruction === undefined) throw new Error(`execution left the program at ${at}`);
      const { code, destination, offset, value } = instruction;
      const register = registers[destination] as number;
      if (code === (BPF_JMP | BPF_EXIT)) return registers[0] as number;
      if (code === (BPF_JMP | BPF_JA)) at += offset;
      else if ((code & 7) === BPF_JMP32) at += jumps(code, register, value >>> 0) ? offset : 0;
      else registers[destination] = result(instruction, register, context);
    }
  };
}

function jumps(code: number, register: number, value: number): boolean {
  if (code === (BPF_JMP32 | BPF_JEQ)) return register === value;
  if (code === (BPF_JMP32 | BPF_JNE)) return register !== value;
  if (code === (BPF_JMP32 | BPF_JSET)) return (register & value) !== 0;
  throw new Error(`unknown jump ${code}`);
}

function result({ code, offset, value }: Instruction, register: number, context: DataView): number {
  if (code === (BPF_LDX | BPF_MEM | BPF_W)) return context.getUint32(offset, true);
  if (code === (BPF_LDX | BPF_MEM | BPF_H)) return context.getUint16(offset, true);
  if (code === (BPF_ALU64 | BPF_AND)) return register & value;
  if (code === (BPF_ALU64 | BPF_MOV) && value >= 0) return value;
  throw new Error(`unknown instruction ${code} ${value}`);
}

/** The indexes of the instructions that no execution can come to: the kernel refuses a program with such. */
export function unreachable(program: Uint32Array): number[] {
  const instructions = instructionsOf(program);
  const reached = new Set([0]);
  instructions.forEach(({ code, offset }, at) => {
    // All jumps lead forward, so one pass sees everything.
    if (!reached.has(at) || code === (BPF_JMP | BPF_EXIT)) return;
    if (code !== (BPF_JMP | BPF_JA)) reached.add(at + 1);
    if ((code & 7) === BPF_JMP || (code & 7) === BPF_JMP32) reached.add(at + 1 + offset);
  });
  return instructions.map((_, at) => at).filter((at) => !reached.has(at));
}
