/**
 * `plan.ts` for Node: what the binary loads when a config needs it, Node would have to wait for, so here all of it is one
 * module.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "../../../..");
const OUTPUT = join(root, "build/unit/plan.js");

/** `load(import("./x.ts"))` as a plain call that returns the module. */
const atOnce: Plugin = {
  name: "modules at once",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll(
        /\bload\(import\((".*?")\)\)/g,
        "require($1)",
      ),
      loader: "ts",
    }));
  },
};

export async function bundledPlan(): Promise<typeof import("./plan.ts")> {
  mkdirSync(join(root, "build/unit"), { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: [join(import.meta.dirname, "plan.ts")],
    outfile: OUTPUT,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["koffi"],
    plugins: [atOnce],
    logLevel: "warning",
  });
  return (await import(OUTPUT)) as typeof import("./plan.ts");
}
