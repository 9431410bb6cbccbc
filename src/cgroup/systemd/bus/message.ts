/** D-Bus messages as bytes (D-Bus Specification, "Type System", "Marshaling" and "Message Protocol"). */
import { decode, encode } from "../../../linux/text.ts";

/**
 * A value: x and t are bigints, the other numbers and h numbers; s, o and g strings; structures, arrays and the entries
 * of dictionaries arrays. A variant brings its type along.
 */
export type BusValue = boolean | number | bigint | string | readonly BusValue[] | Variant;

export interface Variant {
  /** One complete type, such as `as`. */
  signature: string;
  value: BusValue;
}

export const METHOD_CALL = 1;
export const METHOD_RETURN = 2;
export const ERROR = 3;
export const SIGNAL = 4;

/** The header fields in the order of their codes, which begin with 1. */
const HEADER_FIELDS = [
  ["path", "o"],
  ["interface", "s"],
  ["member", "s"],
  ["errorName", "s"],
  ["replySerial", "u"],
  ["destination", "s"],
  ["sender", "s"],
  ["signature", "g"],
] as const;

interface HeaderFields {
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  destination?: string;
  sender?: string;
  /** Of the body. */
  signature?: string;
}

export interface Message extends HeaderFields {
  /** METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL, or a type to ignore. */
  type: number;
  /** Never 0. */
  serial: number;
  body: readonly BusValue[];
}

const HEADER = "yyyyuua(yv)";
const PROTOCOL_VERSION = 1;
/** "l" and "B": the order of a message's bytes is in its first. */
const LITTLE_ENDIAN = 0x6c;
const BIG_ENDIAN = 0x42;
/** Where the body's length is, before the serial and the length of the header fields. */
const LENGTHS_AT = 4;
const MESSAGE_MAX = 128 * 2 ** 20;
const ARRAY_MAX = 64 * 2 ** 20;
const SIGNATURE_MAX = 255;
const DEPTH_MAX = 64;

/** Throws a TypeError or a RangeError for what has no form on the wire. */
export function encodeMessage(message: Message): Uint8Array {
  const body = marshal(message.signature ?? "", message.body);
  const fields = HEADER_FIELDS.flatMap(([name, signature], i) => {
    const value = message[name];
    return value === undefined || value === "" ? [] : [[i + 1, { signature, value }]];
  });
  const { type, serial } = message;
  const writer = new Writer();
  const flags = 0;
  writer.writeAll(HEADER, [
    ...[LITTLE_ENDIAN, type, flags, PROTOCOL_VERSION, body.length, serial],
    fields,
  ]);
  writer.align(8);
  writer.append(body);
  const bytes = writer.bytes();
  if (bytes.length > MESSAGE_MAX) throw tooLarge();
  return bytes;
}

/** What must be there of a message before its length is known. */
export const LENGTH_KNOWN = 16;

/** The length of the message that begins with these bytes. Throws a TypeError or a RangeError. */
export function messageLength(start: Uint8Array): number {
  const [bodyLength, , fieldsLength] = new Reader(start, LENGTHS_AT).readAll("uuu") as number[];
  const length = aligned(LENGTH_KNOWN + (fieldsLength as number), 8) + (bodyLength as number);
  if (length > MESSAGE_MAX) throw tooLarge();
  return length;
}

const tooLarge = (): RangeError =>
  new RangeError(`a D-Bus message of more than ${MESSAGE_MAX} bytes`);

/** Reads a whole message. Throws a TypeError or a RangeError for one that breaks the rules. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  const [, type, , , , serial, fields] = reader.readAll(HEADER);
  const message: Message = { type: type as number, serial: serial as number, body: [] };
  for (const [code, { signature, value }] of fields as [number, Variant][]) {
    const field = HEADER_FIELDS[code - 1];
    // Fields that are not known are to be ignored.
    if (field === undefined) continue;
    if (field[1] !== signature) throw mismatch(field[1], value);
    Object.assign(message, { [field[0]]: value });
  }
  reader.align(8);
  message.body = reader.readAll(message.signature ?? "");
  return message;
}

/** The bytes of values, one for each type of the signature, in little-endian order. */
export function marshal(signature: string, values: readonly BusValue[]): Uint8Array {
  const writer = new Writer();
  writer.writeAll(signature, values);
  return writer.bytes();
}

type Accessor =
  | "Uint8"
  | "Int16"
  | "Uint16"
  | "Int32"
  | "Uint32"
  | "BigInt64"
  | "BigUint64"
  | "Float64";

/** Types of a fixed size, by the part of DataView's methods that names them. */
const FIXED: Readonly<Record<string, [size: number, accessor: Accessor]>> = {
  y: [1, "Uint8"],
  n: [2, "Int16"],
  q: [2, "Uint16"],
  i: [4, "Int32"],
  u: [4, "Uint32"],
  b: [4, "Uint32"],
  h: [4, "Uint32"],
  x: [8, "BigInt64"],
  t: [8, "BigUint64"],
  d: [8, "Float64"],
};

const aligned = (offset: number, size: number): number => Math.ceil(offset / size) * size;

const alignmentOf = (type: string): number => {
  const code = type[0] as string;
  return FIXED[code]?.[0] ?? ("gv".includes(code) ? 1 : "({".includes(code) ? 8 : 4);
};

/** The complete types of a signature: `a(sv)u` has two. Throws a TypeError for what is none. */
export function typesOf(signature: string): string[] {
  if (signature.length > SIGNATURE_MAX) throw badSignature(signature);
  const types: string[] = [];
  for (let at = 0, end: number; at < signature.length; at = end) {
    end = typeEnd(signature, at);
    types.push(signature.slice(at, end));
  }
  return types;
}

function typeEnd(signature: string, at: number): number {
  const code = signature[at] ?? "";
  if (code !== "" && "ybnqiuxtdhsogv".includes(code)) return at + 1;
  if (code === "a")
    return signature[at + 1] === "{"
      ? closing(signature, typeEnd(signature, typeEnd(signature, at + 2)), "}")
      : typeEnd(signature, at + 1);
  if (code !== "(") throw badSignature(signature);
  let end = typeEnd(signature, at + 1);
  while (signature[end] !== ")") end = typeEnd(signature, end);
  return end + 1;
}

function closing(signature: string, at: number, bracket: string): number {
  if (signature[at] !== bracket) throw badSignature(signature);
  return at + 1;
}

const badSignature = (signature: string): TypeError =>
  new TypeError(`${JSON.stringify(signature)} is no D-Bus signature`);

/** One type only, as a variant has. */
function singleType(signature: string): string {
  const [type, ...more] = typesOf(signature);
  if (type === undefined || more.length > 0) throw badSignature(signature);
  return type;
}

const mismatch = (type: string, value: unknown): TypeError =>
  new TypeError(`${JSON.stringify(String(value))} is no D-Bus value of type ${type}`);

class Writer {
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  align(size: number): void {
    this.#reserve(aligned(this.#length, size) - this.#length);
  }

  writeAll(signature: string, values: readonly BusValue[]): void {
    const types = typesOf(signature);
    if (types.length !== values.length) throw mismatch(signature, values);
    for (const [i, type] of types.entries()) this.#write(type, values[i] as BusValue);
  }

  /** Returns where the reserved bytes begin; they are 0. */
  #reserve(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#buffer.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  #write(type: string, value: BusValue): void {
    this.align(alignmentOf(type));
    if (FIXED[type]) this.#writeFixed(type, value);
    else if (type === "g") this.#writeText("y", value);
    else if (type === "s" || type === "o") this.#writeText("u", value);
    else if (type === "v") this.#writeVariant(value);
    else if (!Array.isArray(value)) throw mismatch(type, value);
    else if (type.startsWith("a")) this.#writeArray(type.slice(1), value);
    else this.writeAll(type.slice(1, -1), value);
  }

  #writeFixed(type: string, value: BusValue): void {
    const [size, accessor] = FIXED[type] as [number, Accessor];
    const expected = type === "b" ? ["boolean"] : ["number", "bigint"];
    if (!expected.includes(typeof value)) throw mismatch(type, value);
    const number = accessor.startsWith("Big") ? BigInt(value as number) : Number(value);
    const at = this.#reserve(size);
    this.#view[`set${accessor}` as "setUint16"](at, number as number, true);
    // What does not fit does not read back.
    if (this.#view[`get${accessor}` as "getUint16"](at, true) !== number)
      throw mismatch(type, value);
  }

  #writeText(lengthType: string, value: BusValue): void {
    if (typeof value !== "string" || value.includes("\0")) throw mismatch("s", value);
    const bytes = encode(value);
    this.#writeFixed(lengthType, bytes.length);
    this.append(bytes);
    this.#reserve(1);
  }

  #writeVariant(value: BusValue): void {
    if (typeof value !== "object" || !("signature" in value)) throw mismatch("v", value);
    this.#write("g", value.signature);
    this.#write(singleType(value.signature), value.value);
  }

  #writeArray(element: string, values: readonly BusValue[]): void {
    const lengthAt = this.#reserve(4);
    this.align(alignmentOf(element));
    const start = this.#length;
    for (const value of values) this.#write(element, value);
    const length = this.#length - start;
    if (length > ARRAY_MAX) throw new RangeError(`a D-Bus array of more than ${ARRAY_MAX} bytes`);
    this.#view.setUint32(lengthAt, length, true);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isLittle: boolean;
  #at: number;

  /** Of a message from its first byte on, which tells the order of the others. */
  constructor(message: Uint8Array, at = 0) {
    this.#bytes = message;
    this.#view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    this.#isLittle = message[0] === LITTLE_ENDIAN;
    if (!this.#isLittle && message[0] !== BIG_ENDIAN)
      throw new TypeError("what came is no D-Bus message");
    this.#at = at;
  }

  align(size: number): void {
    this.#at = aligned(this.#at, size);
  }

  readAll(signature: string, depth = 0): BusValue[] {
    return typesOf(signature).map((type) => this.#read(type, depth));
  }

  #read(type: string, depth: number): BusValue {
    if (depth > DEPTH_MAX) throw new RangeError(`a D-Bus value of more than ${DEPTH_MAX} levels`);
    this.align(alignmentOf(type));
    if (FIXED[type]) return this.#readFixed(type);
    if (type === "g") return this.#readText("y");
    if (type === "s" || type === "o") return this.#readText("u");
    if (type === "v") {
      const signature = singleType(this.#readText("y"));
      return { signature, value: this.#read(signature, depth + 1) };
    }
    if (type.startsWith("a")) return this.#readArray(type.slice(1), depth + 1);
    return this.readAll(type.slice(1, -1), depth + 1);
  }

  #readFixed(type: string): number | bigint | boolean {
    const [size, accessor] = FIXED[type] as [number, Accessor];
    const value = this.#view[`get${accessor}` as "getUint16"](this.#at, this.#isLittle);
    this.#at += size;
    if (type !== "b") return value;
    if (value > 1) throw mismatch("b", value);
    return value === 1;
  }

  #readText(lengthType: string): string {
    const length = this.#readFixed(lengthType) as number;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    if (this.#readFixed("y") !== 0) throw new TypeError("a D-Bus string without its end");
    return decode(bytes);
  }

  #readArray(element: string, depth: number): BusValue[] {
    const length = this.#readFixed("u") as number;
    if (length > ARRAY_MAX) throw new RangeError(`a D-Bus array of more than ${ARRAY_MAX} bytes`);
    this.align(alignmentOf(element));
    const end = this.#at + length;
    const values: BusValue[] = [];
    while (this.#at < end) values.push(this.#read(element, depth));
    if (this.#at > end) throw new RangeError("a D-Bus array that ends within an element");
    return values;
  }
}
