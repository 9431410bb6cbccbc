/** process.rlimits are the program's: what leads to it is not hindered by them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, Runtime, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** To a pipe: a limit of file sizes holds for the standard output, too. */
const piped = new Runtime("tsrun", ["sh", "-c", `"$@" | cat`, "sh", tsrunPath]);

const EDITS: [string, (config: Config) => void][] = [
  ["", () => {}],
  [" in a user namespace", addUserNamespace],
  [
    " with a startContainer hook",
    (config) => {
      config.hooks = { startContainer: [{ path: "/bin/busybox", args: ["busybox", "true"] }] };
    },
  ],
];

for (const [where, edit] of EDITS)
  for (const files of [1, 4, 7])
    test(`${files} open files, and no bytes in a file${where}`, () => {
      const bundle = shellBundle("ulimit -Sn; ulimit -Hn; ulimit -f", {
        edit: (config) => {
          config.process.rlimits = [
            { type: "RLIMIT_NOFILE", soft: files, hard: files + 1 },
            { type: "RLIMIT_FSIZE", soft: 0, hard: 0 },
          ];
          edit(config);
        },
      });
      leavesNothing(() => {
        const { stdout } = succeeded(piped.call(["run", "--bundle", bundle.path, newId()]));
        assert.equal(stdout, `${files}\n${files + 1}\n0\n`);
      });
    });

test("a hard limit is raised for a user namespace's root, too", needs("CAP_SYS_RESOURCE"), () => {
  const caller = new Runtime("tsrun", ["prlimit", "--nofile=100:100", "--", tsrunPath]);
  const bundle = shellBundle("ulimit -Sn; ulimit -Hn", {
    edit: (config) => {
      addUserNamespace(config);
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 200, hard: 300 }];
    },
  });
  const { stdout } = succeeded(caller.call(["run", "--bundle", bundle.path, newId()]));
  assert.equal(stdout, "200\n300\n");
});
