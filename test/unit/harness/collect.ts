/**
 * Writes the test program of the binary to build/unit/tests.ts: all test files of test/unit but those that need Node
 * (`*.node.test.ts`).
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";

const OUTPUT = "build/unit";

const files = readdirSync("test/unit", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts") && !file.endsWith(".node.test.ts"))
  .map((file) => `test/unit/${file}`)
  .sort();

// All imports are dynamic, so that the engine's missing globals, which the bundler puts into this module, are there first.
// Text that has no form in UTF-8, which a test may be about, must not end the run.
const program = `// Made by test/unit/harness/collect.ts.
const { writeAll } = await import("../../src/linux/fs.ts");
const { exit } = await import("../../src/linux/process.ts");
const { collectFile, runTests } = await import("../../test/unit/harness/test.ts");

${files.map((file) => `await collectFile("${file}", () => import("../../${file}"));`).join("\n")}
exit(runTests((line) => writeAll(1, \`\${line.toWellFormed()}\\n\`)));
`;
mkdirSync(OUTPUT, { recursive: true });
writeFileSync(`${OUTPUT}/tests.ts`, program);
