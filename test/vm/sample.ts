/** A choice that can be made again. */
import { sequence } from "../random.ts";

/** Chooses at most so many of the items; the same seed chooses the same, in the same order. */
export function sample<T>(items: readonly T[], size: number, seed: number): T[] {
  const next = sequence(seed);
  const left = [...items];
  const chosen: T[] = [];
  while (chosen.length < size && left.length > 0) chosen.push(...left.splice(next(left.length), 1));
  return chosen;
}
