/**
 * Makes the types and validators of the runtime specification from its JSON Schema:
 *
 *   build/generated/opencontainers-types.ts  types, named as in the specification's Go package
 *   build/generated/validators.js, .d.ts     validateConfig, validateState, validateFeatures
 *   build/generated/rare.js, .d.ts           those of parts that few documents have, by name;
 *   build/generated/rare.loaded.js           the same, each loaded when it is called
 *
 * Run with `npx tsx spec/generate.ts`. A file whose content stays the same is not written.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateTypes } from "./generate-types.ts";
import { generateValidators } from "./generate-validators.ts";
import type { SchemaFile } from "./schema-node.ts";

const specFolder = import.meta.dirname;
const outputFolder = join(specFolder, "../build/generated");

const schemas = readdirSync(specFolder)
  .filter((name) => name.endsWith(".schema.json"))
  .sort()
  .map((name) => JSON.parse(readFileSync(join(specFolder, name), "utf8")) as SchemaFile);

mkdirSync(outputFolder, { recursive: true });
write("opencontainers-types.ts", await generateTypes(schemas));
for (const [name, content] of generateValidators(schemas)) write(name, content);

function write(name: string, content: string): void {
  const path = join(outputFolder, name);
  let before: string | undefined;
  try {
    before = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  if (before !== content) writeFileSync(path, content);
}
