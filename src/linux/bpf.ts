/** Programs for the kernel's eBPF machine (bpf(2)): assembled, loaded, attached to cgroups. */

import {
  BPF_F_ALLOW_MULTI,
  BPF_JA,
  BPF_JMP,
  BPF_OBJ_NAME_LEN,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  SYS_bpf,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { cString, struct } from "./struct.ts";
import { encode } from "./text.ts";

/** How far a jump reaches: its offset is a signed 16-bit number of instructions. */
const JUMP_MAX = 0x7fff;

/** Instructions in the order of execution, and jumps forward to places that are not known yet. */
export class Assembler {
  /** `struct bpf_insn`, each as two words: code, registers and offset; immediate value. */
  private readonly words: number[] = [];

  /** Appends an instruction (linux/bpf.h: BPF class | operation | source). */
  emit(code: number, destination: number, source: number, offset: number, value: number): void {
    this.words.push(code | (destination << 8) | (source << 12) | (offset << 16), value);
  }

  /** Appends a jump, on a comparison of a register with a value or always; `land` says where to. */
  jump(code: number = BPF_JMP | BPF_JA, register = 0, value = 0): number {
    this.emit(code, register, 0, 0, value);
    return this.words.length;
  }

  /** Makes a jump lead to the next instruction. Throws a RangeError if that is too far. */
  land(jump: number): void {
    const distance = (this.words.length - jump) / 2;
    if (distance > JUMP_MAX) throw new RangeError("a jump in a BPF program is too long");
    this.words[jump - 2] = (this.words[jump - 2] as number) | (distance << 16);
  }

  assemble(): Uint32Array {
    return Uint32Array.from(this.words);
  }
}

/** The members of `union bpf_attr` for BPF_PROG_LOAD, up to the name. */
const loadAttributes = struct({
  prog_type: "u32",
  insn_cnt: "u32",
  insns: "pointer",
  license: "pointer",
  log_level: "u32",
  log_size: "u32",
  log_buf: "u64",
  kern_version: "u32",
  prog_flags: "u32",
  prog_name: "u64",
  prog_name_end: "u64",
});

/** Loads a program; the kernel shows `name` (at most 15 letters, digits, `_` and `.`). Returns its descriptor. */
export function loadProgram(type: number, name: string, instructions: Uint32Array): number {
  const attributes = loadAttributes.pack({
    prog_type: type,
    insn_cnt: instructions.length / 2,
    insns: instructions,
    license: cString("Apache-2.0"),
  });
  attributes.set(
    encode(name).subarray(0, BPF_OBJ_NAME_LEN - 1),
    loadAttributes.offset("prog_name"),
  );
  const result = syscall(SYS_bpf, BPF_PROG_LOAD, attributes, attributes.length);
  return check(result, "bpf", "BPF_PROG_LOAD", name);
}

const attachAttributes = struct({
  target_fd: "u32",
  attach_bpf_fd: "u32",
  attach_type: "u32",
  attach_flags: "u32",
});

/**
 * Attaches a program to a cgroup, for as long as there is the group. Programs of the groups above and below go on being
 * asked too (BPF_F_ALLOW_MULTI).
 */
export function attachToCgroup(group: number, program: number, type: number): void {
  const attributes = attachAttributes.pack({
    target_fd: group,
    attach_bpf_fd: program,
    attach_type: type,
    attach_flags: BPF_F_ALLOW_MULTI,
  });
  const result = syscall(SYS_bpf, BPF_PROG_ATTACH, attributes, attributes.length);
  check(result, "bpf", "BPF_PROG_ATTACH", group);
}
