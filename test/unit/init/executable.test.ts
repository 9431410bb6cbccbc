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
      const nowhere = "executable file not found in $PATH";
      const unable = "unable to start container process: exec:";
      const where = "(config.json /process/args/0)";
      const refused: [string, string][] = [
        ["/none", `${unable} "/none": stat /none: no such file or directory (ENOENT) ${where}`],
        ["one/x", `${unable} "one/x": stat one/x: no such file or directory (ENOENT) ${where}`],
        [
          `${path}/one`,
          `${unable} "${path}/one": permission denied (EACCES): it is a directory ${where}`,
        ],
        [
          `${path}/one/plain`,
          `${unable} "${path}/one/plain": permission denied (EACCES): it is not executable for the user ${where}`,
        ],
        [
          `${path}/one/fifo`,
          `${unable} "${path}/one/fifo": permission denied (EACCES): it is not a regular file ${where}`,
        ],
        ["tool", `${unable} "tool": ${nowhere} ${where}; PATH is ${path}/one`],
        [
          "plain",
          `${unable} "plain": ${path}/one/plain: permission denied (EACCES): it is not executable for the user ${where}; PATH is ${path}/one`,
        ],
        ["dangling", `${unable} "dangling": ${nowhere} ${where}; PATH is ${path}/one`],
      ];
      for (const [program, message] of refused)
        throws(() => findExecutable(program, env), { name: "Failure", message });
    });
  });

  test("with an empty name is not the directory", () => {
    throws(() => findExecutable("", ["PATH=/bin"]), { name: "Failure" });
  });
});
