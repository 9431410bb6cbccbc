import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import * as abi from "#abi";
import { lookupNumber } from "../../../src/linux/names.ts";

const table: Readonly<Record<string, unknown>> = abi;

test("error numbers are those of the C library that Node is built with", () => {
  // ENOTSUP is the C library's own second name of EOPNOTSUPP.
  const errors = Object.entries(constants.errno).filter(([name]) => name !== "ENOTSUP");
  assert.ok(errors.length > 70);
  for (const [name, number] of errors) assert.equal(table[name], number, name);
});

test("signal numbers are those of the C library that Node is built with", () => {
  const signals = Object.entries(constants.signals).filter(([name]) => name !== "SIGUNUSED");
  assert.ok(signals.length > 30);
  for (const [name, number] of signals) assert.equal(lookupNumber(abi.SIGNALS, name), number, name);
});
