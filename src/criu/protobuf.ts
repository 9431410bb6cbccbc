/**
 * Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding), as far as criu's messages need it: no
 * floating point, no numbers of fixed or of 64 bits, nothing packed.
 */
import { decode, encode } from "../linux/text.ts";

/** The type of a field: a scalar, or a message of its own. */
export type FieldType = "bool" | "int32" | "uint32" | "string" | Schema;

export type Field = readonly [number: number, type: FieldType, repeated?: "repeated"];

/** A message's fields by their names, as its .proto file has them. */
export interface Schema {
  readonly [name: string]: Field;
}

type ValueOf<Type> = Type extends "bool"
  ? boolean
  : Type extends "int32" | "uint32"
    ? number
    : Type extends "string"
      ? string
      : Type extends Schema
        ? MessageOf<Type>
        : never;

/** A message: what is not in it is not on the wire. */
export type MessageOf<Fields extends Schema> = {
  [Name in keyof Fields]?: Fields[Name] extends readonly [number, infer Type, "repeated"]
    ? readonly ValueOf<Type>[]
    : Fields[Name] extends readonly [number, infer Type]
      ? ValueOf<Type>
      : never;
};

/** Wire types, the lowest three bits of a field's tag. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const wireType = (type: FieldType): number =>
  typeof type === "object" || type === "string" ? LENGTH_DELIMITED : VARINT;

/** Throws a RangeError or a TypeError for a value that has no form in its field. */
export function encodeMessage<Fields extends Schema>(
  schema: Fields,
  message: MessageOf<Fields>,
): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const [name, [number, type, repeated]] of Object.entries(schema)) {
    const value: unknown = message[name];
    if (value === undefined) continue;
    for (const each of repeated ? (value as readonly unknown[]) : [value]) {
      writeVarint(bytes, number * 8 + wireType(type));
      writeValue(bytes, name, type, each);
    }
  }
  return Uint8Array.from(bytes);
}

function writeValue(bytes: number[], name: string, type: FieldType, value: unknown): void {
  if (type === "bool") bytes.push(value === true ? 1 : 0);
  else if (type === "int32") writeVarint(bytes, inRange(name, value, -(2 ** 31), 2 ** 31 - 1));
  else if (type === "uint32") writeVarint(bytes, inRange(name, value, 0, 2 ** 32 - 1));
  else {
    const content =
      type === "string" ? encode(String(value)) : encodeMessage(type, value as object);
    writeVarint(bytes, content.length);
    for (const byte of content) bytes.push(byte);
  }
}

function inRange(name: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most)
    return value as number;
  throw new RangeError(`${name} is ${value}: not a whole number from ${least} to ${most}`);
}

/** Seven bits a byte, the lowest first; a negative number is extended to 64 bits. */
function writeVarint(bytes: number[], value: number): void {
  // Not by BigInt.asUintN(64, …): QuickJS leaves a negative one negative.
  let left = BigInt(value) + (value < 0 ? 1n << 64n : 0n);
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  bytes.push(Number(left));
}

/**
 * Reads a message; fields that the schema does not know are passed over, and of one that comes again the last one counts.
 * Throws a TypeError for bytes that are no such message.
 */
export function decodeMessage<Fields extends Schema>(
  schema: Fields,
  bytes: Uint8Array,
): MessageOf<Fields> {
  const names = new Map(Object.entries(schema).map(([name, [number]]) => [number, name]));
  const message: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (!reader.isAtEnd()) {
    const tag = reader.varint();
    const name = names.get(tag >>> 3);
    if (name === undefined) {
      reader.skip(tag & 7);
      continue;
    }
    const [, type, repeated] = schema[name] as Field;
    if ((tag & 7) !== wireType(type)) throw new TypeError(`${name} has the wire type ${tag & 7}`);
    const value = reader.value(type);
    message[name] = repeated ? [...((message[name] as unknown[] | undefined) ?? []), value] : value;
  }
  return message as MessageOf<Fields>;
}

/** The most that a number of 64 bits takes. */
const VARINT_BYTES = 10;

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(type: FieldType): unknown {
    if (type === "bool") return this.varint() !== 0;
    if (type === "int32") return this.varint() | 0;
    if (type === "uint32") return this.varint();
    const content = this.#take(this.varint());
    return type === "string" ? decode(content) : decodeMessage(type, content);
  }

  /** The lowest 32 bits, unsigned: no field here has more. */
  varint(): number {
    let value = 0;
    for (let i = 0; i < VARINT_BYTES; i++) {
      const [byte = 0] = this.#take(1);
      if (i < 5) value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value >>> 0;
    }
    throw new TypeError(`a number of more than ${VARINT_BYTES} bytes`);
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === FIXED64) this.#take(8);
    else if (wire === LENGTH_DELIMITED) this.#take(this.varint());
    else if (wire === FIXED32) this.#take(4);
    else throw new TypeError(`there is no wire type ${wire}`);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new TypeError("the message ends within a field");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
