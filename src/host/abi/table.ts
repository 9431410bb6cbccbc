/** The constants of one architecture, and the TypeScript module that exports them. */
import { type Constant, Headers } from "./headers.ts";
import {
  type Group,
  KERNEL_CONSTANTS,
  LIBC_CONSTANTS,
  OPTIONAL_SYSTEM_CALLS,
  SIGNALS,
  STRUCTURES,
  type Structure,
  SYSTEM_CALLS,
} from "./names.ts";

export type Architecture = "x86_64" | "arm64";

/** How to see the headers of one architecture. */
export interface Target {
  readonly architecture: Architecture;
  /** The compiler's program, and options of its own. */
  readonly compiler: readonly string[];
  /** Compiler flags that lead to the kernel's headers, and to the C library's. */
  readonly kernelFlags: readonly string[];
  readonly libcFlags: readonly string[];
}

/** The macros by which C headers recognise an architecture. */
const ARCHITECTURE_MACROS: Readonly<Record<Architecture, readonly string[]>> = {
  x86_64: ["__x86_64__", "__x86_64", "__amd64__", "__amd64"],
  arm64: ["__aarch64__", "__AARCH64EL__", "__ARM_64BIT_STATE"],
};

/** The text of the module that exports the target's constants. */
export function render(target: Target): string {
  const { architecture, compiler } = target;
  const identity = identityFlags(architecture);
  const kernel = new Headers(compiler, `kernel headers for ${architecture}`, [
    ...identity,
    ...target.kernelFlags,
  ]);
  const libc = new Headers(compiler, `C library headers for ${architecture}`, [
    "-D_GNU_SOURCE",
    ...identity,
    ...target.kernelFlags,
    ...target.libcFlags,
  ]);
  const errors = namesDefined(kernel, "asm/errno.h", /^E[A-Z0-9]+$/);
  const capabilities = namesDefined(kernel, "linux/capability.h", /^CAP_[A-Z_]+$/);
  const values = new Map([
    ...kernel.evaluate([
      ...SYSTEM_CALLS.map(systemCall),
      ...OPTIONAL_SYSTEM_CALLS.map((name) => ({ ...systemCall(name), onlyIf: `__NR_${name}` })),
      ...constants(KERNEL_CONSTANTS),
      ...constants([errors.all, capabilities.all]),
      ...STRUCTURES.flatMap(layoutConstants),
      { header: "linux/version.h", name: "kernel version", expression: "LINUX_VERSION_CODE" },
    ]),
    ...libc.evaluate([
      ...constants([...LIBC_CONSTANTS, SIGNALS]),
      ...REAL_TIME_SIGNALS,
      glibcVersion("major", "__GLIBC__"),
      glibcVersion("minor", "__GLIBC_MINOR__"),
    ]),
  ]);
  for (const name of OPTIONAL_SYSTEM_CALLS) {
    if (!values.has(`SYS_${name}`)) values.set(`SYS_${name}`, -1n);
  }
  return [
    `// Made by src/host/abi/generate.ts from the headers of ${headerVersions(values)}.`,
    `export const ARCHITECTURE = ${JSON.stringify(architecture)};`,
    ...section("asm/unistd.h", [...SYSTEM_CALLS, ...OPTIONAL_SYSTEM_CALLS].map(sys), values),
    ...[...KERNEL_CONSTANTS, ...LIBC_CONSTANTS, SIGNALS, errors.all, capabilities.all].flatMap(
      ({ header, names }) => section(header, names, values),
    ),
    ...section(
      "signal.h, real-time",
      REAL_TIME_SIGNALS.map(({ name }) => name),
      values,
    ),
    ...record("Signal numbers by name, aliases included.", "SIGNALS", SIGNALS.names, values),
    ...record("Capability numbers by name.", "CAPABILITIES", capabilities.primary, values),
    ...errorNames(errors.primary, values),
    ...STRUCTURES.flatMap((structure) => layoutObject(structure, values)),
    "",
  ].join("\n");
}

/** The flags that make headers take the compiler for the target's own. */
function identityFlags(architecture: Architecture): string[] {
  return Object.entries(ARCHITECTURE_MACROS).flatMap(([name, macros]) =>
    macros.map((macro) => (name === architecture ? `-D${macro}=1` : `-U${macro}`)),
  );
}

function sys(name: string): string {
  return `SYS_${name}`;
}

function systemCall(name: string): Constant {
  return { header: "asm/unistd.h", name: sys(name), expression: `__NR_${name}` };
}

function constants(groups: readonly Group[]): Constant[] {
  return groups.flatMap(({ header, names }) =>
    names.map((name) => ({ header, name, expression: name })),
  );
}

/** The C library keeps the first two real-time signals to itself: signal(7). */
const REAL_TIME_SIGNALS: readonly Constant[] = [
  { header: SIGNALS.header, name: "SIGRTMIN", expression: "__SIGRTMIN + 2" },
  { header: SIGNALS.header, name: "SIGRTMAX", expression: "__SIGRTMAX" },
];

/** The names that a header gives to numbers; `primary` leaves out those defined as another name. */
function namesDefined(
  headers: Headers,
  header: string,
  pattern: RegExp,
): { all: Group; primary: readonly string[] } {
  const macros = [...headers.macros(header)].filter(([name]) => pattern.test(name));
  const primary = macros
    .filter(([, body]) => /^\d/.test(body))
    .sort(([, one], [, other]) => Number.parseInt(one, 10) - Number.parseInt(other, 10))
    .map(([name]) => name);
  const aliases = macros.filter(([, body]) => primary.includes(body)).map(([name]) => name);
  const known = new Set(KERNEL_CONSTANTS.flatMap(({ names }) => names));
  return {
    all: { header, names: [...primary, ...aliases].filter((name) => !known.has(name)) },
    primary,
  };
}

function layoutConstants({ header, tag, members }: Structure): Constant[] {
  return [
    { header, name: `sizeof ${tag}`, expression: `sizeof(struct ${tag})` },
    ...members.flatMap((member) => [
      {
        header,
        name: `offset of ${tag}.${member}`,
        expression: `__builtin_offsetof(struct ${tag}, ${member})`,
      },
      {
        header,
        name: `sizeof ${tag}.${member}`,
        expression: `sizeof(((struct ${tag} *)0)->${member})`,
      },
    ]),
  ];
}

function glibcVersion(name: string, macro: string): Constant {
  return { header: "features.h", name: `glibc ${name}`, expression: macro, onlyIf: macro };
}

function headerVersions(values: ReadonlyMap<string, bigint>): string {
  const code = Number(found("kernel version", values));
  const kernel = `Linux ${code >> 16}.${(code >> 8) & 0xff}.${code & 0xff}`;
  const [major, minor] = [values.get("glibc major"), values.get("glibc minor")];
  return major === undefined ? kernel : `${kernel} and glibc ${major}.${minor}`;
}

function found(name: string, values: ReadonlyMap<string, bigint>): bigint {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the compiler printed no value for ${name}`);
  return value;
}

/** A number where a double holds it exactly, else a bigint. */
function literal(value: bigint): string {
  return Number.isSafeInteger(Number(value)) ? `${value}` : `${value}n`;
}

function section(
  header: string,
  names: readonly string[],
  values: ReadonlyMap<string, bigint>,
): string[] {
  return [
    "",
    `// ${header}`,
    ...names.map((name) => `export const ${name} = ${literal(found(name, values))};`),
  ];
}

/**
 * Names and numbers as one text, `;NAME=number;…;`, for `lookup` of src/linux/names.ts: an object with a property per
 * name would be made at every start of the program.
 */
function record(
  doc: string,
  name: string,
  keys: readonly string[],
  values: ReadonlyMap<string, bigint>,
): string[] {
  const entries = keys.map((key) => `${key}=${found(key, values)};`);
  return ["", `/** ${doc} */`, `export const ${name} = ";${entries.join("")}";`];
}

function errorNames(names: readonly string[], values: ReadonlyMap<string, bigint>): string[] {
  const entries = names.map((name) => `${found(name, values)}=${name};`);
  return [
    "",
    "/** The name of each error number; where there are several, the one that is no alias. */",
    `export const ERRNO_NAMES = ";${entries.join("")}";`,
  ];
}

function layoutObject(
  { header, tag, members }: Structure,
  values: ReadonlyMap<string, bigint>,
): string[] {
  return [
    "",
    `/** struct ${tag} of ${header}, in bytes. */`,
    `export const STRUCT_${tag} = {`,
    `  size: ${found(`sizeof ${tag}`, values)},`,
    "  members: {",
    ...members.map((member) => {
      const offset = found(`offset of ${tag}.${member}`, values);
      const size = found(`sizeof ${tag}.${member}`, values);
      return `    ${member}: { offset: ${offset}, size: ${size} },`;
    }),
    "  },",
    "} as const;",
  ];
}
