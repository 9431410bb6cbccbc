/**
 * JSON by RFC 8259, in TypeScript: integers keep all their digits, errors say where. Few texts need it, so it is a
 * module of its own, which `json.ts` has through `#exact-json`.
 */
import { maxJsonBytes, maxJsonDepth } from "./json.ts";

/** A text that is not JSON, or goes beyond `maxJsonBytes` or `maxJsonDepth`. */
export class JsonError extends Error {
  override name = "JsonError";
  /** Where it goes wrong, from 1; the column counts UTF-16 code units. */
  readonly line: number;
  readonly column: number;

  constructor(text: string, position: number, problem: string) {
    const before = text.slice(0, position);
    const line = before.split("\n").length;
    const column = position - before.lastIndexOf("\n");
    super(`line ${line}, column ${column}: ${problem}`);
    this.line = line;
    this.column = column;
  }
}

/** Refuses a text that is too long or too deep, without making any values. */
export function checkLimits(text: string): void {
  checkSize(text);
  checkDepth(text);
}

/**
 * The value of a text that is within the limits of size.
 * @throws {JsonError}
 */
export function parseExactly(text: string, withoutNulls: boolean): unknown {
  return new JsonParser(text, withoutNulls).document();
}

function checkSize(text: string): void {
  // A UTF-16 code unit is one to three bytes of UTF-8.
  const isTooLong =
    text.length > maxJsonBytes ||
    (text.length * 3 > maxJsonBytes && new TextEncoder().encode(text).length > maxJsonBytes);
  if (isTooLong) throw new JsonError(text, 0, `the text has more than ${maxJsonBytes} bytes`);
}

/** Goes by brackets and strings alone. */
function checkDepth(text: string): void {
  let depth = 0;
  for (let position = 0; position < text.length; position++) {
    switch (text.charCodeAt(position)) {
      case quote:
        position = endOfString(text, position);
        break;
      case openBracket:
      case openBrace:
        if (++depth > maxJsonDepth) throw tooDeep(text, position);
        break;
      case closeBracket:
      case closeBrace:
        depth--;
    }
  }
}

function tooDeep(text: string, position: number): JsonError {
  return new JsonError(text, position, `nested more than ${maxJsonDepth} deep`);
}

/** The position of the quote that ends the string starting at `start`, or the text's end. */
function endOfString(text: string, start: number): number {
  let end = start;
  let backslashes: number;
  do {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes++;
  } while (backslashes % 2 === 1);
  return end;
}

// Constants, not an object, so that the bundler puts the numbers into the code.
const tab = 0x09;
const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const plus = 0x2b;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const capitalE = 0x45;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const smallE = 0x65;
const smallF = 0x66;
const smallN = 0x6e;
const smallT = 0x74;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Longer integers fit no field; reading them exactly would take a time that grows faster. */
const maxExactDigits = 40;

/** By recursive descent; strings and numbers are left to the engine, one by one. */
class JsonParser {
  private readonly text: string;
  private readonly withoutNulls: boolean;
  private position = 0;
  private depth = 0;

  constructor(text: string, withoutNulls: boolean) {
    this.text = text;
    this.withoutNulls = withoutNulls;
  }

  document(): unknown {
    const value = this.value();
    this.skipSpace();
    if (this.position < this.text.length) throw this.unexpected("the end of the text");
    return value;
  }

  private value(): unknown {
    const char = this.skipSpace();
    switch (char) {
      case quote:
        return this.string();
      case openBrace:
        return this.object();
      case openBracket:
        return this.array();
      case smallT:
        return this.literal("true", true);
      case smallF:
        return this.literal("false", false);
      case smallN:
        return this.literal("null", null);
    }
    if (char !== minus && !isDigit(char)) throw this.unexpected("a value");
    return this.number();
  }

  private object(): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    this.open();
    if (this.skipSpace() === closeBrace) return this.close(members);
    for (;;) {
      if (this.skipSpace() !== quote) throw this.unexpected("a property name in quotes");
      const key = this.string();
      if (this.skipSpace() !== colon) throw this.unexpected('":" after a property name');
      this.position++;
      this.setMember(members, key, this.value());
      const end = this.skipSpace();
      if (end === closeBrace) return this.close(members);
      if (end !== comma) throw this.unexpected('"," or "}" after a property');
      this.position++;
    }
  }

  private setMember(members: Record<string, unknown>, key: string, value: unknown): void {
    if (value === null && this.withoutNulls) {
      delete members[key];
    } else if (key === "__proto__") {
      // An assignment would change the object's prototype.
      const own = { value, configurable: true, enumerable: true, writable: true };
      Object.defineProperty(members, key, own);
    } else {
      members[key] = value;
    }
  }

  private array(): unknown[] {
    const items: unknown[] = [];
    this.open();
    if (this.skipSpace() === closeBracket) return this.close(items);
    for (;;) {
      const item = this.value();
      if (item !== null || !this.withoutNulls) items.push(item);
      const end = this.skipSpace();
      if (end === closeBracket) return this.close(items);
      if (end !== comma) throw this.unexpected('"," or "]" after an array element');
      this.position++;
    }
  }

  private open(): void {
    if (this.depth === maxJsonDepth) throw tooDeep(this.text, this.position);
    this.depth++;
    this.position++;
  }

  private close<Value>(value: Value): Value {
    this.depth--;
    this.position++;
    return value;
  }

  private literal<Value>(word: string, value: Value): Value {
    if (!this.text.startsWith(word, this.position)) throw this.unexpected("a value");
    this.position += word.length;
    return value;
  }

  private string(): string {
    const start = this.position;
    const end = endOfString(this.text, start);
    if (end === this.text.length) throw this.fault("a string without its closing quote");
    this.position = end + 1;
    try {
      return JSON.parse(this.text.slice(start, end + 1));
    } catch {
      throw this.stringFault(start + 1);
    }
  }

  /** What the engine refused in a string: a control character or an unknown escape. */
  private stringFault(start: number): JsonError {
    const { text } = this;
    this.position = start;
    while (this.position < text.length) {
      const char = text[this.position] as string;
      if (char < " ") {
        return this.unexpected("an escape for a control character in a string");
      }
      if (char !== "\\") {
        this.position++;
        continue;
      }
      const [known] = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(text.slice(this.position)) ?? [];
      if (known === undefined) break;
      this.position += known.length;
    }
    const letter = text[this.position + 1];
    return this.fault(
      letter === "u" ? '"\\u" without four hexadecimal digits' : `unknown escape "\\${letter}"`,
    );
  }

  private number(): number | bigint {
    const { text } = this;
    const start = this.position;
    if (text.charCodeAt(start) === minus) this.position++;
    if (text.charCodeAt(this.position) === zero) {
      this.position++;
      if (isDigit(text.charCodeAt(this.position))) throw this.fault("a number with a leading zero");
    } else {
      this.digits();
    }
    const integerEnd = this.position;
    if (text.charCodeAt(this.position) === dot) {
      this.position++;
      this.digits();
    }
    const letter = text.charCodeAt(this.position);
    if (letter === smallE || letter === capitalE) {
      this.position++;
      const sign = text.charCodeAt(this.position);
      if (sign === plus || sign === minus) this.position++;
      this.digits();
    }
    const token = text.slice(start, this.position);
    const number = Number(token);
    const isRounded = this.position === integerEnd && !Number.isSafeInteger(number);
    return isRounded && token.length <= maxExactDigits ? BigInt(token) : number;
  }

  private digits(): void {
    const start = this.position;
    while (isDigit(this.text.charCodeAt(this.position))) this.position++;
    if (this.position === start) throw this.unexpected("a digit");
  }

  /** Steps over white space and returns what follows: NaN at the end of the text. */
  private skipSpace(): number {
    const { text } = this;
    let { position } = this;
    let char = text.charCodeAt(position);
    while (char === space || char === newline || char === carriageReturn || char === tab) {
      char = text.charCodeAt(++position);
    }
    this.position = position;
    return char;
  }

  private unexpected(expected: string): JsonError {
    const char = this.text.codePointAt(this.position);
    const found =
      char === undefined ? "the end of the text" : JSON.stringify(String.fromCodePoint(char));
    return this.fault(`expected ${expected}, found ${found}`);
  }

  private fault(problem: string): JsonError {
    return new JsonError(this.text, this.position, problem);
  }
}

function isDigit(char: number): boolean {
  return char >= zero && char <= nine;
}
