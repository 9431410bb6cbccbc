/**
 * docs/config.md has one row for each property of config.json that the schemas know, for each word that stands for
 * something by itself, for each mount option and each annotation of crun's; and every row names tests that there are.
 */
import { deepEqual, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { SchemaNode } from "../../../spec/schema-node.ts";
import { knownMountOptions } from "../../../src/init/mountOptions.ts";
import { ANNOTATIONS } from "../../../src/runtime/annotations.ts";
import { configSchema, resolve } from "./generated/schema.ts";

const root = join(import.meta.dirname, "../../..");

interface Row {
  section: string;
  cells: string[];
}

/** The rows of all tables, without their heads; a bar in a cell is written `\|`. */
const rows: Row[] = readFileSync(join(root, "docs/config.md"), "utf8")
  .split(/^## /m)
  .slice(1)
  .flatMap((text) => {
    const lines = text.split("\n").filter((line) => /^\|(?! *-)/.test(line));
    return lines.slice(1).map((line) => ({
      section: text.slice(0, text.indexOf("\n")),
      cells: line
        .slice(1, line.lastIndexOf("|"))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    }));
  });

const OPTIONS = "Mount options";
const EXTENSIONS = "Annotations of crun";
const firstCells = (wanted: (section: string) => boolean): string[] =>
  rows.flatMap(({ section, cells }) => (wanted(section) ? expanded(cells[0] as string) : []));

/** What a first cell stands for: `` `a.{b,c}` `` for a.b and a.c. */
function expanded(cell: string): string[] {
  const text = cell.replaceAll("`", "");
  const [all, before, words, after] = /^(.*?)\{(.*?)\}(.*)$/.exec(text) ?? [];
  if (all === undefined) return [text];
  return (words as string).split(",").flatMap((word) => expanded(`${before}${word}${after}`));
}

/** Every property, as a path, and ` = ` with every word of an enumeration; the empty one stands for nothing. */
function properties(described: SchemaNode, place: string): string[] {
  const node = resolve(described);
  const { enum: words = [], items, additionalProperties } = node;
  const below = Object.entries(node.properties ?? {}).flatMap(([name, part]) => {
    const path = place === "" ? name : `${place}.${name}`;
    return [path, ...properties(part, path)];
  });
  return [
    ...words.filter((word) => word !== "").map((word) => `${place} = ${word}`),
    ...below,
    ...(items ? properties(items, `${place}[]`) : []),
    ...(typeof additionalProperties === "object"
      ? properties(additionalProperties, `${place}.*`)
      : []),
  ];
}

describe("docs/config.md", () => {
  it("has one row for each property and each word, and no other", () => {
    const wanted = properties(configSchema, "");
    ok(wanted.length > 300, `${wanted.length} properties`);
    deepEqual(
      firstCells((section) => section !== OPTIONS && section !== EXTENSIONS).sort(),
      wanted.sort(),
    );
  });

  it("has one row for each mount option, and no other", () => {
    deepEqual(firstCells((section) => section === OPTIONS).sort(), knownMountOptions().sort());
  });

  it("has one row for each annotation of crun's, and no other", () => {
    deepEqual(
      firstCells((section) => section === EXTENSIONS).sort(),
      Object.keys(ANNOTATIONS).sort(),
    );
  });

  it("has no empty cell", () => {
    deepEqual(
      rows.filter(({ cells }) => cells.length !== 4 || cells.some((cell) => cell === "")),
      [],
    );
  });

  it("names versions of the specification in its second column", () => {
    const since = /^(1\.[0-3]\.[0-2]|mount\(8\)|engines)(?: \(.+?\))?(; 1\.[0-3]\.[0-2] \(.+?\))*$/;
    deepEqual(
      rows.filter(({ cells }) => !since.test(cells[1] as string)).map(({ cells }) => cells),
      [],
    );
  });

  it("names tests that there are", () => {
    const missing = rows.flatMap(({ cells }) =>
      (cells[3] as string)
        .split(/; (?=`)/)
        .filter((reference) => !isTest(reference))
        .map((reference) => `${cells[0]}: ${reference}`),
    );
    deepEqual(missing, []);
  });
});

/** `` `file` name ``, and `(substitute: why)` after it. */
function isTest(reference: string): boolean {
  const [, file = "", name = ""] =
    /^`([\w/-]+)` (.+?)(?: \(substitute: .+\))?$/.exec(reference) ?? [];
  return name !== "" && textsIn(file).some((text, _, texts) => canBeNamed(name, text, texts));
}

const known = new Map<string, string[]>();

function textsIn(file: string): string[] {
  const texts = known.get(file) ?? textsOf(pathOf(file));
  known.set(file, texts);
  return texts;
}

const isOutside = (file: string): boolean => /^(unit|vm)\//.test(file);

/** An integration test by its name alone; `unit/…` of any kind, and `vm/…`, by their paths. */
function pathOf(file: string): string {
  const stem = isOutside(file) ? `test/${file}` : `test/integration/${file}`;
  const kinds = ["", ".node", ".binary"].map((kind) => join(root, `${stem}${kind}.test.ts`));
  return kinds.find((path) => existsSync(path)) ?? "";
}

/**
 * The texts of a test file that its tests may be named by: literals, and templates. Many are named by tables, and one
 * file has its table beside it.
 */
function textsOf(path: string): string[] {
  if (path === "") return [];
  const sources = [path, ...(path.endsWith("/observe.test.ts") ? [besideObserve] : [])];
  const literal = /"((?:[^"\\\n]|\\.)+)"|`((?:[^`\\]|\\.)+)`|^ {2,}(\w+): [{[]/gm;
  return sources.flatMap((source) =>
    [...readFileSync(source, "utf8").matchAll(literal)].map(
      ([, text, template, key]) => text ?? template ?? (key as string),
    ),
  );
}

const besideObserve = join(root, "test/integration/variations.ts");

/**
 * Whether the text is a test's name. What a template leaves open is another text of the file, or what is not written
 * there as a text: a number, a name, JSON; no name is open altogether.
 */
function canBeNamed(name: string, text: string, texts: readonly string[]): boolean {
  const parts = text.split(/\$\{.*?\}/s);
  const isOpen = parts.join("").replaceAll(/[^\p{L}]/gu, "").length < 4 && parts.length > 1;
  if (isOpen) return false;
  const fixed = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  const found = new RegExp(`^${fixed.join("(.*)")}$`).exec(name);
  const isFilling = (filling: string) =>
    /^([A-Z_\d]*|\{.*\}|"\w+")$/.test(filling) ||
    texts.includes(filling) ||
    text.includes(`"${filling}"`);
  return found?.slice(1).every(isFilling) ?? false;
}
