/** The stand-in's verdicts are those of node:assert/strict. */
import * as nodeAssert from "node:assert/strict";
import { describe, test } from "node:test";
import * as standIn from "./assert.ts";

type Assert = typeof standIn;

class OwnError extends Error {
  override readonly name = "OwnError";
  readonly code = "EOWN";
}
const thrower = () => {
  throw new OwnError("the message");
};
const withSymbol = { [Symbol.for("a")]: 1 };
const hidden = Object.defineProperty({}, "a", { value: 1, enumerable: false });
const array = (length: number) => Object.assign(Array(length), { extra: 1 });

const pairs: [unknown, unknown][] = [
  [1, 1],
  [1, 1n],
  [1n, 1n],
  [1, "1"],
  [0, -0],
  [Number.NaN, Number.NaN],
  [null, undefined],
  ["a", "a"],
  [[], []],
  [
    [1, [2]],
    [1, [2]],
  ],
  [
    [1, 2],
    [1, 3],
  ],
  [[1], [1, undefined]],
  [[undefined], Array(1)],
  [array(1), Array(1)],
  [{}, {}],
  [{}, []],
  [
    { a: 1, b: { c: 2 } },
    { b: { c: 2 }, a: 1 },
  ],
  [{ a: 1 }, { a: 1, b: undefined }],
  [{ a: undefined }, { b: undefined }],
  [{ a: 1 }, Object.assign(Object.create(null), { a: 1 })],
  [withSymbol, { [Symbol.for("a")]: 1 }],
  [withSymbol, {}],
  [hidden, {}],
  [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  [new Uint8Array([1, 2]), new Int8Array([1, 2])],
  [new Uint8Array([1, 2]), [1, 2]],
  [new BigUint64Array([1n]), new BigUint64Array([1n])],
  [new ArrayBuffer(2), new ArrayBuffer(2)],
  [new ArrayBuffer(2), new ArrayBuffer(3)],
  [new Date(5), new Date(5)],
  [new Date(5), new Date(6)],
  [/a/g, /a/g],
  [/a/g, /a/],
  [new Error("a"), new Error("a")],
  [new Error("a"), new Error("b")],
  [new Error("a"), new TypeError("a")],
  [new Set([1, 2]), new Set([2, 1])],
  [new Set([1, 2]), new Set([1, 3])],
  [new Set([1]), new Set([1, 2])],
  [new Map([["a", { b: 1 }]]), new Map([["a", { b: 1 }]])],
  [new Map([["a", 1]]), new Map([["a", 2]])],
  [new Map([["a", undefined]]), new Map([["b", undefined]])],
  [thrower, thrower],
  [thrower, () => {}],
];

const steps: [string, (assert: Assert) => void][] = [
  ...pairs.flatMap(([a, b], i): [string, (assert: Assert) => void][] => [
    [`equal ${i}`, (assert) => assert.equal(a, b)],
    [`notEqual ${i}`, (assert) => assert.notEqual(a, b)],
    [`deepEqual ${i}`, (assert) => assert.deepEqual(a, b)],
    [`deepEqual ${i} the other way`, (assert) => assert.deepEqual(b, a)],
    [`notDeepEqual ${i}`, (assert) => assert.notDeepEqual(a, b)],
  ]),
  ...[true, false, 0, 1, "", "0", null, [], Number.NaN].map(
    (value): [string, (assert: Assert) => void] => [`ok ${value}`, (assert) => assert.ok(value)],
  ),
  ["match", (assert) => assert.match("abc", /b/)],
  ["match not", (assert) => assert.match("abc", /d/)],
  ["doesNotMatch", (assert) => assert.doesNotMatch("abc", /d/)],
  ["doesNotMatch not", (assert) => assert.doesNotMatch("abc", /b/)],
  ["fail", (assert) => assert.fail("a message")],
  ["throws nothing", (assert) => assert.throws(() => 1)],
  ["throws", (assert) => assert.throws(thrower)],
  ["throws a class", (assert) => assert.throws(thrower, OwnError)],
  ["throws a wider class", (assert) => assert.throws(thrower, Error)],
  ["throws another class", (assert) => assert.throws(thrower, TypeError)],
  ["throws a pattern", (assert) => assert.throws(thrower, /^OwnError: the message$/)],
  ["throws another pattern", (assert) => assert.throws(thrower, /^the message$/)],
  ["throws for a function", (assert) => assert.throws(thrower, () => true)],
  ["throws for a truthy function", (assert) => assert.throws(thrower, () => 1)],
  ["throws for a false function", (assert) => assert.throws(thrower, () => false)],
  [
    "throws with properties",
    (assert) => assert.throws(thrower, { name: "OwnError", code: "EOWN" }),
  ],
  ["throws with a pattern", (assert) => assert.throws(thrower, { message: /message/ })],
  ["throws with another pattern", (assert) => assert.throws(thrower, { message: /another/ })],
  ["throws with another property", (assert) => assert.throws(thrower, { code: "ENONE" })],
  ["throws without the property", (assert) => assert.throws(thrower, { none: 1 })],
  ["doesNotThrow", (assert) => assert.doesNotThrow(() => 1)],
  ["doesNotThrow not", (assert) => assert.doesNotThrow(thrower)],
  ["a message of its own", (assert) => assert.equal(1, 2, "of its own")],
  ["an error of its own", (assert) => assert.ok(false, new OwnError("x"))],
];

/** The name of what was thrown, or "passed". */
function verdict(step: (assert: Assert) => void, assert: Assert): string {
  try {
    step(assert);
    return "passed";
  } catch (error) {
    return (error as Error).name;
  }
}

describe("the verdict is the same for", () => {
  for (const [name, step] of steps)
    test(name, () => {
      nodeAssert.equal(verdict(step, standIn), verdict(step, nodeAssert as unknown as Assert));
    });
});

test("the default export is ok() with the others", () => {
  standIn.default(true);
  nodeAssert.throws(() => standIn.default(false), standIn.AssertionError);
  nodeAssert.equal(standIn.default.deepEqual, standIn.deepEqual);
});

test("a message says what was found and what was expected", () => {
  nodeAssert.throws(() => standIn.equal(1n, "1"), { message: '1n is not "1", as expected' });
  nodeAssert.throws(() => standIn.deepEqual({ a: [1] }, { a: [-0] }), {
    message: "found\n{a: [1]}\nexpected\n{a: [-0]}",
  });
});
