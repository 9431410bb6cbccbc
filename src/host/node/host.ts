/** The Node.js host: libc's syscall(2) through koffi. For libraries, unit tests and debugging; it makes no process. */
import koffi from "koffi";
import {
  SYS_chdir,
  SYS_chroot,
  SYS_clone,
  SYS_clone3,
  SYS_fchdir,
  SYS_fork,
  SYS_pivot_root,
  SYS_setns,
  SYS_umask,
  SYS_unshare,
  SYS_vfork,
} from "#abi";
import type { Argument, Host, TypedArray } from "../seam.ts";
import { callLibseccomp } from "./libseccomp.ts";

const MAX_ARGUMENTS = 6;
const word = "void *";
const libc = koffi.load("libc.so.6");
const libcSyscall = libc.func("syscall", "intptr_t", [
  "intptr_t",
  ...Array<string>(MAX_ARGUMENTS).fill(word),
]);

/** Node has many threads: what these change would change under all of them, or is refused by the kernel. */
const PROCESS_WIDE = new Set<number>([
  SYS_fork,
  SYS_vfork,
  SYS_clone,
  SYS_clone3,
  SYS_unshare,
  SYS_setns,
  SYS_chroot,
  SYS_pivot_root,
  SYS_chdir,
  SYS_fchdir,
  SYS_fork,
  SYS_umask,
]);

function integer(value: number): bigint {
  if (!Number.isSafeInteger(value))
    throw new RangeError(`a system call takes whole numbers, not ${value}`);
  return BigInt.asUintN(64, BigInt(value));
}

function bigint(value: bigint): bigint {
  if (value < -(2n ** 63n) || value >= 2n ** 64n)
    throw new RangeError(`${value} does not fit in 64 bits`);
  return BigInt.asUintN(64, value);
}

function cString(value: string): Uint8Array {
  if (value.includes("\0"))
    throw new TypeError("a string with a NUL character cannot be passed to a system call");
  if (/\p{Surrogate}/u.test(value))
    throw new TypeError("a string with a lone surrogate cannot be passed to a system call");
  return new TextEncoder().encode(`${value}\0`);
}

function machineWord(value: Argument): bigint | TypedArray | ArrayBuffer | null {
  if (typeof value === "number") return integer(value);
  if (typeof value === "bigint") return bigint(value);
  if (typeof value === "string") return cString(value);
  if (value === null || isBytes(value)) return value;
  throw new TypeError("a system call takes integers, strings, typed arrays and null only");
}

function isBytes(value: unknown): value is TypedArray | ArrayBuffer {
  if (value instanceof ArrayBuffer) return isAttached(value);
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && isAttached(value.buffer);
}

/** A detached buffer has no memory that could be passed; a view of it cannot be made. */
function isAttached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return true;
  } catch {
    return false;
  }
}

export const syscall: Host["syscall"] = (number, ...args) => {
  if (typeof number !== "number") throw new TypeError("a system call's number is a number");
  if (args.length > MAX_ARGUMENTS)
    throw new TypeError("a system call takes a number and at most six arguments");
  const words = args.map(machineWord);
  // The kernel takes the low 32 bits of the number.
  if (PROCESS_WIDE.has(number | 0))
    throw new TypeError(`system call ${number} acts on the whole process: not in Node.js`);
  while (words.length < MAX_ARGUMENTS) words.push(null);
  const result = Number(libcSyscall(integer(number), ...words));
  return result === -1 ? -koffi.errno() : result;
};

export const libseccomp: Host["libseccomp"] = (name, ...args) =>
  callLibseccomp(name, args.map(machineWord));

export const address: Host["address"] = (view) => {
  if (!isBytes(view)) throw new TypeError("only a typed array has an address");
  return Number(koffi.address(view));
};

export const fork: Host["fork"] = () => {
  throw new TypeError("Node.js has many threads and cannot fork: run the tsrun binary");
};

/** The build of the library has put the module itself in the place of `import`. */
export const load: Host["load"] = <Module>(imported: Promise<Module>): Module => {
  if (imported instanceof Promise)
    throw new TypeError("Node.js waits for its modules: run the tsrun binary");
  return imported;
};

export const args: Host["args"] = () => process.argv.slice(1);

export const env: Host["env"] = (name) => process.env[name];
