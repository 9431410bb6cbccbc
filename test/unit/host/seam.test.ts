/** The rules of the seam (seam.ts), by one table in both hosts. Bytes go through a file in memory and come back. */
import { deepEqual, equal, notEqual, ok, throws } from "node:assert/strict";
import { after, describe, test } from "node:test";
import {
  AT_FDCWD,
  EBADF,
  EFAULT,
  EINVAL,
  ENOENT,
  EPERM,
  F_ADD_SEALS,
  F_SEAL_SEAL,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  O_PATH,
  O_RDONLY,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
  SYS_clone,
  SYS_clone3,
  SYS_close,
  SYS_exit_group,
  SYS_fcntl,
  SYS_fork,
  SYS_getpid,
  SYS_lseek,
  SYS_memfd_create,
  SYS_openat,
  SYS_pread64,
  SYS_pwrite64,
  SYS_read,
  SYS_vfork,
  SYS_write,
  SYS_writev,
} from "#abi";
import { address, args, env, syscall } from "#host";
import type { TypedArray } from "../../../src/host/seam.ts";

const file = syscall(SYS_memfd_create, "seam", MFD_CLOEXEC | MFD_ALLOW_SEALING);
after(() => syscall(SYS_close, file));

/** The seam's types forbid what these tests are about. */
const lawless = syscall as unknown as (...args: unknown[]) => number;

const IMPOSSIBLE: [string, unknown][] = [
  ["undefined", undefined],
  ["true", true],
  ["false", false],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["a fraction", 1.5],
  ["a tiny fraction", Number.MIN_VALUE],
  ["2^53 as a number", 2 ** 53],
  ["-2^53 as a number", -(2 ** 53)],
  ["2^64 as a number", 2 ** 64],
  ["2^64", 2n ** 64n],
  ["-2^63 - 1", -(2n ** 63n) - 1n],
  ["2^128", 2n ** 128n],
  ["a string with NUL", "a\0b"],
  ["a string that ends with NUL", "a\0"],
  ["a lone high surrogate", "a\ud800b"],
  ["a lone low surrogate", "\udc00"],
  ["surrogates in the wrong order", "\udc00\ud800"],
  ["an object", {}],
  ["an object with a number", { valueOf: () => 1 }],
  ["an array", [1]],
  ["a Number object", Object(1)],
  ["a String object", Object("a")],
  ["a BigInt object", Object(1n)],
  ["a date", new Date(0)],
  ["a DataView", new DataView(new ArrayBuffer(8))],
  ["a function", () => 1],
  ["a symbol", Symbol("a")],
];

describe("what has no exact meaning as a machine word is refused", () => {
  for (const [name, value] of IMPOSSIBLE) {
    test(`${name} as any argument`, () => {
      for (let place = 0; place < 6; place++) {
        const words: unknown[] = [0, 0, 0, 0, 0, 0];
        words[place] = value;
        throws(() => lawless(SYS_getpid, ...words), refusal);
      }
      throws(() => lawless(SYS_close, value), refusal);
    });
  }

  const numbers = [...IMPOSSIBLE, ["null", null], ["a string", "39"], ["a bigint", 39n]] as const;
  for (const [name, value] of numbers)
    test(`${name} as the call's number`, () => {
      throws(() => lawless(value), refusal);
    });

  test("no number at all", () => {
    throws(() => lawless(), refusal);
  });

  test("more than six arguments", () => {
    ok(syscall(SYS_getpid, 1, 2, 3, 4, 5, 6) > 0);
    throws(() => syscall(SYS_getpid, 1, 2, 3, 4, 5, 6, 7), refusal);
    throws(() => syscall(SYS_getpid, 1, 2, 3, 4, 5, 6, null), refusal);
  });

  const pointless = [...IMPOSSIBLE, ["null", null], ["a number", 0], ["a text", "text"]] as const;
  for (const [name, value] of pointless)
    test(`${name} has no address`, () => {
      throws(() => address(value as TypedArray), refusal);
    });
});

const refusal = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError;

test("a process is not made by a system call", () => {
  for (const number of [SYS_fork, SYS_vfork, SYS_clone, SYS_clone3]) {
    if (number === -1) continue;
    throws(() => {
      // A process that is made after all must not go on with these tests.
      if (syscall(number, 0, 0, 0, 0, 0) === 0) syscall(SYS_exit_group, 1);
    }, TypeError);
  }
});

describe("integers are passed exactly", () => {
  const offsets: [string, number | bigint, number][] = [
    ["0", 0, 0],
    ["-0", -0, 0],
    ["0n", 0n, 0],
    ["2^31", 2 ** 31, 2 ** 31],
    ["2^32 + 1", 2 ** 32 + 1, 2 ** 32 + 1],
    ["2^53 - 1", 2 ** 53 - 1, 2 ** 53 - 1],
    ["2^53 - 1 as a bigint", 2n ** 53n - 1n, 2 ** 53 - 1],
    ["2^62", 2n ** 62n, 2 ** 62],
    ["-1", -1, -EINVAL],
    ["-2^63", -(2n ** 63n), -EINVAL],
    ["2^63", 2n ** 63n, -EINVAL],
    ["2^64 - 1", 2n ** 64n - 1n, -EINVAL],
  ];
  for (const [name, offset, expected] of offsets)
    test(`lseek to ${name}`, () => {
      equal(syscall(SYS_lseek, file, offset, SEEK_SET), expected);
    });

  test("forward and back from a position", () => {
    const moves: [number | bigint, number][] = [
      [10, 10],
      [-3, 7],
      [-3n, 4],
      [2n ** 64n - 1n, 3],
      [2n ** 64n - 4n, -EINVAL],
      [2n ** 53n, 2 ** 53 + 4],
    ];
    syscall(SYS_lseek, file, 0, SEEK_SET);
    for (const [move, expected] of moves) {
      const found = syscall(SYS_lseek, file, move, SEEK_CUR);
      // 2^53 + 3 has no double: the result is rounded, the position is not.
      equal(found, expected);
    }
    equal(syscall(SYS_lseek, file, -(2n ** 53n), SEEK_CUR), 3);
    equal(syscall(SYS_lseek, file, -5, SEEK_END), -EINVAL);
  });

  test("a result of -1 is an errno too", () => {
    const sealed = syscall(SYS_memfd_create, "sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    equal(syscall(SYS_fcntl, sealed, F_ADD_SEALS, F_SEAL_SEAL), 0);
    equal(EPERM, 1);
    equal(syscall(SYS_fcntl, sealed, F_ADD_SEALS, F_SEAL_SEAL), -1);
    equal(syscall(SYS_close, sealed), 0);
    equal(syscall(SYS_close, -1), -EBADF);
    equal(syscall(SYS_close, 2n ** 64n - 1n), -EBADF);
  });

  test("arguments that are left out are 0", () => {
    equal(syscall(SYS_pwrite64, file, "x", 0), 0);
    equal(syscall(SYS_read, 99999), -EBADF);
  });
});

describe("strings are passed as C strings in UTF-8", () => {
  const bytesOf: [string, number[]][] = [
    ["plain", [0x70, 0x6c, 0x61, 0x69, 0x6e, 0]],
    ["é€", [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0]],
    ["\u{1f600}", [0xf0, 0x9f, 0x98, 0x80, 0]],
    ["\ufeffx", [0xef, 0xbb, 0xbf, 0x78, 0]],
    ["\uffff", [0xef, 0xbf, 0xbf, 0]],
    ["\x7f\x80", [0x7f, 0xc2, 0x80, 0]],
  ];
  for (const [text, bytes] of bytesOf)
    test(JSON.stringify(text), () => {
      equal(syscall(SYS_pwrite64, file, text, bytes.length, 0), bytes.length);
      deepEqual(readBack(bytes.length), bytes);
    });

  test("the empty string is not null", () => {
    equal(syscall(SYS_openat, AT_FDCWD, "", O_RDONLY), -ENOENT);
    equal(syscall(SYS_openat, AT_FDCWD, null, O_RDONLY), -EFAULT);
  });

  test("a long one", () => {
    const text = "0123456789abcdef".repeat(1 << 16);
    equal(syscall(SYS_pwrite64, file, text, text.length, 0), text.length);
    const back = new Uint8Array(16);
    syscall(SYS_pread64, file, back, back.length, text.length - 16);
    equal(new TextDecoder().decode(back), "0123456789abcdef");
  });

  test("several in one call", () => {
    const root = syscall(SYS_openat, AT_FDCWD, "/", O_PATH);
    const path = syscall(SYS_openat, root, "proc", O_PATH);
    ok(path > root);
    syscall(SYS_close, path);
    syscall(SYS_close, root);
  });
});

function readBack(length: number): number[] {
  const bytes = new Uint8Array(length);
  equal(syscall(SYS_pread64, file, bytes, length, 0), length);
  return [...bytes];
}

describe("bytes are passed as their address", () => {
  const eight = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  const views: [string, ArrayBuffer | TypedArray, number[]][] = [
    ["Uint8Array", eight, [...eight]],
    ["ArrayBuffer", eight.slice().buffer, [...eight]],
    ["a subarray", eight.subarray(3, 6), [4, 5, 6]],
    ["a subarray of a subarray", eight.subarray(2).subarray(3), [6, 7, 8]],
    ["Uint16Array", new Uint16Array([0x201, 0x403]), [1, 2, 3, 4]],
    ["Int32Array at an offset", new Int32Array(eight.buffer, 4, 1), [5, 6, 7, 8]],
    ["BigUint64Array", new BigUint64Array([0x807060504030201n]), [...eight]],
    ["Float64Array", new Float64Array([1]), [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]],
    ["nothing", new Uint8Array(0), []],
    ["nothing at an offset", eight.subarray(5, 5), []],
    ["an empty buffer", new ArrayBuffer(0), []],
  ];
  for (const [name, view, bytes] of views)
    test(`${name} is read`, () => {
      equal(syscall(SYS_pwrite64, file, view, bytes.length, 0), bytes.length);
      deepEqual(readBack(bytes.length), bytes);
    });

  test("what the kernel writes arrives in the view and nowhere else", () => {
    syscall(SYS_pwrite64, file, eight, 8, 0);
    const target = new Uint8Array(8).fill(0xee);
    equal(syscall(SYS_pread64, file, target.subarray(2, 5), 3, 4), 3);
    deepEqual([...target], [0xee, 0xee, 5, 6, 7, 0xee, 0xee, 0xee]);
    const wide = new BigInt64Array(2);
    equal(syscall(SYS_pread64, file, new Uint8Array(wide.buffer, 8), 8, 0), 8);
    deepEqual([...wide], [0n, 0x807060504030201n]);
  });

  test("addresses follow the offsets", () => {
    const bytes = new Uint8Array(64);
    const start = address(bytes);
    ok(Number.isSafeInteger(start) && start > 0);
    equal(address(bytes.subarray(5)), start + 5);
    equal(address(bytes.subarray(5).subarray(6)), start + 11);
    equal(address(new Uint32Array(bytes.buffer, 8, 2)), start + 8);
    equal(address(new BigUint64Array(bytes.buffer, 16)), start + 16);
    notEqual(address(new Uint8Array(64)), start);
  });

  test("an address in a structure leads to the bytes", () => {
    const parts = [eight.subarray(6), eight.subarray(0, 3)];
    const iovec = new BigUint64Array(
      parts.flatMap((part) => [BigInt(address(part)), BigInt(part.length)]),
    );
    syscall(SYS_lseek, file, 0, SEEK_SET);
    equal(syscall(SYS_writev, file, iovec, parts.length), 5);
    deepEqual(readBack(5), [7, 8, 1, 2, 3]);
  });

  test("the address of a view with nothing in it can be passed on", () => {
    const iovec = new BigUint64Array([BigInt(address(new Uint8Array(0))), 0n]);
    equal(syscall(SYS_writev, file, iovec, 1), 0);
  });

  test("null is a null pointer", () => {
    equal(syscall(SYS_write, file, null, 1), -EFAULT);
    equal(syscall(SYS_write, file, null, 0), 0);
  });
});

test("the program knows its arguments and its environment", () => {
  ok(args().length >= 1);
  ok(args().every((arg) => typeof arg === "string"));
  ok((env("PATH") ?? "").includes("/"));
  equal(env("TSRUN_NO_SUCH_VARIABLE"), undefined);
  equal(env("PAT"), undefined);
});
