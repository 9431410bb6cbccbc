import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { JsonError } from "../../../spec/exactJson.ts";
import { maxJsonBytes, parseJson, stringifyJson } from "../../../spec/json.ts";

/** A member that makes the text take the way through our own parser. */
const long = '"exact": 1234567890123456789';

/** The problem that a text is refused for; both ways of parsing must name the same one. */
function problem(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    ok(error instanceof JsonError);
    return error.message;
  }
  throw new Error(`parsed: ${text.slice(0, 40)}`);
}

test("integers stay exact", () => {
  deepEqual(
    parseJson("[18446744073709551615, -9223372036854775808, 9007199254740993, 9007199254740991]"),
    [18446744073709551615n, -9223372036854775808n, 9007199254740993n, 9007199254740991],
  );
  deepEqual(parseJson("[1234567890123456, 0, -0, -1]"), [1234567890123456, 0, -0, -1]);
  equal(parseJson("1".repeat(40)), BigInt("1".repeat(40)));
});

test("other numbers are doubles, whichever way they are read", () => {
  for (const rest of ["", `, {${long}}`]) {
    const numbers = parseJson(`[1.5, -2e-3, 1E+2, 0.25e1${rest}]`) as unknown[];
    deepEqual(numbers.slice(0, 4), [1.5, -0.002, 100, 2.5]);
  }
  equal(parseJson("0.12345678901234567890"), 0.12345678901234568);
  equal(parseJson("1".repeat(400)), Number.POSITIVE_INFINITY);
});

test("both ways of parsing agree with each other", () => {
  const body = String.raw`"s": "a\u00e9\ud83d\ude00\"\\\/\b\f\n\r\té 12345", "": [], "o": {"x": {}, "y": [true, false, null, "", {"z": [[]]}]}, "s2": "\\"`;
  const fast = parseJson(`{${body}}`);
  const exact = parseJson(`\t{${body} ,\r\n ${long}}\n`) as Record<string, unknown>;
  equal(exact["exact"], 1234567890123456789n);
  delete exact["exact"];
  deepEqual(exact, fast);
  equal((fast as Record<string, unknown>)["s"], 'aé😀"\\/\b\f\n\r\té 12345');
});

test("sixteen digits inside a string are no number", () => {
  deepEqual(parseJson('{"id": "12345678901234567890"}'), { id: "12345678901234567890" });
});

test("the last of several equal keys counts", () => {
  deepEqual(parseJson('{"a": 1, "a": 2}'), { a: 2 });
  deepEqual(parseJson(`{"a": 1, ${long}, "a": [2]}`), { exact: 1234567890123456789n, a: [2] });
  deepEqual(parseJson(`{"a": 1, ${long}, "a": null}`, { withoutNulls: true }), {
    exact: 1234567890123456789n,
  });
});

test("a __proto__ key is a member like any other", () => {
  for (const text of [
    '{"__proto__": {"polluted": 1}}',
    `{"__proto__": {"polluted": 1}, ${long}}`,
  ]) {
    const value = parseJson(text) as { polluted?: unknown };
    equal(Object.getPrototypeOf(value), Object.prototype);
    ok(Object.keys(value).includes("__proto__"));
    equal(value.polluted, undefined);
    equal(({} as { polluted?: unknown }).polluted, undefined);
  }
});

test("nulls are kept, or left out on request", () => {
  for (const rest of ["", `, ${long}`]) {
    const text = `{"a": null, "b": [null, 1, null, {"c": null}]${rest}}`;
    deepEqual((parseJson(text) as Record<string, unknown>)["b"], [null, 1, null, { c: null }]);
    const without = parseJson(text, { withoutNulls: true }) as Record<string, unknown>;
    ok(!Object.keys(without).includes("a"));
    deepEqual(without["b"], [1, {}]);
  }
  equal(parseJson("null"), null);
});

test("an error says where it is and what is wrong", () => {
  const cases: readonly (readonly [text: string, message: string])[] = [
    ["", "line 1, column 1: expected a value, found the end of the text"],
    [" \n ", "line 2, column 2: expected a value, found the end of the text"],
    ['{"a": 1,}', 'line 1, column 9: expected a property name in quotes, found "}"'],
    ["[1,]", 'line 1, column 4: expected a value, found "]"'],
    ["[1 2]", 'line 1, column 4: expected "," or "]" after an array element, found "2"'],
    ['{\n  "a" 1}', 'line 2, column 7: expected ":" after a property name, found "1"'],
    ['{\n\n"a": 1 "b"}', 'line 3, column 8: expected "," or "}" after a property, found "\\""'],
    ["{a: 1}", 'line 1, column 2: expected a property name in quotes, found "a"'],
    ["{} {}", 'line 1, column 4: expected the end of the text, found "{"'],
    ["nul", 'line 1, column 1: expected a value, found "n"'],
    ["NaN", 'line 1, column 1: expected a value, found "N"'],
    ["+1", 'line 1, column 1: expected a value, found "+"'],
    ["'a'", `line 1, column 1: expected a value, found "'"`],
    ["\ufeff{}", 'line 1, column 1: expected a value, found "\ufeff"'],
    ["// a\n1", 'line 1, column 1: expected a value, found "/"'],
    ["-", "line 1, column 2: expected a digit, found the end of the text"],
    ["[1234567890123456789, 1.]", 'line 1, column 25: expected a digit, found "]"'],
    [".5", 'line 1, column 1: expected a value, found "."'],
    ["1e", "line 1, column 3: expected a digit, found the end of the text"],
    ["[1e+]", 'line 1, column 5: expected a digit, found "]"'],
    ["012", "line 1, column 2: a number with a leading zero"],
    ["[1234567890123456789, -01]", "line 1, column 25: a number with a leading zero"],
    ["0x10", 'line 1, column 2: expected the end of the text, found "x"'],
    ['"abc', "line 1, column 1: a string without its closing quote"],
    ['["a\\"]', "line 1, column 2: a string without its closing quote"],
    ['"a\\x"', 'line 1, column 3: unknown escape "\\x"'],
    ['"\\u12g4"', 'line 1, column 2: "\\u" without four hexadecimal digits'],
    ['"\\u12"', 'line 1, column 2: "\\u" without four hexadecimal digits'],
    [
      '"a\nb"',
      'line 1, column 3: expected an escape for a control character in a string, found "\\n"',
    ],
    ["{", "line 1, column 2: expected a property name in quotes, found the end of the text"],
    ["[", "line 1, column 2: expected a value, found the end of the text"],
    ['{"a":', "line 1, column 6: expected a value, found the end of the text"],
    ["[😀", 'line 1, column 2: expected a value, found "😀"'],
  ];
  for (const [text, message] of cases) equal(problem(text), message);
});

test("an error after a long integer is found by the same parser", () => {
  equal(
    problem(`{${long},\n x}`),
    'line 2, column 2: expected a property name in quotes, found "x"',
  );
});

test("64 levels are read, 65 are refused", () => {
  const nested = (depth: number, inner: string) => "[".repeat(depth) + inner + "]".repeat(depth);
  for (const inner of ["", "1234567890123456789"]) {
    parseJson(nested(64, inner));
    equal(problem(nested(65, inner)), "line 1, column 65: nested more than 64 deep");
  }
  const objects = `${'{"a":'.repeat(65)}1${"}".repeat(65)}`;
  equal(problem(objects), "line 1, column 321: nested more than 64 deep");
  equal(
    problem(nested(65, `"${"x".repeat(100_000)}"`)),
    "line 1, column 65: nested more than 64 deep",
  );
  const shallow = `[${"[],".repeat(50_000)}"[[[\\"[[["]`;
  equal((parseJson(shallow) as unknown[]).length, 50_001);
});

test("what is too long or too deep is refused within a second", () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ["[".repeat(maxJsonBytes), /column 65: nested more than 64 deep$/],
    ["[".repeat(60_000), /column 65: nested more than 64 deep$/],
    ['{"a":'.repeat(3_000_000), /column 321: nested more than 64 deep$/],
    [`"${" ".repeat(maxJsonBytes - 200)}${"[".repeat(80)}`, /string without its closing quote$/],
    [`[${"0,".repeat(30_000)}${"[".repeat(80)}`, /nested more than 64 deep$/],
    [" ".repeat(maxJsonBytes + 1), /line 1, column 1: the text has more than 16777216 bytes$/],
    [`"${"é".repeat(maxJsonBytes / 2)}"`, /the text has more than 16777216 bytes$/],
    [`"${"€".repeat(maxJsonBytes / 3)}"`, /the text has more than 16777216 bytes$/],
  ];
  for (const [text, message] of cases) {
    const start = Date.now();
    throws(() => parseJson(text), message);
    const took = Date.now() - start;
    ok(took < 1000, `${took} ms for ${text.slice(0, 10)}`);
  }
});

test("an endless number is no endless work", () => {
  const start = Date.now();
  equal(parseJson("9".repeat(1_000_000)), Number.POSITIVE_INFINITY);
  ok(Date.now() - start < 1000);
});

test("bigints are written in full and come back", () => {
  const value = { a: 18446744073709551615n, b: [1, -9223372036854775808n, null, true], c: 'ü"\n' };
  equal(
    stringifyJson(value),
    '{"a":18446744073709551615,"b":[1,-9223372036854775808,null,true],"c":"ü\\"\\n"}',
  );
  deepEqual(parseJson(stringifyJson(value)), value);
  deepEqual(parseJson(stringifyJson(value, 2)), value);
});

test("writing follows JSON.stringify where there are no bigints", () => {
  const value = { a: { b: [], c: {}, d: [1, { e: "f" }] }, g: undefined, h: -0.5, "": false };
  equal(stringifyJson(value), JSON.stringify(value));
  equal(stringifyJson(value, 2), JSON.stringify(value, null, 2));
  equal(stringifyJson("a"), '"a"');
});

test("what JSON cannot express is refused", () => {
  throws(() => stringifyJson({ a: Number.NaN }), /JSON cannot express NaN/);
  throws(() => stringifyJson([Number.POSITIVE_INFINITY]), /JSON cannot express Infinity/);
  throws(() => stringifyJson(undefined), /JSON cannot express a value of type undefined/);
  throws(() => stringifyJson([() => 0]), /JSON cannot express a value of type function/);
});
