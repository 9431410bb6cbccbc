/** Directories that last as long as the test file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

export function newDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), "tsrun-cli-"));
  made.push(dir);
  return dir;
}

const made: string[] = [];

after(() => {
  for (const dir of made) rmSync(dir, { recursive: true });
});
