/** Ends of the user's side: the terminal hangs up, or the input of a container with a terminal ends. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle } from "./harness/bundle.ts";
import type { Config } from "./harness/config.ts";
import { eventually, failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";
import { Terminal } from "./harness/terminal.ts";

nothingIsLeftAtTheEnd();

const withTerminal = (config: Config): void => {
  config.process.terminal = true;
};

const ENDINGS: Record<string, string> = {
  "on the signal": "trap 'exit 7' HUP; echo ready; while true; do sleep 0.05; done",
  "on the end of its input": "trap '' HUP; echo ready; cat > /dev/null; exit 7",
};

for (const [how, script] of Object.entries(ENDINGS)) {
  test(`a container that ends ${how} when the terminal hangs up is removed, its status passed on`, () => {
    const bundle = shellBundle(script, { edit: withTerminal });
    const id = newId();
    const file = join(newFolder("status"), "status");
    // The kernel tells the leader of the session, as tsrun is in a window of its own; the shell is in no way concerned.
    const caller = `setsid --ctty "$@"; echo $? > ${file}`;
    const command = ["sh", "-c", caller, "sh", ...tsrun.command, "run", "-b", bundle.path, id];
    leavesNothing(() => {
      const terminal = new Terminal("foreground", "24", "80", ...command);
      terminal.shows(/ready/);
      terminal.kill();
      eventually("the status is there", () => existsSync(file) && readFileSync(file).length > 0);
    });
    assert.equal(readFileSync(file, "utf8"), "7\n");
    failed(tsrun.call(["state", id]), /does not exist/);
  });
}

test("the end of the input reaches a program on a terminal as end of file", () => {
  const bundle = makeBundle(["cat"], { edit: withTerminal });
  const call = ["run", "-b", bundle.path, newId()];
  const { stdout } = succeeded(tsrun.call(call, { input: "a line\n" }));
  // Once from the terminal's echo, once from cat.
  assert.equal(stdout, "a line\r\na line\r\n");
  // After an unfinished line as well, and after none.
  for (const input of ["no newline", ""])
    assert.equal(succeeded(tsrun.call(["run", "-b", bundle.path, newId()], { input })).status, 0);
});
