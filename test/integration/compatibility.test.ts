/**
 * docs/compatibility.md has every command and option of the runc that is installed, names no option that tsrun does not
 * have, and says of each what is true of it where a call can show that.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../../src/cli/commands.ts";
import { globalOptions } from "../../src/cli/globals.ts";
import { optionForm } from "../../src/cli/option.ts";
import { makeBundle } from "./harness/bundle.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const GLOBAL = "Before the command";
const VERDICTS = ["same", "better", "ignored", "refused", "ours"];

interface Row {
  options: string[];
  verdict: string;
  how: string;
}

/** The rows of the page's tables by the heading above them. */
const documented = new Map<string, Row[]>(
  readFileSync("docs/compatibility.md", "utf8")
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const rows = section.split("\n").filter((line) => line.startsWith("| `"));
      return [section.split("\n", 1)[0] as string, rows.map(toRow)];
    }),
);

function toRow(line: string): Row {
  const [, options = "", verdict = "", how = ""] = line.split("|").map((cell) => cell.trim());
  return {
    options: [...options.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
    verdict,
    how,
  };
}

const helpOf = (...words: string[]): string =>
  execFileSync("runc", [...words, "--help"], { encoding: "utf8" });

/** `   --bundle value, -b value  path to …`: what comes before the description, which two blanks set off. */
function optionsIn(help: string): string[] {
  const at = help.search(/^(GLOBAL )?OPTIONS:/m);
  const lines =
    at < 0
      ? []
      : help
          .slice(at)
          .split("\n")
          .filter((line) => /^ +-/.test(line));
  return lines.flatMap((line) => {
    const names = line.trim().split(/ {2,}/, 1)[0] as string;
    return names.split(", ").map((name) => name.split(" ", 1)[0] as string);
  });
}

const runcsCommands = (help: string): string[] =>
  [...(/^COMMANDS:\n((?: +.*\n)+)/m.exec(help)?.[1] ?? "").matchAll(/^ +([a-z]+)/gm)]
    .map(([, name]) => name as string)
    .filter((name) => name !== "help");

test("it has every command and every option of runc", () => {
  const help = helpOf();
  const names = runcsCommands(help);
  assert.ok(names.length > 15, "runc's help was read");
  const missing = [GLOBAL, ...names].flatMap((name) => {
    const rows = documented.get(name);
    if (rows === undefined) return [name];
    const told = new Set(rows.flatMap(({ options }) => options));
    const words = optionsIn(name === GLOBAL ? help : helpOf(name));
    const isHelp = (option: string) => name !== GLOBAL && ["--help", "-h"].includes(option);
    return words
      .filter((option) => !told.has(option) && !isHelp(option))
      .map((o) => `${name} ${o}`);
  });
  assert.deepEqual(missing, []);
  assert.ok(optionsIn(helpOf("update")).length > 10, "the options of its commands were read");
});

test("it has tsrun's commands and options, all of them and no others", () => {
  const BUILT_IN = ["--help", "-h", "--version", "-v"];
  const declared = (table: object): string[] =>
    Object.keys(table).flatMap((words) => {
      const { short, long } = optionForm(words);
      return short === undefined ? [long] : [long, short];
    });
  const told = (name: string): string[] =>
    (documented.get(name) ?? [])
      .flatMap(({ options }) => options)
      .filter((o) => !BUILT_IN.includes(o));
  assert.deepEqual(told(GLOBAL).sort(), declared(globalOptions).sort());
  for (const [name, { options }] of commands) {
    assert.ok(documented.has(name), name);
    assert.deepEqual(told(name).sort(), declared(options).sort(), name);
  }
});

test("each verdict is one of those that the page explains, with its reason where it needs one", () => {
  for (const [name, rows] of documented)
    for (const { options, verdict, how } of rows) {
      assert.ok(VERDICTS.includes(verdict), `${name} ${options}: ${verdict}`);
      if (verdict !== "same") assert.notEqual(how, "", `${name} ${options}: why is it ${verdict}?`);
    }
});

test("what is refused is an error that says so, and what is ignored is none", () => {
  const { path } = makeBundle(["sleep", "60"]);
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", path, id]));
  try {
    const rows = documented.get("update") ?? [];
    const called = rows.filter(({ verdict }) => ["refused", "ignored"].includes(verdict));
    assert.ok(called.length >= 4);
    for (const { options, verdict } of called) {
      const { status, stderr } = tsrun.call(["update", options[0] as string, "1048576", id]);
      assert.equal(status === 0, verdict === "ignored", `${options}: ${stderr}`);
      assert.match(stderr, /cgroup v2|kernel memory/);
    }
  } finally {
    succeeded(tsrun.call(["delete", "--force", id]));
  }
});
