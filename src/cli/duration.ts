/** Durations as Go programs write them: `5s`, `1m30s`, `1.5h` (time.ParseDuration). */

/** Nanoseconds. The micro sign has two code points. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n,
  "\u03bcs": 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const PART = /(\d*)(?:\.(\d*))?(ns|[u\u00b5\u03bcm]s|[smh])/;
const DURATION = new RegExp(`^([-+]?)((?:${PART.source})+)$`);
const LONGEST = 2n ** 63n - 1n;

/** Nanoseconds, exact; what is less than one is cut off. Undefined for a text that is no duration, or too long a one. */
export function parseDuration(text: string): bigint | undefined {
  if (/^[-+]?0$/.test(text)) return 0n;
  const [, sign, parts = ""] = DURATION.exec(text) ?? [];
  let sum = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of parts.matchAll(new RegExp(PART, "g"))) {
    if (whole + fraction === "") return undefined;
    const scale = 10n ** BigInt(fraction.length);
    sum += (BigInt(whole + fraction) * (UNITS[unit] as bigint)) / scale;
  }
  if (sign === undefined || sum > LONGEST) return undefined;
  return sign === "-" ? -sum : sum;
}
