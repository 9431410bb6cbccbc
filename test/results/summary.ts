/**
 * summary.ts [--complete]
 *
 * Says how many tests ran where, of the runs that have left their results under build/, and which ran
 * nowhere; at the end, what failed. With --complete, a test that ran nowhere is a failure.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Result, resultsOf } from "./record.ts";

const runs = [
  { name: "unit tests, in Node", results: resultsOf("build/results/unit.jsonl") },
  { name: "integration tests, here", results: resultsOf("build/results/integration.jsonl") },
  { name: "in the VM", results: machineResults() },
].filter(({ results }) => results.length > 0);

/** The folders of all the machines that had a share of the tests. */
function machines(): string[] {
  const folder = "build/vm-results";
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((machine) => join(folder, machine));
}

function machineResults(): Result[] {
  return machines().flatMap((machine) => resultsOf(join(machine, "results.jsonl")));
}

const OUTCOMES = ["passed", "failed", "skipped"] as const;

const count = (results: Result[], outcome: Result["outcome"]): string =>
  String(results.filter((result) => result.outcome === outcome).length);

function row(...[name, ...columns]: [string, ...string[]]): void {
  console.log(name.padEnd(28) + columns.map((column) => column.padStart(10)).join(""));
}

/** What a test failed of: the whole report may be longer than anybody keeps. */
const indented = (reason = ""): string => reason.replace(/^/gm, "    ");

const minutes = (results: Result[]): string =>
  (results.reduce((sum, { seconds }) => sum + seconds, 0) / 60).toFixed(1);

row("", "passed", "failed", "skipped", "minutes");
for (const { name, results } of runs)
  row(name, ...OUTCOMES.map((outcome) => count(results, outcome)), minutes(results));

const all = runs.flatMap(({ results }) => results);
const ran = [
  ...new Set(all.filter(({ outcome }) => outcome !== "skipped").map(({ test }) => test)),
];
/** A suite tells of itself only where it is skipped as a whole. */
const hasRun = (test: string): boolean =>
  ran.some((other) => other === test || other.startsWith(`${test} › `));
const nowhere = new Map(
  all
    .filter(({ test, outcome }) => outcome === "skipped" && !hasRun(test))
    .map(({ test, reason }) => [test, reason ?? "skipped"]),
);
for (const reason of new Set(nowhere.values())) {
  const tests = [...nowhere.values()].filter((other) => other === reason).length;
  console.log(`${tests} ran nowhere: ${reason}`);
}
for (const machine of machines()) {
  const failure = join(machine, "failure");
  if (existsSync(failure)) console.log(`${machine}: ${readFileSync(failure, "utf8").trimEnd()}`);
}
for (const { name, results } of runs)
  for (const { test, outcome, seconds, reason } of results)
    if (outcome === "failed")
      console.error(
        `failed (${name}), after ${seconds.toFixed(1)} s: ${test}\n${indented(reason)}`,
      );
if (process.argv.includes("--complete") && nowhere.size > 0) {
  for (const test of nowhere.keys()) console.error(`ran nowhere: ${test}`);
  process.exitCode = 1;
}
