/** What every shell's completion is asked, and the answers. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { commands } from "../../../../src/cli/commands.ts";

/** What the shell offers at the end of a line that is typed in a folder, without the marks of folders. */
export type Shell = (line: string, folder: string) => readonly string[];

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
  ["tsrun --root=/r start ", "elsewhere"],
  ["tsrun --root ~ start ", "home"],
  ["tsrun start one o"],
  ["tsrun kill o", "one", "other"],
  ["tsrun kill one TER", "TERM"],
  ["tsrun kill -a one KIL", "KILL"],
  ["tsrun ps -f ", "table", "json"],
  // These are another program's.
  ["tsrun ps one -"],
  ["tsrun exec one sh --"],
  // Where the containers cannot be listed.
  ["tsrun --root /none start "],
];

/** In the place of tsrun: lists containers for the right calls only. */
const LISTER = `#!/bin/sh
case "$*" in
  "list --quiet") echo one; echo other ;;
  "--root /r list --quiet" | "--root=/r list --quiet") echo elsewhere ;;
  "--root $HOME list --quiet") echo home ;;
  "--root /none list --quiet") echo failed >&2; exit 1 ;;
  *) echo nonsense ;;
esac
`;

/** For a shell that finds `tsrun` in the folder, which is its user's home. */
export function testCompletion(shell: Shell): void {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-completion-"));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "bundle"));
  writeFileSync(join(folder, "file"), "");
  writeFileSync(join(folder, "tsrun"), LISTER);
  chmodSync(join(folder, "tsrun"), 0o755);
  const offered = (line: string): string[] => [...shell(line, folder)].sort();

  for (const [line, ...offers] of cases)
    test(`${line}: ${offers.join(", ") || "nothing"}`, () => {
      assert.deepEqual(offered(line), offers.sort());
    });

  test("all commands, and the options of each", () => {
    assert.deepEqual(offered("tsrun "), [...commands.keys(), "help"].sort());
    for (const name of commands.keys())
      assert.ok(offered(`tsrun ${name} --h`).includes("--help"), name);
  });
}
