/** The schemas of spec/, walked together with a document: which node describes which value. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SchemaFile, SchemaNode } from "../../../../spec/schema-node.ts";

const folder = join(import.meta.dirname, "../../../../spec");

const definitions = new Map<string, SchemaNode>();
const documents = new Map<string, SchemaNode>();
for (const name of readdirSync(folder).filter((name) => name.endsWith(".schema.json"))) {
  const file = JSON.parse(readFileSync(join(folder, name), "utf8")) as SchemaFile;
  documents.set(name, file);
  for (const [type, node] of Object.entries(file.definitions ?? {})) definitions.set(type, node);
}

/** What config.json is. */
export const configSchema = documents.get("config.schema.json") as SchemaNode;

/** A node itself, or what it refers to: names of definitions occur once in all files. */
export function resolve(node: SchemaNode): SchemaNode {
  const name = node.$ref?.split("/").at(-1);
  return name === undefined ? node : (definitions.get(name) as SchemaNode);
}

/** A value in a document, and what the schema says of it. */
export interface Place {
  /** Its JSON pointer. */
  pointer: string;
  node: SchemaNode;
  value: unknown;
  /** Where it is kept; undefined for the document itself. */
  holder: Record<string | number, unknown> | undefined;
  key: string | number;
}

const step = (key: string | number): string =>
  `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;

export const pointerBelow = (pointer: string, key: string | number): string => pointer + step(key);

/** Every place of a document that its schema knows. */
export function placesOf(document: unknown): Place[] {
  const places: Place[] = [];
  visit({ pointer: "", node: configSchema, value: document, holder: undefined, key: "" });
  return places;

  function visit(place: Place): void {
    const node = resolve(place.node);
    const { pointer, value } = place;
    places.push({ ...place, node });
    if (typeof value !== "object" || value === null) return;
    const holder = value as Record<string | number, unknown>;
    const below = (key: string | number, part: SchemaNode | boolean | undefined) => {
      if (typeof part === "object")
        visit({
          pointer: pointerBelow(pointer, key),
          node: part,
          value: holder[key],
          holder,
          key,
        });
    };
    if (Array.isArray(value)) for (const index of value.keys()) below(index, node.items);
    else
      for (const key of Object.keys(value))
        below(key, node.properties?.[key] ?? node.additionalProperties);
  }
}

/** The bounds of an integer, both included. */
export function rangeOf({ format = "int64", minimum, maximum }: SchemaNode): [bigint, bigint] {
  const bits = BigInt(format.replace(/\D+/, ""));
  const isUnsigned = format.startsWith("u");
  const least = isUnsigned ? 0n : -(2n ** (bits - 1n));
  const most = isUnsigned ? 2n ** bits - 1n : 2n ** (bits - 1n) - 1n;
  return [
    minimum === undefined ? least : BigInt(minimum),
    maximum === undefined ? most : BigInt(maximum),
  ];
}

/** Whether a config could have something at a JSON pointer. */
export function isPlace(pointer: string): boolean {
  let node: SchemaNode | boolean | undefined = configSchema;
  for (const step of pointer.split("/").slice(1)) {
    if (typeof node !== "object") return false;
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    const { items, properties, additionalProperties }: SchemaNode = resolve(node);
    node = items && /^\d+$/.test(name) ? items : (properties?.[name] ?? additionalProperties);
  }
  return typeof node === "object";
}
