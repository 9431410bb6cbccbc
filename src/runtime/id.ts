/** Container ids, by runc's rules: they name a directory, and no name is longer than this (NAME_MAX). */
import { Failure } from "../failure.ts";

const MAX_LENGTH = 255;
const CHARACTERS = /^[\w+.-]+$/;

/** Whether this can be the name of a container's directory: the root holds other things as well. */
export const isId = (name: string): boolean =>
  name.length <= MAX_LENGTH && name !== "." && name !== ".." && CHARACTERS.test(name);

/** Throws a Failure for an id that runc would not take either. */
export function checkId(id: string): void {
  const quoted = JSON.stringify(id);
  if (id === "") throw new Failure("the container id is empty");
  if (id.length > MAX_LENGTH)
    throw new Failure(`the container id is longer than ${MAX_LENGTH} characters`);
  if (id === "." || id === "..") throw new Failure(`the container id ${quoted} names a directory`);
  if (!CHARACTERS.test(id))
    throw new Failure(
      `the container id ${quoted} has other characters than letters, digits and "_", "+", "-", "."`,
    );
}
