/** The completion that bash gives with the script. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { bashCompletion } from "../../../../src/cli/reference/bash.ts";
import { testCompletion } from "./completion.ts";

/** It is asked as when somebody types the line. */
testCompletion((line, folder) => {
  const script = `${bashCompletion()}
compopt() { :; }
COMP_LINE=$1 COMP_POINT=\${#1}
_tsrun
[ \${#COMPREPLY[@]} = 0 ] || printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["--norc", "-u", "-c", script, "bash", line],
    {
      cwd: folder,
      encoding: "utf8",
      env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder },
    },
  );
  assert.deepEqual([status, stderr], [0, ""]);
  return stdout.split("\n").slice(0, -1);
});
