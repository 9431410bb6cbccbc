/** libseccomp in Node.js: the machine's shared library, where it is recent enough, loaded by the first call. */
import koffi from "koffi";
import type { LibseccompFunction, TypedArray } from "../seam.ts";

/** The types of the results, and how many arguments there are: machine words, as those of a system call. */
const FUNCTIONS: Readonly<Record<LibseccompFunction, [result: string, parameters: number]>> = {
  version: ["void *", 0],
  arch_resolve_name: ["uint32_t", 1],
  syscall_resolve_name_arch: ["int", 2],
  init: ["void *", 1],
  release: ["void", 1],
  arch_add: ["int", 2],
  attr_set: ["int", 3],
  rule_add_array: ["int", 5],
  export_bpf_mem: ["int", 3],
};

type Word = bigint | TypedArray | ArrayBuffer | null;
type Functions = Record<LibseccompFunction, (...words: Word[]) => unknown>;
let functions: Functions | undefined;

function loadFunctions(): Functions {
  try {
    const library = koffi.load("libseccomp.so.2");
    return Object.fromEntries(
      Object.entries(FUNCTIONS).map(([name, [result, parameters]]) => [
        name,
        library.func(`seccomp_${name}`, result, Array<string>(parameters).fill("void *")),
      ]),
    ) as Record<string, unknown> as Functions;
  } catch (cause) {
    throw new Error(
      "this machine has no libseccomp >= 2.6 as a shared library: install it, or run the tsrun binary, which has it",
      { cause },
    );
  }
}

export function callLibseccomp(name: LibseccompFunction, words: Word[]): number {
  if (!Object.hasOwn(FUNCTIONS, name))
    throw new TypeError(`libseccomp has no function ${name} here`);
  // The version is a structure in C, and an array to be filled here.
  const [result, parameters] = name === "version" ? ["void", 1] : FUNCTIONS[name];
  if (words.length !== parameters)
    throw new TypeError(`seccomp_${name} takes ${parameters} arguments`);
  functions ??= loadFunctions();
  if (name === "version") return fillVersion(functions.version(), words[0]);
  const value = functions[name](...words);
  if (result === "void") return 0;
  return typeof value === "number" ? value : Number(koffi.address(value));
}

function fillVersion(version: unknown, numbers: Word | undefined): number {
  if (!(numbers instanceof Uint32Array))
    throw new TypeError("the version is written to a Uint32Array");
  numbers.set(koffi.decode(version, "unsigned int", 3) as number[]);
  return 0;
}
