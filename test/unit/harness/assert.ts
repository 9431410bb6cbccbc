/** `node:assert/strict` for tests inside the binary: what the tests use of it, with the same verdicts. */
import { isDeepEqual } from "./deepEqual.ts";
import { show } from "./show.ts";

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

type Message = string | Error | undefined;

/** `message` replaces the usual text. */
function verdict(holds: boolean, message: Message, usual: () => string): void {
  if (holds) return;
  throw message instanceof Error ? message : new AssertionError(message ?? usual());
}

export function ok(value: unknown, message?: Message): void {
  verdict(Boolean(value), message, () => `${show(value)} is not true`);
}

export function equal(actual: unknown, expected: unknown, message?: Message): void {
  verdict(
    Object.is(actual, expected),
    message,
    () => `${show(actual)} is not ${show(expected)}, as expected`,
  );
}

export function notEqual(actual: unknown, expected: unknown, message?: Message): void {
  verdict(!Object.is(actual, expected), message, () => `${show(actual)} was not expected`);
}

export function deepEqual(actual: unknown, expected: unknown, message?: Message): void {
  verdict(
    isDeepEqual(actual, expected),
    message,
    () => `found\n${show(actual)}\nexpected\n${show(expected)}`,
  );
}

export function notDeepEqual(actual: unknown, expected: unknown, message?: Message): void {
  verdict(!isDeepEqual(actual, expected), message, () => `${show(actual)} was not expected`);
}

export function match(text: string, pattern: RegExp, message?: Message): void {
  verdict(
    typeof text === "string" && pattern.test(text),
    message,
    () => `${show(text)} does not match ${pattern}`,
  );
}

export function doesNotMatch(text: string, pattern: RegExp, message?: Message): void {
  verdict(!pattern.test(text), message, () => `${show(text)} matches ${pattern}`);
}

export function fail(message?: Message): never {
  throw message instanceof Error ? message : new AssertionError(message ?? "failed");
}

/** What an error has to be: of a class, matched by a pattern, found right by a function, or with some properties. */
type ErrorMatcher = RegExp | ((error: unknown) => unknown) | Record<string, unknown> | ErrorClass;
type ErrorClass = new (...args: never[]) => unknown;

export function throws(step: () => unknown, matcher?: ErrorMatcher, message?: Message): void {
  let thrown: unknown;
  try {
    step();
  } catch (error) {
    thrown = error;
    if (matcher !== undefined) checkError(thrown, matcher, message);
    return;
  }
  verdict(false, message, () => "nothing was thrown");
}

export function doesNotThrow(step: () => unknown, message?: Message): void {
  try {
    step();
  } catch (error) {
    verdict(false, message, () => `${show(error)} was thrown`);
  }
}

function checkError(error: unknown, matcher: ErrorMatcher, message: Message): void {
  if (matcher instanceof RegExp)
    verdict(
      matcher.test(String(error)),
      message,
      () => `${show(String(error))} does not match ${matcher}`,
    );
  else if (typeof matcher !== "function") checkProperties(error, matcher, message);
  else if (isClass(matcher))
    verdict(error instanceof matcher, message, () => `${show(error)} is no ${matcher.name}`);
  else verdict(matcher(error) === true, message, () => `${show(error)} is not the error expected`);
}

const isClass = (matcher: unknown): matcher is ErrorClass =>
  matcher === Error || Object.prototype.isPrototypeOf.call(Error, matcher as object);

function checkProperties(
  error: unknown,
  properties: Record<string, unknown>,
  message: Message,
): void {
  for (const [name, expected] of Object.entries(properties)) {
    const found = (error as Record<string, unknown> | undefined)?.[name];
    const holds =
      expected instanceof RegExp && typeof found === "string"
        ? expected.test(found)
        : isDeepEqual(found, expected);
    verdict(holds, message, () => `the error's ${name} is ${show(found)}, not ${show(expected)}`);
  }
}

export default Object.assign(ok, {
  AssertionError,
  ok,
  equal,
  notEqual,
  deepEqual,
  notDeepEqual,
  match,
  doesNotMatch,
  fail,
  throws,
  doesNotThrow,
});
