import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { readResources } from "../../../spec/part.ts";

test("a document of resources is read as linux.resources is", () => {
  deepEqual(readResources("{}"), {});
  deepEqual(
    readResources(
      '{"memory": {"limit": 9223372036854771712, "swap": null}, "cpu": null, "new": 1}',
    ),
    { memory: { limit: 9223372036854771712n }, new: 1 },
  );
});

const faulty: [text: string, message: string][] = [
  [
    '{"memory": {"limit": "1"}}',
    '/memory/limit: expected a whole number from -9223372036854775808 to 9223372036854775807, found "1"',
  ],
  [
    '{"pids": {"limit": 1.5}, "cpu": []}',
    "/cpu: expected an object, found an empty array; /pids/limit: expected a whole number from -9223372036854775808 to 9223372036854775807, found 1.5",
  ],
  [
    '{"unified": {"memory.max": "1\\u0000"}}',
    '/unified/memory.max: expected text without NUL and without half characters, found "1\\u0000"',
  ],
  ["[]", "the document: expected an object, found an empty array"],
  ["null", "the document: expected an object, found null"],
  ["1", "the document: expected an object, found 1"],
  ["{", "line 1, column 2: expected a property name in quotes, found the end of the text"],
];

for (const [text, message] of faulty)
  test(`refused: ${text}`, () => throws(() => readResources(text), { message }));

test("every fault is named", () => {
  throws(
    () => readResources('{"hugepageLimits": [{"pageSize": "../x", "limit": -1}]}'),
    (error: Error) => {
      equal(error.message.split("; ").length, 2);
      return error.message.includes("/hugepageLimits/0/pageSize: expected a size like 2MB");
    },
  );
});
