/**
 * Properties of the unit that a config asks for: annotations `org.systemd.property.<Name>` with a value in GVariant's
 * text format, as runc and crun take them (docs/systemd.md of runc; "GVariant Text Format" of GLib).
 */
import { doing, Failure, pointerTo } from "../../failure.ts";
import { type BusValue, marshal, typesOf, type Variant } from "./bus/message.ts";
import type { Property } from "./properties.ts";

const PREFIX = "org.systemd.property.";

const DEVICES = "linux.resources.devices is what limits devices";
const PROCESSES = "the scope is for the container's processes, and all in it are killed with them";
const OWNER =
  "whose the group is follows from the container's user (config-linux.md, Cgroup ownership)";

/**
 * What tsrun itself must have charge of, and why: of a property that is there twice, systemd takes the later one. What
 * nobody can set (ControlGroup) systemd refuses, and limits may be given like this, as with runc.
 */
const TSRUNS_OWN: ReadonlyMap<string, string> = new Map([
  ["PIDs", PROCESSES],
  ["PIDFDs", PROCESSES],
  ["Slice", "linux.cgroupsPath is what chooses the slice"],
  ["Delegate", "the groups that the container makes would not be its own"],
  ["DelegateControllers", "the container's group gets all controllers"],
  ["DelegateSubgroup", "the container's process is to be in the scope's own group"],
  ["DevicePolicy", DEVICES],
  ["DeviceAllow", DEVICES],
  ["User", OWNER],
  ["Group", OWNER],
]);

/**
 * The properties among a config's annotations. Throws a Failure that points at one that systemd could not be told, or
 * must not be.
 */
export const annotatedProperties = (annotations: Readonly<Record<string, string>>): Property[] =>
  Object.entries(annotations)
    .filter(([key]) => key.startsWith(PREFIX))
    .map(([key, text]) => {
      const name = key.slice(PREFIX.length);
      const pointer = pointerTo("annotations", key);
      const reason = TSRUNS_OWN.get(name);
      if (reason !== undefined)
        throw new Failure(`the annotation ${key} is refused: ${reason}`, { pointer });
      return doing(`the annotation ${key} is no property for systemd`, pointer, () =>
        annotatedProperty(name, text),
      );
    });

function annotatedProperty(name: string, text: string): Property {
  if (!/^[A-Za-z]{3,}$/.test(name)) throw new TypeError("its name is not made of letters");
  const value = new GVariantText(text).read();
  // What does not fit its type is to be found here, where the config is read.
  marshal("v", [value]);
  // Unit files have seconds where the bus has microseconds.
  return /[a-z]Sec$/.test(name)
    ? [name.replace(/Sec$/, "USec"), microseconds(value)]
    : [name, value];
}

function microseconds({ value }: Variant): Variant {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  if (!isNumber || value < 0) throw new TypeError(`${value} is no number of seconds`);
  const inAll = typeof value === "bigint" ? value * 1_000_000n : BigInt(Math.round(value * 1e6));
  const variant = { signature: "t", value: inAll };
  marshal("v", [variant]);
  return variant;
}

/** Names of types that stand before a value. */
const TYPE_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ boolean: "b", byte: "y", int16: "n", uint16: "q", int32: "i", uint32: "u" },
    ...{ int64: "x", uint64: "t", double: "d", string: "s", objectpath: "o", signature: "g" },
  }),
);

const TOKEN =
  /\s*(?:@([a-z()]+)|([a-z]\w*)|([-+]?(?:0[xX][\da-fA-F]+|[\d.]+(?:[eE][-+]?\d+)?))|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([[\](),]))\s*/y;

const DEPTH_MAX = 16;

/** Reads a value; dictionaries, maybes and variants within are left out, since no property of systemd is one. */
class GVariantText {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Variant {
    const value = this.#value(undefined, 0);
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #unexpected(): TypeError {
    return new TypeError(
      `${JSON.stringify(this.#text)} cannot be read from character ${this.#at} on`,
    );
  }

  #token(): RegExpExecArray {
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text);
    if (token === null) throw this.#unexpected();
    this.#at = TOKEN.lastIndex;
    return token;
  }

  /** A value, of the type `wanted` if that is known already. */
  #value(wanted: string | undefined, depth: number): Variant {
    const read = this.#anyValue(wanted, depth + 1);
    if (wanted !== undefined && read.signature !== wanted) throw this.#unexpected();
    return read;
  }

  #anyValue(wanted: string | undefined, depth: number): Variant {
    if (depth > DEPTH_MAX) throw this.#unexpected();
    const [, signature, word, number, quoted, mark] = this.#token();
    const type = signature ?? TYPE_NAMES.get(word ?? "");
    if (type !== undefined) return this.#value(type, depth);
    if (word === "true" || word === "false") return { signature: "b", value: word === "true" };
    if (number !== undefined) return readNumber(number, wanted);
    if (quoted !== undefined)
      return {
        signature: wanted === "o" || wanted === "g" ? wanted : "s",
        value: unquoted(quoted),
      };
    if (mark === "[") return this.#array(wanted?.slice(1), depth);
    if (mark === "(") return this.#tuple(wanted?.slice(1, -1), depth);
    throw this.#unexpected();
  }

  #array(wanted: string | undefined, depth: number): Variant {
    let element = wanted;
    const value = this.#list("]", () => {
      const read = this.#value(element, depth);
      element = read.signature;
      return read.value;
    });
    if (element === undefined) throw new TypeError("an empty array needs its type, such as @as []");
    return { signature: `a${element}`, value };
  }

  #tuple(wanted: string | undefined, depth: number): Variant {
    const types = typesOf(wanted ?? "");
    let signature = "";
    const value = this.#list(")", () => {
      const read = this.#value(types.shift(), depth);
      signature += read.signature;
      return read.value;
    });
    return { signature: `(${signature})`, value };
  }

  /** What stands between brackets, with commas between. */
  #list(end: string, item: () => BusValue): BusValue[] {
    const items: BusValue[] = [];
    for (;;) {
      const before = this.#at;
      if (this.#token()[5] === end) return items;
      this.#at = before;
      items.push(item());
      const mark = this.#token()[5];
      if (mark === end) return items;
      if (mark !== ",") throw this.#unexpected();
    }
  }
}

/** Without a type, a whole number is an int32 and another one a double. */
function readNumber(text: string, wanted = ""): Variant {
  const isWhole = /^[-+]?(\d+|0[xX][\da-fA-F]+)$/.test(text);
  if (!isWhole || wanted === "d") return { signature: "d", value: Number(text) };
  const signature = wanted !== "" && "ynqiuxt".includes(wanted) ? wanted : "i";
  const magnitude = BigInt(text.replace(/^[-+]/, ""));
  const exact = text.startsWith("-") ? -magnitude : magnitude;
  return { signature, value: "xt".includes(signature) ? exact : Number(exact) };
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
};

const unquoted = (quoted: string): string =>
  quoted
    .slice(1, -1)
    .replace(
      /\\(?:u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs,
      (_, short: string | undefined, long: string | undefined, character: string) =>
        character === undefined
          ? String.fromCodePoint(Number.parseInt((short ?? long) as string, 16))
          : (ESCAPES[character] ?? character),
    );
