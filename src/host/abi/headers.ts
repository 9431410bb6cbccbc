/**
 * What C headers say, read by the compiler and without running anything, so that the headers may be
 * another architecture's: constants by the technique of the kernel's asm-offsets (an `asm`
 * statement puts each value into the assembler text that `cc -S` writes), macros by `cc -E -dM`.
 */
import { spawnSync } from "node:child_process";

/** A C integer constant expression to evaluate. */
export interface Constant {
  readonly header: string;
  /** What the result is called. */
  readonly name: string;
  readonly expression: string;
  /** Evaluate it only if this macro is defined. */
  readonly onlyIf?: string;
}

/** The compiler's command line that sees one set of headers and nothing of the machine's own. */
export class Headers {
  readonly #compiler: readonly string[];
  readonly #flags: readonly string[];
  readonly #what: string;

  /**
   * @param compiler the compiler's program, and options of its own
   * @param what how error messages call these headers ("kernel headers for arm64")
   * @param flags the compiler flags that lead to them
   */
  constructor(compiler: readonly string[], what: string, flags: readonly string[]) {
    const builtin = run([...compiler, "-print-file-name=include"], "").output.trim();
    this.#compiler = compiler;
    this.#what = what;
    this.#flags = ["-w", "-x", "c", "-nostdinc", ...flags, "-isystem", builtin];
  }

  /**
   * The values of the constants by name; an optional constant that is not defined is left out.
   * @throws Error that names every constant that these headers do not have.
   */
  evaluate(constants: readonly Constant[]): Map<string, bigint> {
    const assembler = this.#compile(["-S", "-o", "-", "-"], unit(constants), constants);
    const values = new Map<string, bigint>();
    for (const match of assembler.matchAll(/^->(\d+) [$#]?(-?\d+) [$#]?([01])$/gm)) {
      const [, index, value, positive] = match;
      const constant = constants[Number(index)];
      if (constant === undefined || value === undefined) continue;
      // The value passed through a signed long; one that is not negative in C was unsigned.
      const signed = BigInt(value);
      values.set(constant.name, positive === "1" ? BigInt.asUintN(64, signed) : signed);
    }
    return values;
  }

  /** The macros defined once `header` is included, by name, with the text that replaces them. */
  macros(header: string): Map<string, string> {
    const text = this.#compile(["-E", "-dM", "-"], `#include <${header}>\n`, []);
    return new Map(
      [...text.matchAll(/^#define (\w+) (.*)$/gm)].map(([, name = "", body = ""]) => [name, body]),
    );
  }

  #compile(command: readonly string[], source: string, constants: readonly Constant[]): string {
    const { ok, output, messages } = run([...this.#compiler, ...this.#flags, ...command], source);
    if (ok) return output;
    const faults = new Map(
      [...messages.matchAll(/^->(\d+):.*?error: (.*)$/gm)].map(([, index, fault]) => {
        const constant = constants[Number(index)];
        return [`${constant?.name} of <${constant?.header}>`, fault];
      }),
    );
    if (faults.size === 0) throw new Error(`${this.#what}: ${messages.trim()}`);
    const list = [...faults].map(([constant, fault]) => `\n  ${constant}: ${fault}`).join("");
    throw new Error(`the ${this.#what} do not give:${list}`);
  }
}

/** A C source whose assembler text holds a line "->INDEX VALUE NOT_NEGATIVE" per constant. */
function unit(constants: readonly Constant[]): string {
  const headers = [...new Set(constants.map((constant) => constant.header))];
  const statements = constants.map(({ expression, onlyIf }, index) => {
    const operands = `"i"((long)(${expression})), "i"((${expression}) >= 0)`;
    // The line directive makes the compiler's messages name the constant by its index.
    const statement = `# 1 "->${index}"\n__asm__ volatile("\\n->${index} %0 %1" :: ${operands});`;
    return onlyIf === undefined ? statement : `#ifdef ${onlyIf}\n${statement}\n#endif`;
  });
  return [
    ...headers.map((header) => `#include <${header}>`),
    "void constants(void) {",
    ...statements,
    "}",
    "",
  ].join("\n");
}

function run(
  [program = "", ...args]: readonly string[],
  input: string,
): { ok: boolean; output: string; messages: string } {
  const result = spawnSync(program, args, {
    input,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error !== undefined) throw result.error;
  return { ok: result.status === 0, output: result.stdout, messages: result.stderr };
}
