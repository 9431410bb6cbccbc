import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import * as abi from "#abi";
import { RLIM_INFINITY, RLIMIT_CORE, SYS_memfd_create, SYS_prlimit64, SYS_writev } from "#abi";
import { address, syscall } from "#host";
import { setRlimit } from "../../../src/linux/credentials.ts";
import { close, lseek, memfd, readBytes } from "../../../src/linux/fs.ts";
import { cString, cStrings, struct } from "../../../src/linux/struct.ts";
import { decode } from "../../../src/linux/text.ts";

interface Layout {
  size: number;
  members: Record<string, { offset: number; size: number }>;
}

/** Those of the headers' structures that have nothing but the members in the table, each an integer or a pointer. */
const LAYOUTS: Record<string, Layout> = {
  open_how: abi.STRUCT_open_how,
  mount_attr: abi.STRUCT_mount_attr,
  clone_args: abi.STRUCT_clone_args,
  flock: abi.STRUCT_flock,
  pollfd: abi.STRUCT_pollfd,
  inotify_event: abi.STRUCT_inotify_event,
  rlimit64: abi.STRUCT_rlimit64,
  winsize: abi.STRUCT_winsize,
  __user_cap_header_struct: abi.STRUCT___user_cap_header_struct,
  __user_cap_data_struct: abi.STRUCT___user_cap_data_struct,
  sched_attr: abi.STRUCT_sched_attr,
  __kernel_timespec: abi.STRUCT___kernel_timespec,
  sock_fprog: abi.STRUCT_sock_fprog,
  nlmsghdr: abi.STRUCT_nlmsghdr,
  ifinfomsg: abi.STRUCT_ifinfomsg,
};

const SCALARS = { 1: "u8", 2: "u16", 4: "u32", 8: "u64" } as const;

describe("structures are laid out as the C compiler does it", () => {
  for (const [name, { size, members }] of Object.entries(LAYOUTS))
    test(name, () => {
      const fields = Object.entries(members).map(([member, { size: bytes }]) => [
        member,
        SCALARS[bytes as keyof typeof SCALARS],
      ]);
      const declared = struct(Object.fromEntries(fields));
      for (const [member, { offset }] of Object.entries(members))
        equal(declared.offset(member), offset, member);
      equal(declared.size, size);
    });
});

const every = struct({
  a: "u8",
  b: "u16",
  c: "i32",
  d: "u8",
  e: "u64",
  f: "u32",
  g: "i64",
  h: "pointer",
});

describe("values are written and read back", () => {
  test("all types, in little-endian order", () => {
    const bytes = every.pack({
      a: 0x11,
      b: 0x3322,
      c: -2,
      d: 0xff,
      e: 0x0102030405060708n,
      f: 7,
      g: -1,
    });
    equal(bytes.length, 48);
    deepEqual(
      [...bytes.subarray(0, 40)],
      [
        ...[0x11, 0, 0x22, 0x33, 0xfe, 0xff, 0xff, 0xff],
        ...[0xff, 0, 0, 0, 0, 0, 0, 0],
        ...[8, 7, 6, 5, 4, 3, 2, 1],
        ...[7, 0, 0, 0, 0, 0, 0, 0],
        ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      ],
    );
    const read = (["a", "b", "c", "d", "f", "g"] as const).map((field) => every.get(bytes, field));
    deepEqual(read, [0x11, 0x3322, -2, 0xff, 7, -1]);
  });

  test("fields that are not given are 0", () => {
    deepEqual([...every.pack({})], Array(48).fill(0));
    deepEqual([...every.pack({ h: null, b: 0 })], Array(48).fill(0));
  });

  test("in a part of a buffer", () => {
    const buffer = new Uint8Array(64);
    buffer.set(every.pack({ f: 99 }), 8);
    equal(every.get(buffer.subarray(8), "f"), 99);
  });

  test("what a number cannot hold is refused, not rounded", () => {
    const wide = struct({ u: "u64", i: "i64" });
    const largest = BigInt(Number.MAX_SAFE_INTEGER);
    equal(wide.get(wide.pack({ u: largest }), "u"), Number.MAX_SAFE_INTEGER);
    equal(wide.get(wide.pack({ i: -largest }), "i"), -Number.MAX_SAFE_INTEGER);
    for (const value of [largest + 1n, 2n ** 63n, RLIM_INFINITY])
      throws(() => wide.get(wide.pack({ u: value }), "u"), RangeError);
    for (const value of [largest + 1n, -largest - 1n, -(2n ** 63n)])
      throws(() => wide.get(wide.pack({ i: value }), "i"), RangeError);
  });
});

test("2^64 - 1 keeps all its bits on the way to the kernel and back", () => {
  equal(RLIM_INFINITY, 18446744073709551615n);
  const one = struct({ value: "u64" });
  const bytes = one.pack({ value: RLIM_INFINITY });
  deepEqual([...bytes], Array(8).fill(0xff));
  equal(new DataView(bytes.buffer).getBigUint64(0, true), RLIM_INFINITY);
  deepEqual([...one.pack({ value: 2n ** 63n })], [0, 0, 0, 0, 0, 0, 0, 0x80]);

  const rlimits = () => {
    const limits = new BigUint64Array(2);
    equal(syscall(SYS_prlimit64, 0, RLIMIT_CORE, null, limits), 0);
    return limits;
  };
  const [soft, hard] = rlimits() as unknown as [bigint, bigint];
  try {
    for (const limit of [RLIM_INFINITY, 2n ** 64n - 2n, 2n ** 63n, 2n ** 53n + 1n, 4096]) {
      setRlimit(RLIMIT_CORE, limit, RLIM_INFINITY);
      deepEqual([...rlimits()], [BigInt(limit), RLIM_INFINITY]);
    }
  } finally {
    setRlimit(RLIMIT_CORE, soft, hard);
  }
});

describe("pointers", () => {
  test("lead to the bytes, which live as long as the structure", () => {
    const iovec = struct({ base: "pointer", length: "u64" });
    const packed = iovec.pack({ base: cString("from a pointer"), length: 14 });
    equal(packed.owned?.length, 1);
    const base = packed.owned?.[0] as Uint8Array;
    equal(new DataView(packed.buffer).getBigUint64(0, true), BigInt(address(base)));
    const file = memfd("pointers", 0);
    equal(syscall(SYS_writev, file, packed, 1), 14);
    lseek(file, 0, 0);
    equal(decode(readBytes(file)), "from a pointer");
    close(file);
  });

  test("to strings end with a null pointer", () => {
    const packed = cStrings(["a", "", "é"]);
    const pointers = new BigUint64Array(packed.buffer);
    deepEqual([...pointers], [...(packed.owned ?? []).map((text) => BigInt(address(text))), 0n]);
    deepEqual(
      packed.owned?.map((text) => [...(text as Uint8Array)]),
      [[0x61, 0], [0], [0xc3, 0xa9, 0]],
    );
    deepEqual([...cStrings([])], Array(8).fill(0));
  });

  test("a C string is never silently a shorter one", () => {
    throws(() => cString("a\0b"), TypeError);
    throws(() => cStrings(["ok", "a\0b"]), TypeError);
    throws(() => cString("a\ud800"), TypeError);
  });

  test("strings given to the kernel are the same by either way", () => {
    const name = cString("by-pointer");
    const file = syscall(SYS_memfd_create, name, 0);
    ok(file >= 0);
    close(file);
  });
});
