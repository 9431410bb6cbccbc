/** The configurations that docs/engines.md gives: the tests use these very texts. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const PAGE = "docs/engines.md";

interface Documented {
  readonly heading: string;
  readonly path: string;
  readonly content: string;
}

/** Each block of code that follows a line with nothing but the file's path, in backquotes, and a colon. */
function filesOf(page: string): Documented[] {
  const files: Documented[] = [];
  let heading = "";
  // The text is split into what is outside blocks and what is inside, in turn.
  const parts = page.split(/^```.*\n/m);
  for (let i = 0; i < parts.length; i += 2) {
    const [before = "", content = ""] = parts.slice(i, i + 2);
    heading = [...before.matchAll(/^#+ (.*)$/gm)].at(-1)?.[1] ?? heading;
    const path = /^`(\S+)`:\n+$/m.exec(before)?.[1];
    if (path !== undefined) files.push({ heading, path, content });
  }
  return files;
}

/** The content of a file as the page gives it, under the nearest heading above. */
export function documented(heading: string, path: string): string {
  const found = filesOf(readFileSync(PAGE, "utf8")).filter(
    (file) => file.heading === heading && file.path === path,
  );
  const [file] = found;
  assert.ok(
    file !== undefined && found.length === 1,
    `${PAGE} says ${found.length} times under "${heading}" what is in ${path}`,
  );
  return file.content;
}

/** Writes such a file where the page says that it belongs. */
export function installDocumented(heading: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, documented(heading, path));
}
