import { doesNotThrow, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { checkId } from "../../../src/runtime/id.ts";

describe("an id that runc takes too", () => {
  const ids = [
    "a",
    "A",
    "0",
    "_",
    "+",
    "-",
    "...",
    "a.b",
    "..a",
    "a..",
    "--help",
    "-",
    "a+b_c-d.e",
  ];
  for (const id of [...ids, "f".repeat(64), "x".repeat(255)])
    test(id.length > 70 ? `of ${id.length} characters` : id, () => {
      doesNotThrow(() => checkId(id));
    });
});

describe("an id that is refused", () => {
  const names = "names a directory";
  const other = /has other characters than letters, digits and "_", "\+", "-", "\."$/;
  const ids: [string, RegExp | string][] = [
    ["", "the container id is empty"],
    [".", `the container id "." ${names}`],
    ["..", `the container id ".." ${names}`],
    ["x".repeat(256), "the container id is longer than 255 characters"],
    ["a/b", other],
    ["/a", other],
    ["a/", other],
    ["../a", other],
    ["a b", other],
    [" a", other],
    ["a\n", other],
    ["\n", other],
    ["a\0", other],
    ["é", other],
    ["\u{1f600}", other],
    ["a:b", other],
    ["a@b", other],
    ["a\\b", other],
    ["a*", other],
    ["a~", other],
    ["a,b", other],
  ];
  for (const [id, message] of ids)
    test(id.length > 70 ? `of ${id.length} characters` : JSON.stringify(id), () => {
      throws(() => checkId(id), { name: "Failure", message });
    });
});
