import { deepEqual, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../../..");
const outputs = ["opencontainers-types.ts", "validators.js", "validators.d.ts"].map((name) =>
  join(root, "build/generated", name),
);

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
  const code = readFileSync(join(root, "build/generated/validators.js"), "utf8");
  const imports = [...code.matchAll(/from "(.*?)"/g)].map(([, name]) => name);
  deepEqual(imports, ["../../spec/checks.ts"]);
  ok(!/\brequire\(/.test(code));
});
