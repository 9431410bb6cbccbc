/**
 * `node:test` for tests inside the binary: the same functions, synchronous. Tests are collected while their files are
 * evaluated and run by `runTests`.
 */
type Step = () => unknown;

interface Suite {
  name: string;
  before: Step[];
  after: Step[];
  beforeEach: Step[];
  afterEach: Step[];
  /** In the order in which they were declared. */
  parts: (Suite | { name: string; step: Step })[];
}

const newSuite = (name: string): Suite => ({
  name,
  before: [],
  after: [],
  beforeEach: [],
  afterEach: [],
  parts: [],
});

const root = newSuite("");
let current = root;

export function test(name: string, step: Step): void {
  current.parts.push({ name, step });
}
export const it = test;

export function describe(name: string, declare: Step): void {
  const outer = current;
  const suite = newSuite(name);
  outer.parts.push(suite);
  current = suite;
  try {
    runStep(declare);
  } finally {
    current = outer;
  }
}

export const before = (step: Step): number => current.before.push(step);
export const after = (step: Step): number => current.after.push(step);
export const beforeEach = (step: Step): number => current.beforeEach.push(step);
export const afterEach = (step: Step): number => current.afterEach.push(step);

/** Collects the tests of a file; a file that cannot be evaluated is a failed test. */
export async function collectFile(path: string, load: () => Promise<unknown>): Promise<void> {
  const suite = newSuite(path);
  root.parts.push(suite);
  current = suite;
  try {
    await load();
  } catch (error) {
    test("is evaluated", () => {
      throw error;
    });
  }
}

interface Run {
  passed: number;
  failed: number;
  print: (line: string) => void;
}

/**
 * Runs all tests that were collected and prints a line of TAP for each, and at the end `N passed, N failed`. Returns
 * the exit status: 0 only if there were tests and all passed.
 */
export function runTests(print: (line: string) => void): number {
  const run: Run = { passed: 0, failed: 0, print };
  runSuite(root, [], run);
  print(`${run.passed} passed, ${run.failed} failed`);
  return run.failed === 0 && run.passed > 0 ? 0 : 1;
}

/** `around` are the suites that the suite lies in, the outermost first. */
function runSuite(suite: Suite, around: readonly Suite[], run: Run): void {
  const path = [...around, suite];
  const title = (name: string) =>
    [...path.map((outer) => outer.name), name].filter((part) => part !== "").join(" > ");
  const hook = (name: string, steps: readonly Step[]) => {
    if (steps.length > 0) report(title(name), () => steps.forEach(runStep), run, { quiet: true });
  };
  hook("before", suite.before);
  for (const part of suite.parts)
    if ("parts" in part) runSuite(part, path, run);
    else report(title(part.name), () => runTest(part.step, path), run);
  hook("after", suite.after);
}

/** `afterEach` runs whatever happens before it; the first error is the one that counts. */
function runTest(step: Step, path: readonly Suite[]): void {
  const errors: unknown[] = [];
  const attempt = (steps: readonly Step[]) => {
    try {
      steps.forEach(runStep);
    } catch (error) {
      errors.push(error);
    }
  };
  attempt([...path.flatMap((suite) => suite.beforeEach), step]);
  attempt(path.toReversed().flatMap((suite) => suite.afterEach));
  if (errors.length > 0) throw errors[0];
}

/** A promise would not be awaited, so that its failure would be no failure. */
function runStep(step: Step): void {
  if (step() instanceof Promise) throw new TypeError("tests in the binary are synchronous");
}

/** `quiet`: only a failure is worth a line. */
function report(title: string, step: Step, run: Run, { quiet = false } = {}): void {
  try {
    step();
    if (quiet) return;
    run.passed++;
    run.print(`ok ${run.passed + run.failed} - ${title}`);
  } catch (error) {
    run.failed++;
    run.print(`not ok ${run.passed + run.failed} - ${title}`);
    run.print(indented(described(error)));
  }
}

const described = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error);

const indented = (text: string): string => text.trimEnd().replace(/^/gm, "  ");
