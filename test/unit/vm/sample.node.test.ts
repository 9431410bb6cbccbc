import { deepEqual, equal, notDeepEqual } from "node:assert/strict";
import { test } from "node:test";
import { sample } from "../../vm/sample.ts";

const items = Array.from({ length: 20 }, (_, i) => i);

test("a seed chooses the same again, and another seed something else", () => {
  deepEqual(sample(items, 6, 7), sample(items, 6, 7));
  notDeepEqual(sample(items, 6, 7), sample(items, 6, 8));
});

test("nothing is chosen twice, and nothing that is not there", () => {
  const chosen = sample(items, 12, 3);
  equal(new Set(chosen).size, 12);
  equal(
    chosen.every((item) => items.includes(item)),
    true,
  );
});

test("of few items all are chosen", () => {
  deepEqual(
    sample(items, 50, 1).sort((a, b) => a - b),
    items,
  );
  deepEqual(sample([], 5, 1), []);
});

test("in time every item is chosen", () => {
  const seen = new Set(Array.from({ length: 200 }, (_, seed) => sample(items, 3, seed)).flat());
  equal(seen.size, items.length);
});
