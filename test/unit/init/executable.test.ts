import { equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { O_CREAT, O_WRONLY, S_IFIFO } from "#abi";
import { findExecutable } from "../../../src/init/executable.ts";
import { mkdirAt, mknodAt, symlinkAt, writeText } from "../../../src/linux/fs.ts";
import { inScratch } from "../linux/scratch.ts";

/** one/{directory/, plain, fifo}, two/{tool, plain}, and a link to the tool. */
function inTools(use: (path: string) => void): void {
  inScratch((dir, path) => {
    for (const name of ["one", "two", "one/directory"]) mkdirAt(dir, name, 0o755);
    writeText("one/plain", "", O_CREAT | O_WRONLY, dir, 0o644);
    writeText("two/plain", "", O_CREAT | O_WRONLY, dir, 0o755);
    writeText("two/tool", "", O_CREAT | O_WRONLY, dir, 0o755);
    mknodAt(dir, "one/fifo", S_IFIFO | 0o755);
    symlinkAt("../two/tool", dir, "one/linked");
    symlinkAt("nowhere", dir, "one/dangling");
    use(path);
  });
}

describe("a program", () => {
  test("is found where execvp(3) would find it", () => {
    inTools((path) => {
      const env = [`PATH=/none:${path}/one:${path}/two`];
      equal(findExecutable("tool", env), `${path}/two/tool`);
      // What is first but cannot be executed is passed over.
      equal(findExecutable("plain", env), `${path}/two/plain`);
      equal(findExecutable("linked", env), `${path}/one/linked`);
      equal(findExecutable(`${path}/two/tool`, []), `${path}/two/tool`);
      equal(findExecutable("tool", ["PATH=/none", ...env]), `${path}/two/tool`);
      equal(findExecutable("sh", []).endsWith("/sh"), true);
    });
  });

  test("that cannot be run says why", () => {
    inTools((path) => {
      const env = [`PATH=${path}/one`];
      const nowhere = "executable file not found in the container's PATH";
      const where = "(config.json /process/args/0)";
      const refused: [string, string][] = [
        ["/none", `the program "/none" cannot be run: no such file or directory (ENOENT) ${where}`],
        ["one/x", `the program "one/x" cannot be run: no such file or directory (ENOENT) ${where}`],
        [
          `${path}/one`,
          `the program "${path}/one" cannot be run: permission denied (EACCES): it is a directory ${where}`,
        ],
        [
          `${path}/one/plain`,
          `the program "${path}/one/plain" cannot be run: permission denied (EACCES): it is not executable for the user ${where}`,
        ],
        [
          `${path}/one/fifo`,
          `the program "${path}/one/fifo" cannot be run: permission denied (EACCES): it is not a regular file ${where}`,
        ],
        ["tool", `the program "tool" cannot be run: ${nowhere} ${where}; PATH is ${path}/one`],
        [
          "plain",
          `the program "plain" cannot be run: ${path}/one/plain: permission denied (EACCES): it is not executable for the user ${where}; PATH is ${path}/one`,
        ],
        [
          "dangling",
          `the program "dangling" cannot be run: ${nowhere} ${where}; PATH is ${path}/one`,
        ],
      ];
      for (const [program, message] of refused)
        throws(() => findExecutable(program, env), { name: "Failure", message });
    });
  });

  test("with an empty name is not the directory", () => {
    throws(() => findExecutable("", ["PATH=/bin"]), { name: "Failure" });
  });
});
