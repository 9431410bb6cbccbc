/** A machine for the classic BPF that filters of system calls are made of (linux/bpf_common.h, seccomp(2)). */
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

export interface Call {
  /** AUDIT_ARCH_* */
  architecture: number;
  number: number;
  args?: readonly bigint[];
}

/** `struct seccomp_data` in words, little-endian as the machines that tsrun is for. */
function dataOf({ architecture, number, args = [] }: Call): Uint32Array {
  const bytes = new Uint8Array(STRUCT_seccomp_data.size);
  const view = new DataView(bytes.buffer);
  const { nr, arch, args: arguments_ } = STRUCT_seccomp_data.members;
  view.setUint32(nr.offset, number, true);
  view.setUint32(arch.offset, architecture, true);
  args.forEach((value, i) => {
    view.setBigUint64(arguments_.offset + 8 * i, value, true);
  });
  return new Uint32Array(bytes.buffer);
}

/** What a program returns for a call, as the kernel would have it: an Error where that would not load it. */
export function run(program: Uint32Array, call: Call): number {
  const data = dataOf(call);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const [operation, value] = [program[at * 2], program[at * 2 + 1]];
    if (operation === undefined || value === undefined) throw new Error(`left at ${at}`);
    const [code, then, otherwise] = [
      operation & 0xffff,
      (operation >> 16) & 0xff,
      operation >>> 24,
    ];
    const decide = (holds: boolean) => {
      at += holds ? then : otherwise;
    };
    switch (code) {
      case BPF_LD | BPF_W | BPF_ABS: {
        const word = data[value / 4];
        if (word === undefined) throw new Error(`loads from ${value}`);
        accumulator = word;
        break;
      }
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator = (accumulator & value) >>> 0;
        break;
      case BPF_JMP | BPF_JA | BPF_K:
        at += value;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        decide(accumulator === value);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        decide(accumulator > value);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        decide(accumulator >= value);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        decide((accumulator & value) !== 0);
        break;
      case BPF_RET | BPF_K:
        return value;
      default:
        throw new Error(`the instruction ${code} at ${at}`);
    }
  }
}
