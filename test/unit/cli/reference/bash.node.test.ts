/** The completion that bash gives with the script. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { commands } from "../../../../src/cli/commands.ts";
import { bashCompletion } from "../../../../src/cli/reference/bash.ts";

const folder = mkdtempSync(join(tmpdir(), "tsrun-completion-"));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "bundle"));
writeFileSync(join(folder, "file"), "");
// In the place of tsrun: lists containers for the right calls only.
writeFileSync(
  join(folder, "tsrun"),
  `#!/bin/sh
case "$*" in
  "list --quiet") echo one; echo other ;;
  "--root /r list --quiet") echo elsewhere ;;
  *) echo nonsense; echo "failed" >&2; exit 1 ;;
esac
`,
);
chmodSync(join(folder, "tsrun"), 0o755);

/** What bash offers at the end of a line, which it asks as it does when somebody types it. */
function offered(line: string): string[] {
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
}

const cases: [line: string, ...offers: string[]][] = [
  ["tsrun st", "start", "state"],
  ["tsrun help st", "start", "state"],
  ["tsrun --log-f", "--log-format"],
  ["tsrun --log-format ", "text", "json"],
  ["tsrun --log-format=j", "json"],
  ["tsrun --debug --cgroup-manager s", "systemd"],
  ["tsrun --root b", "bundle"],
  ["tsrun --log f", "file"],
  ["tsrun --root /r sta", "start", "state"],
  ["tsrun run --bundle b", "bundle"],
  ["tsrun run -b b", "bundle"],
  ["tsrun run --det", "--detach"],
  // The name of a new container is nobody's to guess.
  ["tsrun run "],
  ["tsrun create -b bundle "],
  ["tsrun start ", "one", "other"],
  ["tsrun start on", "one"],
  ["tsrun --root /r start ", "elsewhere"],
  ["tsrun start one "],
  ["tsrun kill o", "one", "other"],
  ["tsrun kill one TER", "TERM"],
  ["tsrun kill -a one KIL", "KILL"],
  ["tsrun ps -f ", "table", "json"],
  ["tsrun ps one -"],
];

for (const [line, ...offers] of cases)
  test(`${line}: ${offers.join(", ") || "nothing"}`, () => {
    assert.deepEqual(offered(line), offers);
  });

test("where the containers cannot be listed, nothing is offered", () => {
  assert.deepEqual(offered("nosuchtsrun start "), []);
});

test("all commands, and the options of each", () => {
  assert.deepEqual(offered("tsrun "), [...commands.keys(), "help"]);
  for (const name of commands.keys()) assert.ok(offered(`tsrun ${name} --h`).includes("--help"));
});
