import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY } from "#abi";
import { environmentOf } from "../../../src/init/environment.ts";
import { lookupEnv } from "../../../src/init/executable.ts";
import { mkdirAt, openAt, symlinkAt, using, writeAll } from "../../../src/linux/fs.ts";
import { encode } from "../../../src/linux/text.ts";
import { inScratch } from "../linux/scratch.ts";

/** Runs `use` with a root that has this /etc/passwd, or none. */
function withPasswd(passwd: string | Uint8Array | undefined, use: (root: number) => void): void {
  inScratch((dir) => {
    mkdirAt(dir, "etc", 0o755);
    if (passwd !== undefined)
      using(openAt(dir, "etc/passwd", O_CREAT | O_WRONLY, { mode: 0o644 }), (fd) =>
        writeAll(fd, passwd),
      );
    use(dir);
  });
}

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/usr/sbin:/bin/false
ten:x:10:10::/home/ten:/bin/sh
ten again:x:10:10::/home/other:/bin/sh
homeless:x:11:11:::
long:x:4242:42::/home/long:/bin/sh
short:x:12:12
`;

describe("the environment of the process", () => {
  const environments: [string[], number, string[]][] = [
    [["HOME=/given"], 0, ["HOME=/given"]],
    [["PATH=/bin", "TERM=x"], 0, ["PATH=/bin", "TERM=x", "HOME=/root"]],
    [[], 1, ["HOME=/usr/sbin"]],
    [[], 10, ["HOME=/home/ten"]],
    [[], 11, ["HOME=/"]],
    [[], 12, ["HOME=/"]],
    [[], 999, ["HOME=/"]],
    // A part of an id is no id.
    [[], 100, ["HOME=/"]],
    [[], 42, ["HOME=/"]],
    [["HOME="], 0, ["HOME=/root"]],
    [["A=1", "B=2", "A=3"], 0, ["A=3", "B=2", "HOME=/root"]],
    [["HOME=/one", "HOME=/two"], 0, ["HOME=/two"]],
    [["A=b=c", "A==", "HOMER=simpson"], 0, ["A==", "HOMER=simpson", "HOME=/root"]],
  ];
  for (const [env, uid, expected] of environments)
    test(`${JSON.stringify(env)} of user ${uid}`, () => {
      withPasswd(PASSWD, (root) => {
        deepEqual(environmentOf(env, root, uid), expected);
      });
    });

  test("an image without users", () => {
    for (const passwd of [undefined, "", "\n\n", ":::::", "root"])
      withPasswd(passwd, (root) => deepEqual(environmentOf([], root, 0), ["HOME=/"]));
  });

  test("a last line without an end, and lines in another encoding", () => {
    withPasswd("a:x:7:7::/home/a:", (root) =>
      deepEqual(environmentOf([], root, 7), ["HOME=/home/a"]),
    );
    const lines = [...encode("old:x:1:1:"), 0xe9, 0xff, ...encode(":/o:\nnew:x:7:7::/n:\n")];
    withPasswd(Uint8Array.from(lines), (root) => {
      deepEqual(environmentOf([], root, 7), ["HOME=/n"]);
    });
  });

  test("a home of letters beyond ASCII is the same path", () => {
    withPasswd("é:x:7:7::/home/é€:/bin/sh\n", (root) => {
      deepEqual(environmentOf([], root, 7), ["HOME=/home/é€"]);
    });
  });

  test("a passwd that leads out of the root is not followed there", () => {
    inScratch((dir) => {
      mkdirAt(dir, "root", 0o755);
      mkdirAt(dir, "root/etc", 0o755);
      symlinkAt("../../../../../../etc/passwd", dir, "root/etc/passwd");
      using(openAt(dir, "root", O_RDONLY | O_DIRECTORY), (root) => {
        let env: string[] = [];
        try {
          env = environmentOf([], root, 0);
        } catch {
          return;
        }
        deepEqual(env, ["HOME=/"]);
      });
    });
  });

  test("entries without a name are kept as they are", () => {
    withPasswd(PASSWD, (root) => {
      deepEqual(environmentOf(["no equals", "another"], root, 0), [
        "no equals",
        "another",
        "HOME=/root",
      ]);
    });
  });
});

describe("a variable is looked up", () => {
  const env = ["A=1", "AB=2", "A=3", "EMPTY=", "=x", "C=d=e", "none"];
  const values: [string, string | undefined][] = [
    ["A", "3"],
    ["AB", "2"],
    ["EMPTY", ""],
    ["C", "d=e"],
    ["B", undefined],
    ["a", undefined],
    ["none", undefined],
    ["", "x"],
  ];
  for (const [name, value] of values)
    test(JSON.stringify(name), () => equal(lookupEnv(env, name), value));
});
