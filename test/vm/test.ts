/**
 * test.ts [--all] [FILE...]
 *
 * Runs in the guest the tests that need it, and a sample of the other integration tests, or all of
 * them, or just these files, dealt out to two machines. With --all they leave nothing out.
 * TSRUN_TEST_SEED chooses the sample; without it, chance does. Whole files are chosen: node:test runs
 * those.
 */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { type Result, resultsOf } from "../results/record.ts";
import { bundle } from "./bundle.ts";
import type { Ending } from "./machine.ts";
import { sample } from "./sample.ts";
import { run } from "./task.ts";

/** Of the files that do not need the VM, and of the cases of the one that has a hundred. */
const SAMPLE = 4;
const VARIATIONS = 10;
/** For --all: all of the engines' tests, and the numbers of repetitions that others lower for a machine as slow as this. */
const WHOLE = "TSRUN_TEST_WHOLE=1 TSRUN_TEST_CYCLES=300 TSRUN_TEST_POINTS=1000";
/** Emulated, each keeps one processor busy. */
const MACHINES = Math.min(2, availableParallelism());
const JOB = "build/vm-job";
const RESULTS = "build/vm-results";
/** What the tests look at, beside themselves. */
const PARTS = [
  ...["build/tsrun", "build/quickjs", "docs/compatibility.md", "docs/engines.md"],
  "test/vm/test-guest.sh",
];

const { values, positionals: named } = parseArgs({
  options: { all: { type: "boolean", default: false } },
  allowPositionals: true,
});
const seed = Number(process.env["TSRUN_TEST_SEED"] ?? randomInt(1_000_000));

const testsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name))
    .sort();

rmSync(JOB, { recursive: true, force: true });
rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(JOB, { recursive: true });
for (const part of PARTS) cpSync(part, join(JOB, part), { recursive: true });
cpSync(process.execPath, join(JOB, "bin/node"));

// The guest has no compiler.
mkdirSync(join(JOB, "test/vm"), { recursive: true });
const program = "test/vm/syscalls";
execFileSync("cc", ["-static", "-O2", "-o", join(JOB, program), `${program}.c`]);

const machine = testsIn("test/vm");
const integration = testsIn("test/integration");
const needing = await bundle([...machine, ...integration], JOB);

function choose(): string[] {
  if (named.length > 0) return named;
  const must = integration.filter((file) => needing.has(file));
  const others = integration.filter((file) => !needing.has(file));
  const chosen = values.all ? others : sample(others, SAMPLE, seed);
  console.log(
    `vm: ${machine.length + must.length} test files need the VM; of ${others.length} others ` +
      `${chosen.length} run there, too (TSRUN_TEST_SEED=${seed})`,
  );
  return [...machine, ...must, ...chosen];
}

/** Keeps what it gets until it is shown. */
class Held extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  show(): void {
    process.stdout.write(Buffer.concat(this.#chunks));
  }
}

/** Runs test files in a machine of their own. */
async function runIn(folder: string, files: readonly string[], output: Writable): Promise<Ending> {
  const amount = values.all ? WHOLE : `TSRUN_TEST_VARIATIONS=${VARIATIONS}`;
  const ending = await run({
    folder: JOB,
    command: `TSRUN_TEST_SEED=${seed} ${amount} test/vm/test-guest.sh ${files.join(" ")}`,
    results: folder,
    terminal: false,
    output,
    deadline: values.all ? 21_600 : 3300,
  });
  if ("failure" in ending) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "failure"), `${ending.failure}\n`);
    output.write(`${ending.failure}\n`);
  }
  return ending;
}

/** The files that a machine has not ended: it was at the last that it told of, or at the one after that. */
function leftOf(files: readonly string[], results: readonly Result[]): readonly string[] {
  const told = new Set(results.map(({ file }) => `${file}.js`));
  const last = files.findLastIndex((file) => told.has(file));
  return last < 0 ? files : files.slice(last);
}

/**
 * Whether a share of the test files passes, of which only the first one's output is shown as it comes. Emulation
 * may crash a kernel, so what a machine that died has left is tried once more, and the summary tells.
 */
async function passes(files: readonly string[], share: number): Promise<boolean> {
  const held = new Held();
  const output = share === 0 ? process.stdout : held;
  const folder = join(RESULTS, String(share));
  let ending = await runIn(folder, files, output);
  let passed = true;
  if ("failure" in ending) {
    const results = resultsOf(join(folder, "results.jsonl"));
    passed = results.every(({ outcome }) => outcome !== "failed");
    ending = await runIn(`${folder}-again`, leftOf(files, results), output);
  }
  held.show();
  return passed && "status" in ending && ending.status === 0;
}

const isEngine = (file: string): boolean => file.startsWith("test/vm/engines/");
// The longest first, and those are the engines', for each machine to have its share of them. The last to
// get one gets the next, too.
const files = choose()
  .sort((a, b) => Number(isEngine(b)) - Number(isEngine(a)) || statSync(b).size - statSync(a).size)
  .map((file) => file.replace(/\.ts$/, ".js"));
const turns = [...Array(MACHINES).keys()];
const round = [...turns, ...turns.toReversed()];
// In each share they are in the order in which node:test takes them.
const shares = turns
  .map((machine) => files.filter((_, i) => round[i % round.length] === machine).sort())
  .filter((share) => share.length > 0);
const verdicts = await Promise.all(shares.map(passes));
process.exitCode = verdicts.every(Boolean) ? 0 : 1;
