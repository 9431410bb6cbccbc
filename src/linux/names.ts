/** The tables of names in the kernel's headers, which `#abi` has as texts: `;NAME=number;NAME=number;`. */

/** The value of a key, or undefined. */
export function lookup(table: string, key: string): string | undefined {
  if (key.includes(";")) return undefined;
  const at = table.indexOf(`;${key}=`);
  const start = at + key.length + 2;
  return at < 0 ? undefined : table.slice(start, table.indexOf(";", start));
}

/** The number of a name, or undefined. */
export function lookupNumber(table: string, name: string): number | undefined {
  const value = lookup(table, name);
  return value === undefined ? undefined : Number(value);
}
