/** C structures with natural alignment, in the machine's byte order (little-endian on x86_64 and arm64). */
import { address } from "#host";
import type { TypedArray } from "../host/seam.ts";
import { encode } from "./text.ts";

type Scalar = "u8" | "u16" | "i32" | "u32" | "i64" | "u64";
/** `pointer` takes bytes (or null); the packed structure keeps them alive. */
type FieldType = Scalar | "pointer";
type Value = number | bigint | TypedArray | null;

const SIZES: Record<FieldType, number> = {
  u8: 1,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  pointer: 8,
};

/** Bytes of a structure, with the buffers that its pointers lead to. */
export type Packed = Uint8Array & { owned?: TypedArray[] };

export interface Struct<Fields extends Record<string, FieldType>> {
  readonly size: number;
  /** The structure's bytes; fields not given are 0. */
  pack(values: Partial<Record<keyof Fields, Value>>): Packed;
  /** A field read back as a number; throws a RangeError beyond 2^53. */
  get(bytes: Uint8Array, field: keyof Fields): number;
  offset(field: keyof Fields): number;
}

interface Field {
  name: string;
  type: FieldType;
  offset: number;
}

/** Declares a structure by its fields in order. */
export function struct<const Fields extends Record<string, FieldType>>(
  fields: Fields,
): Struct<Fields> {
  const layout = new Map<keyof Fields, Field>();
  let end = 0;
  let alignment = 1;
  for (const [name, type] of Object.entries(fields)) {
    const size = SIZES[type];
    const offset = align(end, size);
    alignment = Math.max(alignment, size);
    layout.set(name, { name, type, offset });
    end = offset + size;
  }
  const size = align(end, alignment);
  const inOrder = [...layout.values()];
  const find = (field: keyof Fields) => layout.get(field) as Field;
  return {
    size,
    pack: (values) => pack(size, inOrder, values),
    get: (bytes, field) => read(bytes, find(field)),
    offset: (field) => find(field).offset,
  };
}

const align = (offset: number, size: number): number => Math.ceil(offset / size) * size;

function pack(
  size: number,
  fields: readonly Field[],
  values: Partial<Record<string, Value>>,
): Packed {
  const bytes: Packed = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const { name, type, offset } of fields) {
    const value = values[name];
    if (!value) continue;
    if (typeof value === "object") {
      bytes.owned ??= [];
      bytes.owned.push(value);
      writeWide(view, offset, address(value));
    } else if (SIZES[type] === 8) writeWide(view, offset, value);
    else if (type === "u8") view.setUint8(offset, Number(value));
    else if (type === "u16") view.setUint16(offset, Number(value), true);
    else view.setUint32(offset, Number(value), true);
  }
  return bytes;
}

/** Two halves for what a number holds exactly: a detour by bigint is slow, and most values are small. */
function writeWide(view: DataView, offset: number, value: number | bigint): void {
  if (typeof value === "bigint" || value < 0) view.setBigUint64(offset, BigInt(value), true);
  else {
    view.setUint32(offset, value, true);
    view.setUint32(offset + 4, value / 2 ** 32, true);
  }
}

function read(bytes: Uint8Array, { type, offset }: Field): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === "u8") return view.getUint8(offset);
  if (type === "u16") return view.getUint16(offset, true);
  if (type === "i32") return view.getInt32(offset, true);
  if (type === "u32") return view.getUint32(offset, true);
  const wide = type === "i64" ? view.getBigInt64(offset, true) : view.getBigUint64(offset, true);
  const number = Number(wide);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${wide} is beyond 2^53`);
  return number;
}

/** A NUL-terminated string in UTF-8, for pointer fields. Throws a TypeError for one that would end before its end. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TypeError("a string with a NUL character has no C form");
  return encode(`${text}\0`);
}

/** A NULL-terminated array of pointers to C strings: argv and envp of execve(2). Bytes end with their NUL. */
export function cStrings(texts: readonly (string | Uint8Array)[]): Packed {
  const owned = texts.map((text) => (typeof text === "string" ? cString(text) : text));
  const pointers = new BigUint64Array(texts.length + 1);
  owned.forEach((text, i) => {
    pointers[i] = BigInt(address(text));
  });
  const bytes: Packed = new Uint8Array(pointers.buffer);
  bytes.owned = owned;
  return bytes;
}
