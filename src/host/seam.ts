/**
 * The seam: everything that the program knows of the engine it runs in. Two hosts implement it, QuickJS inside the
 * static binary and Node.js through koffi; `#host` is the one that runs.
 */

/**
 * An argument of a system call: a whole number of at most 64 bits, a string (passed as a C string in UTF-8), a typed array or ArrayBuffer
 * (passed as its address) or null (0). Anything else throws: `undefined`, booleans, fractions, NaN, numbers beyond
 * 2^53 that are not bigints, bigints beyond 64 bits, strings with NUL or a lone surrogate.
 */
export type Argument = number | bigint | string | TypedArray | ArrayBuffer | null;

/** Not DataView: QuickJS has no way to its bytes. */
export type TypedArray =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** Functions of libseccomp, without their prefix: seccomp_init(3) and its neighbours. */
export type LibseccompFunction =
  | "version"
  | "arch_resolve_name"
  | "syscall_resolve_name_arch"
  | "init"
  | "release"
  | "arch_add"
  | "attr_set"
  | "rule_add_array"
  | "export_bpf_mem";

export interface Host {
  /** The command line; `args[0]` is the program. Throws a TypeError for one that is not UTF-8. */
  readonly args: () => string[];
  /** An environment variable, or undefined. Throws a TypeError if its value is not UTF-8. */
  readonly env: (name: string) => string | undefined;
  /**
   * A raw system call: its result, or `-errno`. Processes are made by `fork` only; in Node, calls that change what
   * all threads share (namespaces, root, working directory, umask) throw.
   */
  readonly syscall: (number: number, ...args: Argument[]) => number;
  /**
   * A function of libseccomp >= 2.6: its result, which is a negative errno where it fails. Arguments are those of a system
   * call. `version` fills a Uint32Array with its three numbers. Throws in Node where there is no such shared library.
   */
  readonly libseccomp: (name: LibseccompFunction, ...args: Argument[]) => number;
  /** The address of a view's first byte, for structures that hold pointers. */
  readonly address: (view: TypedArray) => number;
  /**
   * clone3(2) with a `struct clone_args`, or clone(2) where a filter knows only that: the child's pid, or `-errno`. The
   * child runs `child` and ends with it; it never returns here. Throws in Node.
   */
  readonly fork: (cloneArgs: Uint8Array, child: () => never) => number;
  /**
   * A module that few calls need, there at once: `load(import("./x.ts"))`. Throws what the module throws, and in Node,
   * where an import has to be waited for, always but in the library: its build has imported the module beforehand.
   */
  readonly load: <Module>(imported: Promise<Module>) => Module;
}
