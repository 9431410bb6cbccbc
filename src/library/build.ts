/**
 * Builds the library: `build.ts OUTDIR`. index.js is one module, which imports packages only; types/ has the
 * declarations that are reached from it, as tsc writes them.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { build, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "../..");
const ENTRY = "src/library/index.ts";

/**
 * In Node an import has to be waited for, and the runtime does not wait: what it loads with `load(import("./x.ts"))` becomes
 * a part of the library, as if it was imported at the top.
 */
const loadedBeforehand: Plugin = {
  name: "loaded beforehand",
  setup({ onLoad }) {
    onLoad({ filter: /\/(src|spec)\/.*\.ts$/ }, ({ path }) => {
      const imports: string[] = [];
      const source = readFileSync(path, "utf8").replaceAll(
        /\bload\(import\((".+?")\)\)/g,
        (_, module) => `load(loaded${imports.push(module)})`,
      );
      const lines = imports.map((module, i) => `import * as loaded${i + 1} from ${module};`);
      return { contents: [source, ...lines].join("\n"), loader: "ts" };
    });
  },
};

async function bundle(outdir: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [ENTRY],
    outfile: join(outdir, "index.js"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: true,
    legalComments: "none",
    plugins: [loadedBeforehand],
    logLevel: "warning",
  });
}

/** Where a declaration comes from, by how it is imported; undefined for what is Node's. */
function source(specifier: string, from: string): string | undefined {
  if (specifier === "@opencontainers-types") return "build/generated/opencontainers-types";
  if (specifier.startsWith("."))
    return join(dirname(from), specifier).replace(/(\.d)?\.[jt]s$/, "");
  if (specifier.startsWith("node:")) return undefined;
  throw new Error(`${from}.d.ts imports ${specifier}, which nobody has who installs the package`);
}

/** Copies a declaration and all that it imports. */
function declare(name: string, from: string, to: string, done: Set<string>): void {
  if (done.has(name)) return;
  done.add(name);
  const text = readFileSync(join(from, `${name}.d.ts`), "utf8").replace(
    /(\bfrom |\bimport\()"(.+?)"/g,
    (whole, before, specifier) => {
      const target = source(specifier, name);
      if (target === undefined) return whole;
      declare(target, from, to, done);
      const path = relative(dirname(name), target);
      return `${before}"${path.startsWith(".") ? path : `./${path}`}.js"`;
    },
  );
  const file = join(to, `${name}.d.ts`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function declarations(outdir: string): void {
  const emitted = mkdtempSync(join(tmpdir(), "tsrun-types-"));
  try {
    const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"];
    const places = ["--stripInternal", "--rootDir", root, "--outDir", emitted];
    execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", root, ...options, ...places], {
      stdio: "inherit",
    });
    declare(ENTRY.replace(".ts", ""), emitted, join(outdir, "types"), new Set());
  } finally {
    rmSync(emitted, { recursive: true, force: true });
  }
}

const [outdir] = process.argv.slice(2);
if (outdir === undefined) throw new Error("usage: build.ts OUTDIR");
rmSync(outdir, { recursive: true, force: true });
await bundle(resolve(outdir));
declarations(resolve(outdir));
