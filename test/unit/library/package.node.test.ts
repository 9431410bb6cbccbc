/** The package, as npm makes it and as others use it: installed in a folder of its own, from JavaScript and TypeScript. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const root = join(import.meta.dirname, "../../..");
const user = mkdtempSync(join(tmpdir(), "tsrun-package-"));
after(() => rmSync(user, { recursive: true, force: true }));

/** As npm would, but for what the package needs: that is taken from this folder, without asking a registry. */
function install(): string[] {
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", user], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  ) as [{ filename: string; files: { path: string }[] }];
  const place = join(user, "node_modules/tsrun");
  mkdirSync(place, { recursive: true });
  execFileSync("tar", ["-xzf", join(user, packed.filename), "--strip-components=1", "-C", place]);
  for (const name of ["koffi", "@koromix", "@types", "undici-types"])
    symlinkSync(join(root, "node_modules", name), join(user, "node_modules", name));
  writeFileSync(join(user, "package.json"), '{ "type": "module" }');
  return packed.files.map(({ path }) => path);
}

const files = install();

const node = (script: string): string =>
  execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: user,
    encoding: "utf8",
    env: { ...process.env, TSRUN: "" },
  });

test("it holds the library, its types and the binary, and no sources", () => {
  for (const path of ["build/library/index.js", "build/tsrun"])
    assert.ok(files.includes(path), path);
  assert.deepEqual(
    files.filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts")),
    [],
  );
});

test("it needs nothing else but koffi", () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.deepEqual(Object.keys(dependencies), ["koffi"]);
});

test("JavaScript imports it, and finds the binary in it", () => {
  const script = `import { Runtime } from "tsrun";
    console.log((await new Runtime({ root: "${user}/containers" }).version()).spec);`;
  assert.equal(node(script), "1.3.0\n");
});

/** What the compiler says, declarations of the package included; Node's own are not ours to mend. */
const mistakes = (): string[] =>
  spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", user], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((line) => /: error /.test(line) && !line.includes("node_modules/@types/"));

test("TypeScript knows its types, and every example of the documentation is right", () => {
  const text = readFileSync(join(root, "docs/library.md"), "utf8");
  const examples = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  assert.ok(examples.length >= 5);
  for (const [i, code] of examples.entries())
    writeFileSync(join(user, `example${i}.ts`), `${code}`);
  writeFileSync(
    join(user, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        ...{ module: "NodeNext", target: "ES2023", strict: true, noEmit: true, types: ["node"] },
        exactOptionalPropertyTypes: true,
      },
    }),
  );
  assert.deepEqual(mistakes(), []);
});

test("TypeScript takes options that somebody else has put together", () => {
  const code = `import { type ContainerProcess, type ExecOptions, Runtime, type RunOptions } from "tsrun";
export const both = async (run: RunOptions, exec: ExecOptions): Promise<ContainerProcess[]> => {
  const runtime = new Runtime();
  return [await runtime.run("web", run), await runtime.exec("web", ["sh"], exec)];
};
`;
  writeFileSync(join(user, "wrapper.ts"), code);
  const found = mistakes();
  rmSync(join(user, "wrapper.ts"));
  assert.deepEqual(found, []);
});

test("TypeScript refuses what is wrong", () => {
  writeFileSync(
    join(user, "wrong.ts"),
    'import { Runtime } from "tsrun";\nawait new Runtime().run("web", { bundel: "/b" });\n',
  );
  const found = mistakes();
  rmSync(join(user, "wrong.ts"));
  assert.match(found.join(), /wrong\.ts\(2,\d+\)/);
});
