/**
 * Bundles a TypeScript program for QuickJS and compiles it: `bundle.ts ENTRY OUTDIR [--debug] [--alias NAME=FILE]…`.
 * What the program imports dynamically becomes a module of its own, which is loaded only when a call needs it; what it
 * imports as NAME is FILE. Leaves in OUTDIR the modules as JavaScript and as bytecode, and modules.S, the table that
 * main.c finds them by, the entry first.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const compiler = "build/quickjs/compile";

const {
  positionals: [entry, outdir],
  values: { debug, alias },
} = parseArgs({
  allowPositionals: true,
  options: {
    debug: { type: "boolean", default: false },
    alias: { type: "string", multiple: true, default: [] },
  },
});
if (!entry || !outdir)
  throw new Error("usage: bundle.ts ENTRY OUTDIR [--debug] [--alias NAME=FILE]");

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
const { outputs } = (await bundle(entry, outdir)).metafile;
const files = Object.entries(outputs)
  .sort(([, a], [, b]) => Number(b.entryPoint === entry) - Number(a.entryPoint === entry))
  .map(([path]) => path);
for (const file of files) {
  loadAtOnce(file);
  // Names for stack traces are kept in a debug build only.
  const strip = debug ? [] : ["--strip"];
  execFileSync(compiler, [...strip, file, `${file}.bc`, basename(file)], { stdio: "inherit" });
}
writeFileSync(`${outdir}/modules.S`, moduleTable(files));

function bundle(entryPoint: string, directory: string) {
  // What commander imports.
  const nodeModules = ["events", "child_process", "path", "fs", "process"].map((name) => [
    `node:${name}`,
    `${here}/node/${name}.ts`,
  ]);
  return build({
    entryPoints: [entryPoint],
    outdir: directory,
    entryNames: "[name]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2023",
    conditions: ["quickjs"],
    mainFields: ["module", "main"],
    inject: [`${here}/globals.ts`],
    alias: Object.fromEntries([...nodeModules, ...alias.map((pair) => pair.split("=", 2))]),
    minifySyntax: true,
    minifyWhitespace: !debug,
    minifyIdentifiers: !debug,
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
  });
}

/** Has the module's dynamic imports return the module, not a promise of it (`load` of the seam). */
function loadAtOnce(file: string): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replaceAll(/\bimport\("\.\/([\w.-]+)"\)/g, 'nativeHost.load("$1")'));
}

/** `struct module modules[]` of host.h, with the bytecode in read-only memory. */
function moduleTable(paths: readonly string[]): string {
  const data = paths.map(
    (path, i) => `name${i}: .asciz "${basename(path)}"
    .balign 8
start${i}: .incbin "${path}.bc"
end${i}:`,
  );
  const rows = paths.map((_, i) => `    .quad name${i}, start${i}, end${i}`);
  return `    .section .rodata
${data.join("\n")}
    .section .data.rel.ro, "aw"
    .balign 8
    .globl modules
modules:
${rows.join("\n")}
    .quad 0, 0, 0
    .section .note.GNU-stack, "", %progbits
`;
}
