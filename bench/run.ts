/** The benchmark: `make bench`, or `npx tsx bench/run.ts --help`. What it measures: README.md. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Kind, makeBundle } from "./bundle.ts";
import { Launcher, type Measurement } from "./launcher.ts";
import { type Candidate, identify, type Program } from "./programs.ts";
import { type Contestant, deleteContainers, type Scenario, scenarios } from "./scenarios.ts";
import { balancedOrder, summarize } from "./statistics.ts";
import { markdownTable, type Row } from "./table.ts";

const USAGE = `usage: npx tsx bench/run.ts [OPTION]...

  --runs N          measured runs of each program in each scenario (50)
  --warm-up N       runs before them that do not count (5)
  --pause MS        rest before each run, for the kernel to finish with the one before (10)
  --only NAME,...   measure these programs only
  --with PATH=NAME  measure one more runtime (may be given again)
  --scenario NAME   measure this scenario only (may be given again)
  --json            print the summaries as JSON, not as Markdown
  --help
`;

const built = (name: string): string => fileURLToPath(new URL(`../build/${name}`, import.meta.url));
const TSRUN = built("tsrun");
const LAUNCHER = built("bench/launcher");

const STANDARD: readonly Candidate[] = [
  { name: "tsrun", executable: TSRUN, kind: "runtime" },
  { name: "tsrun+cgroup", executable: TSRUN, kind: "runtime with cgroup" },
  { name: "crun", executable: "crun", kind: "runtime" },
  { name: "runc", executable: "runc", kind: "runtime" },
  { name: "floor", executable: built("bench/floor"), kind: "floor" },
];

interface Pace {
  runs: number;
  warmUp: number;
  pauseMs: number;
}

interface Result {
  scenario: string;
  rows: Row[];
}

function count(text: string, option: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${option}: "${text}" is not a number`);
  return Number(text);
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "50" },
      "warm-up": { type: "string", default: "5" },
      pause: { type: "string", default: "10" },
      only: { type: "string" },
      with: { type: "string", multiple: true, default: [] },
      scenario: { type: "string", multiple: true },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const pace: Pace = {
    runs: Math.max(1, count(values.runs, "runs")),
    warmUp: count(values["warm-up"], "warm-up"),
    pauseMs: count(values.pause, "pause"),
  };
  const added = values.with.map((text): Candidate => {
    const [, executable, name] = /^(.+)=([^=]+)$/.exec(text) ?? [];
    if (!executable || !name) throw new Error(`--with: "${text}" is not PATH=NAME`);
    return { name, executable, kind: "runtime" };
  });
  return { ...values, pace, added, only: values.only?.split(",") };
}

/** Runs one scenario: all programs in every round, in balanced order. */
async function runScenario(
  launcher: Launcher,
  scenario: Scenario,
  contestants: readonly Contestant[],
  pace: Pace,
): Promise<Row[]> {
  const measurements = contestants.map((): Measurement[] => []);
  for (const contestant of contestants) await scenario.prepare?.(launcher, contestant);
  for (let round = -pace.warmUp; round < pace.runs; round++) {
    for (const index of balancedOrder(contestants.length, round + pace.warmUp)) {
      const contestant = contestants[index];
      if (contestant === undefined) continue;
      await sleep(pace.pauseMs);
      const measurement = await scenario.measure(launcher, contestant);
      if (round >= 0) measurements[index]?.push(measurement);
    }
  }
  for (const contestant of contestants) await scenario.finish?.(launcher, contestant);
  await launcher.reap();
  return contestants.map(({ program }, index) => ({
    program,
    summary: summarize(measurements[index] ?? []),
  }));
}

/** Removes every container and every cgroup, through a launcher that has nothing else to do. */
async function cleanUp(contestants: readonly Contestant[], idPrefix: string): Promise<void> {
  const launcher = new Launcher(LAUNCHER);
  for (const contestant of contestants)
    if (contestant.program.options) await deleteContainers(launcher, contestant);
  const cgroups = ["/sys/fs/cgroup", "-depth", "-type", "d", "-name", `${idPrefix}*`];
  await launcher.run(["/usr/bin/find", ...cgroups, "-exec", "rmdir", "{}", "+"]);
  await launcher.close();
}

/** Runs the scenarios; leaves nothing, however they end. */
async function measureAll(
  programs: readonly Program[],
  chosen: readonly Scenario[],
  pace: Pace,
): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-bench-"));
  const bundles = {
    default: join(folder, "default"),
    "docker-like": join(folder, "docker-like"),
    waiting: join(folder, "waiting"),
  };
  // Where runtimes keep their state by default: in memory, on most machines.
  const state = mkdtempSync("/run/tsrun-bench-");
  const idPrefix = `tsrun-bench-${process.pid}-`;
  const contestants = programs.map((program): Contestant => {
    return { program, root: join(state, program.name), bundles, id: idPrefix + program.name };
  });
  const launcher = new Launcher(LAUNCHER);
  const interrupt = (): void => launcher.kill();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const results: Result[] = [];
  try {
    const specProgram = existsSync(TSRUN) ? TSRUN : "runc";
    for (const [kind, bundle] of Object.entries(bundles) as [Kind, string][])
      makeBundle(bundle, specProgram, kind);
    for (const scenario of chosen) {
      const able = contestants.filter(({ program }) => scenario.floor || program.options);
      const rows = await runScenario(launcher, scenario, able, pace);
      results.push({ scenario: scenario.name, rows });
    }
  } finally {
    launcher.kill();
    try {
      await cleanUp(contestants, idPrefix);
    } finally {
      for (const directory of [folder, state]) rmSync(directory, { recursive: true, force: true });
    }
  }
  return results;
}

function machine(): string {
  const [cpu] = cpus();
  return `Linux ${release()}, ${cpu?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores`;
}

function print(results: readonly Result[], pace: Pace, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ machine: machine(), ...pace, results }, null, 2));
    return;
  }
  console.log(`${machine()}; ${pace.runs} interleaved runs of each program.`);
  for (const { scenario, rows } of results)
    if (rows.length > 0) console.log(`\n### ${scenario}\n\n${markdownTable(rows)}`);
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (process.getuid?.() !== 0) throw new Error("it makes mount namespaces: run it as root");
  const candidates = [...STANDARD, ...options.added];
  const unknown = options.only?.filter((name) => !candidates.some((known) => known.name === name));
  if (unknown?.length) throw new Error(`--only: no program is called ${unknown.join(", ")}`);
  const chosen = scenarios.filter(({ name }) => options.scenario?.includes(name) ?? true);
  if (chosen.length === 0) throw new Error(`--scenario: none is called ${options.scenario}`);

  const programs: Program[] = [];
  for (const candidate of candidates) {
    if (options.only && !options.only.includes(candidate.name)) continue;
    const program = identify(candidate);
    if (program) programs.push(program);
    else {
      console.error(`bench: MISSING: ${candidate.name} (${candidate.executable}): not measured`);
      process.exitCode = 1;
    }
  }
  print(await measureAll(programs, chosen, options.pace), options.pace, options.json);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
