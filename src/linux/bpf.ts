/** Programs for the kernel's eBPF machine (bpf(2)): assembled, loaded, attached to cgroups and found there. */

import {
  BPF_F_ALLOW_MULTI,
  BPF_F_REPLACE,
  BPF_JA,
  BPF_JMP,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_NAME_LEN,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_LOAD,
  BPF_PROG_QUERY,
  EAGAIN,
  SYS_bpf,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { cString, type Packed, struct } from "./struct.ts";
import { decode, encode } from "./text.ts";

/** How far a jump reaches: its offset is a signed 16-bit number of instructions. */
const JUMP_MAX = 0x7fff;

/** How many undecided jumps in a row the verifier follows (BPF_COMPLEXITY_LIMIT_JMP_SEQ in kernel/bpf/verifier.c). */
const COMPARISONS_MAX = 8192;

/** Instructions in the order of execution, and jumps forward to places that are not known yet. */
export class Assembler {
  /** `struct bpf_insn`, each as two words: code, registers and offset; immediate value. */
  private readonly words: number[] = [];
  private comparisons = 0;

  /** Appends an instruction (linux/bpf.h: BPF class | operation | source). */
  emit(code: number, destination: number, source: number, offset: number, value: number): void {
    this.words.push(code | (destination << 8) | (source << 12) | (offset << 16), value);
  }

  /**
   * Appends a jump, on a comparison of a register with a value or always; `land` says where to. Throws a RangeError if
   * that is one comparison too many for the kernel.
   */
  jump(code: number = BPF_JMP | BPF_JA, register = 0, value = 0): number {
    if (code !== (BPF_JMP | BPF_JA) && ++this.comparisons > COMPARISONS_MAX)
      throw new RangeError(
        `the kernel takes no BPF program of over ${COMPARISONS_MAX} comparisons`,
      );
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

/** bpf(2): the kernel takes as much of `union bpf_attr` as it is given, and the rest is 0. */
const bpf = (command: number, attributes: Packed): number =>
  syscall(SYS_bpf, command, attributes, attributes.length);

/** The members for BPF_PROG_LOAD, up to the name. */
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

/**
 * Loads a program; the kernel shows `name` (at most 15 letters, digits, `_` and `.`). Returns its descriptor. Since
 * Linux 5.11 programs count as memory of the group and not against RLIMIT_MEMLOCK.
 */
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
  for (;;) {
    const result = bpf(BPF_PROG_LOAD, attributes);
    // The verifier gives up for a signal, be it only SIGCONT.
    if (result !== -EAGAIN) return check(result, "bpf", "BPF_PROG_LOAD", name);
  }
}

/** The members for BPF_PROG_ATTACH and BPF_PROG_DETACH. */
const attachAttributes = struct({
  target_fd: "u32",
  attach_bpf_fd: "u32",
  attach_type: "u32",
  attach_flags: "u32",
  replace_bpf_fd: "u32",
});

/**
 * Attaches a program to a cgroup, for as long as there is the group, in one step with the removal of the one that it
 * replaces, if any. Other programs of the group, and those of the groups above and below, go on being asked too
 * (BPF_F_ALLOW_MULTI).
 */
export function attachToCgroup(
  group: number,
  program: number,
  type: number,
  replaced?: number,
): void {
  const attributes = attachAttributes.pack({
    target_fd: group,
    attach_bpf_fd: program,
    attach_type: type,
    attach_flags: BPF_F_ALLOW_MULTI | (replaced === undefined ? 0 : BPF_F_REPLACE),
    replace_bpf_fd: replaced ?? 0,
  });
  check(bpf(BPF_PROG_ATTACH, attributes), "bpf", "BPF_PROG_ATTACH", group);
}

export function detachFromCgroup(group: number, program: number, type: number): void {
  const attributes = attachAttributes.pack({
    target_fd: group,
    attach_bpf_fd: program,
    attach_type: type,
  });
  check(bpf(BPF_PROG_DETACH, attributes), "bpf", "BPF_PROG_DETACH", group);
}

/** The members for BPF_PROG_QUERY; all of them, since Linux 6.17 to 7.1 write `revision` whatever size they are given. */
const queryAttributes = struct({
  target_fd: "u32",
  attach_type: "u32",
  query_flags: "u32",
  attach_flags: "u32",
  prog_ids: "pointer",
  prog_cnt: "u32",
  prog_attach_flags: "u64",
  link_ids: "u64",
  link_attach_flags: "u64",
  revision: "u64",
});

/** No cgroup has more programs of one type (BPF_CGROUP_MAX_PROGS in linux/bpf-cgroup.h of the kernel). */
const CGROUP_PROGRAMS_MAX = 64;

/** The ids of the programs that are attached to a cgroup itself, in the order in which they were. */
export function programsOfCgroup(group: number, type: number): number[] {
  const ids = new Uint32Array(CGROUP_PROGRAMS_MAX);
  const attributes = queryAttributes.pack({
    target_fd: group,
    attach_type: type,
    prog_ids: ids,
    prog_cnt: ids.length,
  });
  check(bpf(BPF_PROG_QUERY, attributes), "bpf", "BPF_PROG_QUERY", group);
  return [...ids.subarray(0, queryAttributes.get(attributes, "prog_cnt"))];
}

const idAttributes = struct({ prog_id: "u32" });

/** A descriptor of a loaded program. */
export function openProgram(id: number): number {
  const result = bpf(BPF_PROG_GET_FD_BY_ID, idAttributes.pack({ prog_id: id }));
  return check(result, "bpf", "BPF_PROG_GET_FD_BY_ID", id);
}

const infoAttributes = struct({ bpf_fd: "u32", info_len: "u32", info: "pointer" });

/** `struct bpf_prog_info`, up to the name. */
const programInfo = struct({
  type: "u32",
  id: "u32",
  tag: "u64",
  jited_prog_len: "u32",
  xlated_prog_len: "u32",
  jited_prog_insns: "u64",
  xlated_prog_insns: "u64",
  load_time: "u64",
  created_by_uid: "u32",
  nr_map_ids: "u32",
  map_ids: "u64",
  name: "u64",
  name_end: "u64",
});

/** The name that a program was loaded with. */
export function programName(program: number): string {
  const info = programInfo.pack({});
  const attributes = infoAttributes.pack({ bpf_fd: program, info_len: info.length, info });
  check(bpf(BPF_OBJ_GET_INFO_BY_FD, attributes), "bpf", "BPF_OBJ_GET_INFO_BY_FD", program);
  const start = programInfo.offset("name");
  return decode(info.subarray(start, info.indexOf(0, start)));
}
