import { equal, notEqual } from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { keyOf } from "../../vm/image.ts";

let recipe: string;
let key: string;

beforeEach(() => {
  recipe = mkdtempSync(join(tmpdir(), "tsrun-recipe-"));
  mkdirSync(join(recipe, "tree/etc"), { recursive: true });
  writeFileSync(join(recipe, "build.sh"), "true\n", { mode: 0o644 });
  writeFileSync(join(recipe, "tree/etc/hostname"), "guest\n");
  key = keyOf(recipe);
});

afterEach(() => rmSync(recipe, { recursive: true }));

test("the same recipe has the same key", () => {
  equal(keyOf(recipe), key);
});

const changes: Record<string, () => void> = {
  "a file's content": () => writeFileSync(join(recipe, "build.sh"), "false\n"),
  "a file in a folder": () => writeFileSync(join(recipe, "tree/etc/hostname"), "other\n"),
  "a new file": () => writeFileSync(join(recipe, "packages"), ""),
  "a file's name": () => renameSync(join(recipe, "build.sh"), join(recipe, "make.sh")),
  "the right to execute": () => chmodSync(join(recipe, "build.sh"), 0o755),
};
for (const [what, change] of Object.entries(changes))
  test(`${what} changes the key`, () => {
    change();
    notEqual(keyOf(recipe), key);
  });
