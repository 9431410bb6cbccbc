/** The stand-in for node:test runs what it collects, in order, and its tally can be believed. */
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";

type Harness = typeof import("./test.ts");

let harnesses = 0;

/** A new harness, what it prints and the status of its run. */
async function ran(
  collect: (harness: Harness) => unknown,
): Promise<{ lines: string[]; status: number }> {
  const harness: Harness = await import(`./test.ts?${harnesses++}`);
  await collect(harness);
  const lines: string[] = [];
  const status = harness.runTests((line) => lines.push(line));
  return { lines, status };
}

const pass = () => {};
const fail = () => {
  throw new Error("because");
};

test("tests that pass", async () => {
  const { lines, status } = await ran(({ describe, it, test }) => {
    test("first", pass);
    describe("suite", () => {
      it("inside", pass);
      describe("deeper", () => it("still", pass));
    });
    test("last", pass);
  });
  deepEqual(lines, [
    "ok 1 - first",
    "ok 2 - suite > inside",
    "ok 3 - suite > deeper > still",
    "ok 4 - last",
    "4 passed, 0 failed",
  ]);
  equal(status, 0);
});

test("a test that fails fails the run, and the others go on", async () => {
  const { lines, status } = await ran(({ test }) => {
    test("bad", fail);
    test("good", pass);
  });
  equal(lines[0], "not ok 1 - bad");
  match(lines[1] ?? "", /^ {2}Error: because\n/);
  deepEqual(lines.slice(2), ["ok 2 - good", "1 passed, 1 failed"]);
  equal(status, 1);
});

test("a run of no tests fails", async () => {
  const { lines, status } = await ran(({ describe }) => describe("empty", pass));
  deepEqual(lines, ["0 passed, 0 failed"]);
  equal(status, 1);
});

test("a test that would go on later fails", async () => {
  const { lines, status } = await ran(({ test }) => test("later", async () => {}));
  equal(lines[0], "not ok 1 - later");
  equal(status, 1);
});

test("hooks run around tests and suites", async () => {
  const calls: string[] = [];
  const call = (name: string) => () => {
    calls.push(name);
  };
  await ran(({ describe, test, before, after, beforeEach, afterEach }) => {
    beforeEach(call("outer each"));
    afterEach(call("outer end"));
    describe("suite", () => {
      before(call("before"));
      after(call("after"));
      beforeEach(call("each"));
      afterEach(call("end"));
      test("one", call("one"));
      test("two", fail);
    });
    test("three", call("three"));
  });
  deepEqual(
    calls.join(", "),
    "before, outer each, each, one, end, outer end, outer each, each, end, outer end, after, " +
      "outer each, three, outer end",
  );
});

test("hooks that fail fail the run", async () => {
  for (const hook of ["before", "after", "beforeEach", "afterEach"] as const) {
    const { lines, status } = await ran((harness) => {
      harness[hook](fail);
      harness.test("test", pass);
    });
    equal(status, 1, hook);
    match(lines.at(-1) ?? "", /1 failed$/, hook);
  }
});

test("a file that cannot be evaluated fails the run", async () => {
  const { lines, status } = await ran(async ({ collectFile, test }) => {
    await collectFile("a.test.ts", async () => test("good", pass));
    await collectFile("b.test.ts", () => Promise.reject(new Error("no such module")));
  });
  equal(lines[0], "ok 1 - a.test.ts > good");
  equal(lines[1], "not ok 2 - b.test.ts > is evaluated");
  match(lines[2] ?? "", /no such module/);
  equal(status, 1);
});
