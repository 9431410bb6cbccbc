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

const program = `// Made by test/unit/harness/collect.ts.
import { writeAll } from "../../src/linux/fs.ts";
import { exit } from "../../src/linux/process.ts";
import { collectFile, runTests } from "../../test/unit/harness/test.ts";

${files.map((file) => `await collectFile("${file}", () => import("../../${file}"));`).join("\n")}
// Text that has no form in UTF-8, which a test may be about, must not end the run.
exit(runTests((line) => writeAll(1, \`\${line.toWellFormed()}\\n\`)));
`;
mkdirSync(OUTPUT, { recursive: true });
writeFileSync(`${OUTPUT}/tests.ts`, program);
