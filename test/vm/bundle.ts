/** The tests as JavaScript, each file one module: in the guest there is no TypeScript, and little CPU. */
import { cpSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { build, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "../..");
const REPORTER = "test/results/reporter.ts";
const MACHINE = "test/integration/harness/machine.ts";

/** A module that has become part of another one still finds the files that lie beside it. */
const ownFolder: Plugin = {
  name: "own folder",
  setup({ onLoad }) {
    onLoad({ filter: /\/test\/.*\.ts$/ }, ({ path }) => {
      const folder = JSON.stringify(`/job/${relative(root, join(path, ".."))}`);
      const source = readFileSync(path, "utf8");
      return { contents: source.replaceAll("import.meta.dirname", folder), loader: "ts" };
    });
  },
};

/**
 * Bundles test files, given as paths from the repository's root, into the same places below a folder,
 * with all that they need to run; says which of them have tests that need the VM.
 */
export async function bundle(files: readonly string[], folder: string): Promise<Set<string>> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...files, REPORTER],
    outdir: folder,
    outbase: root,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["koffi"],
    sourcemap: "inline",
    // Without them the maps tell as much, and are read in a fraction of the time.
    sourcesContent: false,
    plugins: [ownFolder],
    metafile: true,
    logLevel: "warning",
  });
  cpSync(join(root, "test/integration"), join(folder, "test/integration"), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts"),
  });
  for (const part of ["node_modules/koffi", "node_modules/@koromix"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  return new Set(
    Object.values(metafile.outputs).flatMap(({ entryPoint, inputs }) =>
      entryPoint !== undefined && MACHINE in inputs ? [entryPoint] : [],
    ),
  );
}
