import type { Measurement } from "./launcher.ts";

/** What the runs of one program in one scenario come to. Times in milliseconds. */
export interface Summary {
  median: number;
  min: number;
  p90: number;
  peakRssKib: number;
  runs: number;
}

/** The value below which a share of the sorted values lies, interpolated. */
function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position % 1);
}

/** Summarizes at least one measurement. */
export function summarize(measurements: readonly Measurement[]): Summary {
  const sorted = measurements.map(({ nanoseconds }) => nanoseconds / 1e6).sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: quantile(sorted, 0),
    p90: quantile(sorted, 0.9),
    peakRssKib: Math.max(...measurements.map(({ peakRssKib }) => peakRssKib)),
    runs: measurements.length,
  };
}

/**
 * The order in which `count` programs run in a round: rows of a Williams design, in which over
 * `count` rounds (twice that when it is odd) every program follows every other one equally often.
 * A plain rotation would let each bear what always the same predecessor leaves the kernel to clean
 * up (a network namespace is taken down after its container has ended).
 */
export function balancedOrder(count: number, round: number): number[] {
  const row = Array.from({ length: count }, (_, place) => {
    const step = Math.ceil(place / 2);
    return ((place % 2 === 1 ? step : count - step) + round) % count;
  });
  return count % 2 === 1 && Math.floor(round / count) % 2 === 1 ? row.reverse() : row;
}
