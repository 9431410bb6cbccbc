import type { Fault } from "./checks.ts";
import { stringifyJson } from "./json.ts";

/** A document that is JSON, but not as its schema wants it. */
export class FaultyDocumentError extends Error {
  override name = "FaultyDocumentError";
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(describeFault).join("; "));
    this.faults = faults;
  }
}

/** One fault in words: `/process/cwd: expected an absolute path, found "tmp"`. */
export function describeFault({ pointer, expected, found }: Fault): string {
  return `${pointer === "" ? "the document" : pointer}: expected ${expected}, found ${excerpt(found)}`;
}

const excerptLength = 60;

/** A value in at most `excerptLength` characters; always one line, as in JSON. */
function excerpt(found: unknown): string {
  if (found === undefined) return "nothing";
  if (typeof found === "number" && !Number.isSafeInteger(found)) return numberExcerpt(found);
  if (Array.isArray(found)) return found.length === 0 ? "an empty array" : "an array";
  if (typeof found === "object" && found !== null) return "an object";
  const text = stringifyJson(found);
  return text.length <= excerptLength ? text : `${text.slice(0, excerptLength - 1)}…`;
}

/** A number that is no whole number, or was written in a way that only a fraction needs. */
function numberExcerpt(found: number): string {
  return Number.isInteger(found) ? found.toExponential() : `${found}`;
}
