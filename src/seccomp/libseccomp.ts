/** libseccomp (seccomp_init(3) and its neighbours) with types and errors. */
import { ARCHITECTURE, ERANGE } from "#abi";
import { libseccomp } from "#host";
import { check } from "../linux/errno.ts";
import { INSTRUCTION_WORDS, MAX_INSTRUCTIONS } from "../linux/seccomp.ts";
import { struct } from "../linux/struct.ts";
import type { Condition } from "./profile.ts";

/** libseccomp's name of the architecture that this program is built for. */
export const NATIVE_ARCHITECTURE: string = { x86_64: "x86_64", arm64: "aarch64" }[ARCHITECTURE];

/** Such as 2.6.0 */
export function libseccompVersion(): string {
  const numbers = new Uint32Array(3);
  libseccomp("version", numbers);
  return numbers.join(".");
}

/** SCMP_ARCH_*: AUDIT_ARCH_*, but for x32. */
export const architectureNumber = (name: string): number => libseccomp("arch_resolve_name", name);

/**
 * The number of a system call; a negative one if another architecture has such a call and this one has not; undefined if
 * none has (__NR_SCMP_ERROR).
 */
export function callNumber(name: string, architecture: number): number | undefined {
  const number = libseccomp("syscall_resolve_name_arch", architecture, name);
  return number === -1 ? undefined : number;
}

/** SCMP_FLTATR_CTL_OPTIMIZE, and the value for a binary tree of the numbers (seccomp_attr_set(3)). */
const [CTL_OPTIMIZE, BINARY_TREE] = [8, 2];

const MOST_WORDS = MAX_INSTRUCTIONS * INSTRUCTION_WORDS;

const argCmp = struct({ arg: "u32", op: "u32", datumA: "u64", datumB: "u64" });

/** A filter in the making. It has the native architecture from the beginning. */
export class LibseccompFilter {
  readonly #context: number;

  /** `defaultAction`: SECCOMP_RET_* with its data. */
  constructor(defaultAction: number) {
    this.#context = libseccomp("init", defaultAction);
    if (this.#context === 0) throw new Error("seccomp_init fails: this kernel has no seccomp");
  }

  release(): void {
    libseccomp("release", this.#context);
  }

  /** Throws Errno: EEXIST if it is there already, EDOM for one of another byte order. */
  addArchitecture(architecture: number): void {
    check(libseccomp("arch_add", this.#context, architecture), "seccomp_arch_add");
  }

  /** Finds a call's rules by search, where they would be compared one after another. */
  makeBinaryTree(): void {
    check(
      libseccomp("attr_set", this.#context, CTL_OPTIMIZE, BINARY_TREE),
      "seccomp_attr_set",
      "SCMP_FLTATR_CTL_OPTIMIZE",
    );
  }

  /** All conditions must hold. */
  addRule(action: number, call: number, conditions: readonly Condition[]): void {
    const packed = new Uint8Array(conditions.length * argCmp.size);
    conditions.forEach(({ argument, operator, operands: [datumA, datumB] }, i) => {
      packed.set(argCmp.pack({ arg: argument, op: operator, datumA, datumB }), i * argCmp.size);
    });
    const result = libseccomp(
      "rule_add_array",
      this.#context,
      action,
      call,
      conditions.length,
      packed,
    );
    if (result < 0) check(result, "seccomp_rule_add_array", call);
  }

  /** The program, for `prepareFilter`, be it longer than the kernel takes. `room` is tried first, in words. */
  export(room = MOST_WORDS): Uint32Array {
    const program = new Uint32Array(room);
    // Asking for the length first would compile it twice.
    const size = new BigUint64Array([BigInt(program.byteLength)]);
    const result = libseccomp("export_bpf_mem", this.#context, program, size);
    const length = Number(size[0]) / Uint32Array.BYTES_PER_ELEMENT;
    if (result === -ERANGE && length > room) return this.export(length);
    check(result, "seccomp_export_bpf_mem");
    return program.slice(0, length);
  }
}
