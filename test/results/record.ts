/** What a run of tests leaves in a file: one line of JSON for each test. */
import { existsSync, readFileSync } from "node:fs";

export interface Result {
  /** The test file and the names down to the test: the same wherever it runs. */
  test: string;
  outcome: "failed" | "passed" | "skipped";
  seconds: number;
  /** Why it was skipped. */
  reason?: string;
}

const SEPARATOR = " › ";

/** Names a test. */
export function testName(file: string | undefined, names: readonly string[]): string {
  return [file, ...names].join(SEPARATOR);
}

/** The test file of which a result tells: its path in the repository, without the extension. */
export function fileOf(test: string): string {
  return test.split(SEPARATOR)[0] as string;
}

/** The results of a run, or nothing where it has left none. */
export function resultsOf(file: string): Result[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}
