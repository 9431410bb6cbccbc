/** The binary itself: what it needs to run, its size, and the defences that it was linked with. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { test } from "node:test";

const executable = "build/tsrun";
const objects = ["main", "natives", "protect"].map((name) => `build/quickjs/${name}.o`);

const readelf = (...args: string[]): string =>
  execFileSync("readelf", ["--wide", ...args], { encoding: "utf8" });

/** The lines of `readelf --segments` by the segment's type. */
function segments(): Map<string, string> {
  const lines = readelf("--segments", executable).matchAll(/^ {2}([A-Z_]+) +(0x.*)$/gm);
  return new Map([...lines].map(([, type, rest]) => [type ?? "", rest ?? ""]));
}

test("it is at most 3.5 MB", () => {
  assert.ok(statSync(executable).size <= 3.5e6, `${statSync(executable).size} bytes`);
});

test("it is static: no interpreter, no libraries", () => {
  assert.equal(segments().has("INTERP"), false);
  assert.doesNotMatch(readelf("--dynamic", executable), /\(NEEDED\)/);
});

test("it is position-independent", () => {
  assert.match(readelf("--file-header", executable), /Type: +DYN/);
  assert.match(readelf("--dynamic", executable), /\(FLAGS_1\).*\bPIE\b/);
});

test("nothing in it is both writable and executable, the stack is not executable", () => {
  const flags = [...readelf("--segments", executable).matchAll(/ (R?[W ]?E?) +0x[0-9a-f]+$/gm)];
  assert.ok(flags.length > 4);
  assert.deepEqual(
    flags.filter(([, flag]) => flag?.includes("W") && flag.includes("E")),
    [],
  );
  assert.match(segments().get("GNU_STACK") ?? "", / RW +0x/);
});

test("what the loader has relocated is read-only from then on, all of it at once", () => {
  assert.equal(segments().has("GNU_RELRO"), true);
  assert.match(readelf("--dynamic", executable), /\(FLAGS_1\).*\bNOW\b/);
});

test("its C is compiled with the stack protector", () => {
  const symbols = objects.map((object) => readelf("--symbols", object)).join("");
  assert.match(symbols, /UND __stack_chk_fail$/m);
});

test("the release has no symbols and no debugging information", () => {
  assert.doesNotMatch(readelf("--sections", executable), /\.symtab|\.debug_/);
});
