/** What a run of tests leaves in a file: one line of JSON for each test. */
import { existsSync, readFileSync } from "node:fs";

export interface Result {
  /** Where the test is declared: a path in the repository, without the extension. */
  file: string | undefined;
  /** That file and the names down to the test: the same wherever it runs. */
  test: string;
  outcome: "failed" | "passed" | "skipped";
  seconds: number;
  /** Why it was skipped, or what it failed of. */
  reason?: string;
}

/** The results of a run, or nothing where it has left none; a line that a dead machine has not ended does not count. */
export function resultsOf(file: string): Result[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}
