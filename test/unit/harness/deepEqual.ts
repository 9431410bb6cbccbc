/** The equality of `assert.deepEqual` in strict mode: same prototypes, same own enumerable properties, deeply. */

export function isDeepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  return haveEqualContents(a, b) && haveEqualProperties(a, b);
}

/** What objects of the language's own classes hold besides properties. */
function haveEqualContents(a: object, b: object): boolean {
  if (a instanceof ArrayBuffer) return isDeepEqual(bytesOf(a), bytesOf(b as ArrayBuffer));
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp) return String(a) === String(b);
  // A name or message is not enumerable.
  if (a instanceof Error) return a.name === (b as Error).name && a.message === (b as Error).message;
  if (a instanceof Set) return haveEqualMembers(a, b as Set<unknown>);
  if (a instanceof Map) return haveEqualEntries(a, b as Map<unknown, unknown>);
  return !Array.isArray(a) || a.length === (b as unknown[]).length;
}

const bytesOf = (buffer: ArrayBuffer): number[] => [...new Uint8Array(buffer)];

/** Members are compared as keys are. */
const haveEqualMembers = (a: Set<unknown>, b: Set<unknown>): boolean =>
  a.size === b.size && [...a].every((key) => b.has(key));

const haveEqualEntries = (a: Map<unknown, unknown>, b: Map<unknown, unknown>): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.has(key) && isDeepEqual(value, b.get(key)));

function haveEqualProperties(a: object, b: object): boolean {
  const keys = Reflect.ownKeys(a).filter((key) => isEnumerable(a, key));
  const others = Reflect.ownKeys(b).filter((key) => isEnumerable(b, key));
  return (
    keys.length === others.length &&
    keys.every((key) => isEnumerable(b, key) && isDeepEqual(member(a, key), member(b, key)))
  );
}

const isEnumerable = (object: object, key: PropertyKey): boolean =>
  Object.prototype.propertyIsEnumerable.call(object, key);

const member = (object: object, key: PropertyKey): unknown =>
  (object as Record<PropertyKey, unknown>)[key];
