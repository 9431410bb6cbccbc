/** The manual pages, as mandoc(1) reads them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { commands } from "../../../../src/cli/commands.ts";
import { globalOptions } from "../../../../src/cli/globals.ts";
import { optionForm } from "../../../../src/cli/option.ts";
import { commandPage, linesOf, programPage } from "../../../../src/cli/reference/manPage.ts";

const EDITION = { version: "1.2.3", date: "2026-01-31" };

const pages = new Map([
  ["tsrun", { text: programPage(EDITION), options: globalOptions }],
  ...[...commands].map(
    ([name, command]) =>
      [
        `tsrun-${name}`,
        { text: commandPage(name, command, EDITION), options: command.options },
      ] as const,
  ),
]);

function mandoc(output: string, input: string): string {
  const { status, stdout, stderr, error } = spawnSync("mandoc", ["-T", output], {
    input,
    encoding: "utf8",
  });
  if (error) throw error;
  assert.equal(stderr, "");
  assert.equal(status, 0, stdout);
  return stdout;
}

/** Without what overstrikes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a backspace is what is looked for.
const printed = (text: string): string => mandoc("ascii", text).replace(/.\u0008/g, "");

for (const [name, { text, options }] of pages)
  test(`${name}.8 is without a fault, and tells every option`, () => {
    assert.equal(mandoc("lint", text), "");
    const shown = printed(text);
    for (const heading of ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "FILES"])
      assert.match(shown, new RegExp(`^${heading}$`, "m"));
    for (const declared in options)
      assert.equal(
        new RegExp(`^ .*${optionForm(declared).long}( |$)`, "m").test(shown),
        options[declared] !== "",
        declared,
      );
  });

test("what roff would read as its own is printed as it is", () => {
  const text = String.raw`.a -b 'c' \d ~^e`;
  const shown = mandoc(
    "ascii",
    `.TH X 8 2026-01-31\n.SH NAME\nx \\- y\n.PP\n${linesOf(text).join("\n")}\n`,
  );
  assert.ok(shown.includes(text), shown);
});
