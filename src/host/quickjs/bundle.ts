/**
 * Bundles a TypeScript program into one script for QuickJS: `bundle.ts ENTRY OUT [--debug]`. In a test program,
 * `node:test` and `node:assert/strict` are the small harness beside the tests.
 */
import { build } from "esbuild";

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const [entry, outfile, ...flags] = process.argv.slice(2);
if (!entry || !outfile) throw new Error("usage: bundle.ts ENTRY OUT [--debug]");
const debug = flags.includes("--debug");

await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  format: "iife",
  target: "es2023",
  conditions: ["quickjs"],
  mainFields: ["module", "main"],
  inject: [`${here}/globals.ts`],
  alias: Object.fromEntries(
    ["events", "child_process", "path", "fs", "process"].map((name) => [
      `node:${name}`,
      `${here}/node/${name}.ts`,
    ]),
  ),
  minifySyntax: true,
  minifyWhitespace: !debug,
  minifyIdentifiers: !debug,
  keepNames: false,
  legalComments: "none",
  logLevel: "warning",
});
