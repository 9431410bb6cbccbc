/** docs/cgroups.md leaves no field of linux.resources out, and names tests that there are. */
import { deepEqual, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "../../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Row {
  section: string;
  /** What stands in backticks in the first column. */
  names: string[];
  /** The names of the last column. */
  tests: string[];
}

const quotedIn = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);

/** The rows of all tables, without their heads. */
const rows: Row[] = read("docs/cgroups.md")
  .split(/^## /m)
  .flatMap((text) => {
    const section = text.slice(0, text.indexOf("\n"));
    const lines = text.split("\n").filter((line) => /^\|(?! *-)/.test(line));
    return lines.slice(1).map((line) => {
      const cells = line.split("|").slice(1, -1);
      const tests = (cells.at(-1) as string).split(",").map((name) => name.trim());
      return { section, names: quotedIn(cells[0] as string), tests };
    });
  });

/** The sections that are about one member of the resources. */
const SECTIONS: Readonly<Record<string, string>> = { Memory: "memory.", CPU: "cpu." };

const documented = new Set(
  rows.flatMap(({ section, names }) => names.map((name) => `${SECTIONS[section] ?? ""}${name}`)),
);

interface Schema {
  definitions: Record<string, { properties: Record<string, { $ref?: string }> }>;
}

/** Every member of the resources, and of those that are objects, every member of theirs: `memory.limit`. */
function fields(): string[] {
  const { definitions } = JSON.parse(read("spec/resources.schema.json")) as Schema;
  const properties = (type: string) => definitions[type]?.properties ?? {};
  return Object.entries(properties("LinuxResources")).flatMap(([name, { $ref }]) => {
    const members = Object.keys(properties($ref?.replace("#/definitions/", "") ?? ""));
    return members.length > 0 ? members.map((member) => `${name}.${member}`) : [name];
  });
}

describe("the tables of docs/cgroups.md", () => {
  it("have a row for each field", () => {
    ok(fields().length > 30);
    deepEqual(
      fields().filter((field) => !documented.has(field)),
      [],
    );
  });

  it("name a test in each row, which there is", () => {
    const missing = rows.flatMap(({ names, tests }) =>
      tests
        .filter((name) => !existsSync(join(root, `test/integration/${name}.test.ts`)))
        .map((name) => `${names.join(", ")}: ${JSON.stringify(name)}`),
    );
    deepEqual(missing, []);
  });
});
