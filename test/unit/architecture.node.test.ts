/**
 * The layers of docs/architecture.md: which folder may import what, where the engine may be known,
 * and where there may be C.
 */
import { deepEqual, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "../..");

/** What the files of a layer may import: other layers, and packages by name. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "src/library": [
    ...["src/runtime", "src/cgroup", "src/linux", "src/failure.ts", "spec"],
    ...["#abi", "node:", "esbuild"],
  ],
  "src/cli": ["src/runtime", "src/linux", "src/failure.ts", "spec", "#host", "#abi", "commander"],
  "src/runtime": [
    ...["src/init", "src/cgroup", "src/criu", "src/seccomp", "src/linux", "src/failure.ts", "spec"],
    ...["#host", "#abi"],
  ],
  "src/init": ["src/seccomp", "src/linux", "src/failure.ts", "#host", "#abi"],
  "src/seccomp": ["src/linux", "src/failure.ts", "spec/json.ts", "#host", "#abi"],
  "src/criu": ["src/linux", "src/failure.ts", "#host", "#abi"],
  "src/cgroup": ["src/linux", "src/failure.ts", "#host", "#abi"],
  "src/failure.ts": ["src/linux", "#abi"],
  "src/linux": ["#host", "#abi", "src/host/seam.ts"],
  "src/host": ["#abi", "node:", "koffi", "esbuild"],
  spec: ["#host", "#exact-json", "#validators", "node:", "ajv", "json-schema-to-typescript"],
};
/** Types only, and what the program says of itself. */
const anywhere = ["@opencontainers-types", "package.json", "#commit"];

/** All files below a folder of the repository, as paths from its root; made and installed ones excepted. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return [".git", "build", "node_modules", "docs/node_modules"].includes(path)
      ? []
      : filesBelow(path);
  });
}

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const isBelow = (path: string, place: string): boolean =>
  path === place || path.startsWith(place.endsWith(":") ? place : `${place}/`);
const layerOf = (path: string): string | undefined =>
  Object.keys(allowed).find((layer) => isBelow(path, layer));

/**
 * What a file imports, statically or not, as paths from the root or as names. The imports that a generator writes into
 * its output are not its own: seen from where it lies they lead out of the repository.
 */
function importsOf(path: string): string[] {
  const specifiers = read(path).matchAll(
    /^(?:import|export|\}).*?\bfrom "(.+?)"|\bimport\("(.+?)"\)|^import "(.+?)"/gm,
  );
  return [...specifiers]
    .map((match) => {
      const name = match.slice(1).find((group) => group !== undefined) ?? "";
      return name.startsWith(".") ? relative(root, join(root, dirname(path), name)) : name;
    })
    .filter((imported) => !imported.startsWith("../"));
}

const programs = [...filesBelow("src"), ...filesBelow("spec")].filter((path) =>
  path.endsWith(".ts"),
);

describe("the layers", () => {
  it("every file belongs to one", () => {
    deepEqual(
      programs.filter((path) => layerOf(path) === undefined),
      [],
    );
  });

  it("every layer is there, and every import of a file is found", () => {
    for (const layer of Object.keys(allowed)) ok(existsSync(join(root, layer)), layer);
    deepEqual(importsOf("src/runtime/create.ts"), [
      "src/runtime/context.ts",
      "src/runtime/launch.ts",
    ]);
    ok(importsOf("src/cli/loading.ts").includes("src/runtime/create.ts"), "a dynamic import");
    ok(importsOf("src/runtime/store.ts").includes("src/linux/fs.ts"), "an import of many lines");
  });

  it("imports go one way", () => {
    const wrong = programs.flatMap((path) => {
      const layer = layerOf(path) ?? "";
      const places = [layer, ...(allowed[layer] ?? []), ...anywhere];
      return importsOf(path)
        .filter((imported) => !places.some((place) => isBelow(imported, place)))
        .map((imported) => `${path} imports ${imported}`);
    });
    deepEqual(wrong, []);
  });
});

describe("the seam", () => {
  it("outside src/host nothing knows which engine runs", () => {
    const engine = /quickjs|koffi|nativeHost|\bnode(\.js|:)|\b(globalThis|process\.versions)\b/i;
    // spec/generate*.ts and the library's build.ts are the build's, not the program's.
    const isOurs = (path: string) =>
      !path.startsWith("src/host/") &&
      !path.startsWith("spec/generate") &&
      path !== "src/library/build.ts";
    // The library is Node's, and knows of it what Node's own modules are.
    const withoutNode = (path: string, text: string) =>
      path.startsWith("src/library/") ? text.replaceAll('from "node:', 'from "') : text;
    const codeOf = (path: string) =>
      withoutNode(path, read(path)).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*/gm, "");
    deepEqual(
      programs.filter(isOurs).filter((path) => engine.test(codeOf(path))),
      [],
    );
  });

  it("C is in src/host/quickjs, bench and test/vm only", () => {
    const isC = (path: string) => /\.([chS]|cc|cpp|hpp|s)$/.test(path);
    const places = ["src/host/quickjs", "bench", "test/vm"];
    deepEqual(
      filesBelow("").filter((path) => isC(path) && !places.some((place) => isBelow(path, place))),
      [],
    );
  });
});
