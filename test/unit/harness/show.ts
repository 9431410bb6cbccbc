/** Values as a failed test shows them. */

const DEPTH = 5;

export function show(value: unknown, depth = 0): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return `[${value.name}: ${value.message}]`;
  if (value instanceof RegExp) return String(value);
  if (depth === DEPTH) return "…";
  return showObject(value, depth + 1);
}

function showObject(value: object, depth: number): string {
  const list = (values: Iterable<unknown>) =>
    [...values].map((item) => show(item, depth)).join(", ");
  if (Array.isArray(value)) return `[${list(value)}]`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer(${list(new Uint8Array(value))})`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return `${value.constructor.name}(${list(value as Uint8Array)})`;
  if (value instanceof Set || value instanceof Map)
    return `${value.constructor.name}(${list(value)})`;
  const members = Object.entries(value).map(([name, member]) => `${name}: ${show(member, depth)}`);
  return `{${members.join(", ")}}`;
}
