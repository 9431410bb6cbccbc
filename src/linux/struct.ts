/** C structures with natural alignment, in the machine's byte order (little-endian on x86_64 and arm64). */
import { address } from "#host";
import { encode } from "./text.ts";

type Scalar = "u8" | "u16" | "i32" | "u32" | "i64" | "u64";
/** `pointer` takes bytes (or null); the packed structure keeps them alive. */
type FieldType = Scalar | "pointer";
type Value = number | bigint | ArrayBufferView | null;

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
export type Packed = Uint8Array & { owned?: ArrayBufferView[] };

export interface Struct<Fields extends Record<string, FieldType>> {
  readonly size: number;
  readonly offsets: Readonly<Record<keyof Fields, number>>;
  /** The structure's bytes; fields not given are 0. */
  pack(values: Partial<Record<keyof Fields, Value>>): Packed;
  /** A field read back as a number; throws a RangeError beyond 2^53. */
  get(bytes: Uint8Array, field: keyof Fields): number;
}

/** Declares a structure by its fields in order. */
export function struct<const Fields extends Record<string, FieldType>>(
  fields: Fields,
): Struct<Fields> {
  const offsets = {} as Record<keyof Fields, number>;
  let end = 0;
  let alignment = 1;
  for (const [name, type] of Object.entries(fields)) {
    const size = SIZES[type];
    alignment = Math.max(alignment, size);
    offsets[name as keyof Fields] = align(end, size);
    end = align(end, size) + size;
  }
  const size = align(end, alignment);
  return {
    size,
    offsets,
    pack: (values) => packInto(new Uint8Array(size), fields, offsets, values),
    get: (bytes, field) => read(bytes, offsets[field], fields[field] as FieldType),
  };
}

const align = (offset: number, size: number): number => Math.ceil(offset / size) * size;

function packInto<Fields extends Record<string, FieldType>>(
  bytes: Packed,
  fields: Fields,
  offsets: Record<keyof Fields, number>,
  values: Partial<Record<keyof Fields, Value>>,
): Packed {
  const view = viewOf(bytes);
  for (const [name, value] of Object.entries(values) as [keyof Fields, Value | undefined][]) {
    if (value === undefined || value === null) continue;
    if (typeof value === "object") {
      bytes.owned ??= [];
      bytes.owned.push(value);
      view.setBigUint64(offsets[name], BigInt(address(value)), true);
    } else write(view, offsets[name], fields[name] as FieldType, value);
  }
  return bytes;
}

function write(view: DataView, offset: number, type: FieldType, value: number | bigint): void {
  const number = Number(value);
  if (SIZES[type] === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  else if (type === "u8") view.setUint8(offset, number);
  else if (type === "u16") view.setUint16(offset, number, true);
  else view.setUint32(offset, number, true);
}

function read(bytes: Uint8Array, offset: number, type: FieldType): number {
  const view = viewOf(bytes);
  if (type === "u8") return view.getUint8(offset);
  if (type === "u16") return view.getUint16(offset, true);
  if (type === "i32") return view.getInt32(offset, true);
  if (type === "u32") return view.getUint32(offset, true);
  const wide = type === "i64" ? view.getBigInt64(offset, true) : view.getBigUint64(offset, true);
  if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${wide} is beyond 2^53`);
  return Number(wide);
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A NUL-terminated string in UTF-8, for pointer fields. */
export const cString = (text: string): Uint8Array => encode(`${text}\0`);

/** A NULL-terminated array of pointers to C strings: argv and envp of execve(2). */
export function cStrings(texts: readonly string[]): Packed {
  const owned = texts.map(cString);
  const pointers = new BigUint64Array(texts.length + 1);
  owned.forEach((text, i) => {
    pointers[i] = BigInt(address(text));
  });
  const bytes: Packed = new Uint8Array(pointers.buffer);
  bytes.owned = owned;
  return bytes;
}
