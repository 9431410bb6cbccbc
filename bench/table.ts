import type { Program } from "./programs.ts";
import type { Summary } from "./statistics.ts";

/** One line of a scenario's table. */
export interface Row {
  program: Program;
  summary: Summary;
}

/** The rows that the others are compared with. */
const REFERENCES = ["crun", "runc", "floor"] as const;

function title({ name, version, cgroup }: Program): string {
  return `${name}${version && ` ${version}`}${cgroup ? " (with a cgroup)" : ""}`;
}

function ratio(row: Row, reference: Row | undefined): string {
  return reference === undefined ? "-" : (row.summary.median / reference.summary.median).toFixed(2);
}

/** The table of one scenario, in Markdown. Ratios are of medians. */
export function markdownTable(rows: readonly Row[]): string {
  const references = REFERENCES.map((name) => rows.find(({ program }) => program.name === name));
  const header = [
    "program",
    "median ms",
    ...REFERENCES.map((name) => `× ${name}`),
    "min",
    "p90",
    "peak RSS KiB",
  ];
  const lines = rows.map((row) => [
    title(row.program),
    row.summary.median.toFixed(2),
    ...references.map((reference) => ratio(row, reference)),
    row.summary.min.toFixed(2),
    row.summary.p90.toFixed(2),
    String(row.summary.peakRssKib),
  ]);
  const rule = header.map((_, column) => (column === 0 ? "---" : "---:"));
  return [header, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
