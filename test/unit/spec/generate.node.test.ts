import { deepEqual, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../../..");
const folder = join(root, "build/generated");
const outputs = readdirSync(folder)
  .filter((name) => /\.[jt]s$/.test(name))
  .map((name) => join(folder, name));

test("what has not changed is not written again", () => {
  const generate = () => execFileSync("npx", ["tsx", "spec/generate.ts"], { cwd: root });
  generate();
  const before = outputs.map((path) => statSync(path).mtimeMs);
  generate();
  deepEqual(
    outputs.map((path) => statSync(path).mtimeMs),
    before,
  );
});

test("the validators need nothing of ajv at run time", () => {
  const code = outputs
    .filter((path) => path.endsWith(".js"))
    .map((path) => readFileSync(path, "utf8"));
  const imports = code.join().matchAll(/(?:from |import\()"(.*?)"/g);
  const others = [...imports]
    .map(([, name]) => name)
    .filter((name) => !name?.startsWith("./rare-"));
  deepEqual([...new Set(others)].sort(), ["#host", "#rare-validators", "../../spec/checks.ts"]);
  ok(!/\brequire\(/.test(code.join()));
});
