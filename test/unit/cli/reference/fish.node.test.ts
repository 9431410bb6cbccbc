/** The completion that fish gives with the script. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fishCompletion } from "../../../../src/cli/reference/fish.ts";
import { testCompletion } from "./completion.ts";

testCompletion((line, folder) => {
  const script = `${fishCompletion()}\ncomplete -C $argv[1]`;
  const { status, stdout, stderr } = spawnSync("fish", ["--no-config", "-c", script, line], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder },
  });
  assert.deepEqual([status, stderr], [0, ""]);
  const offers = stdout.split("\n").slice(0, -1);
  // The rest of the word, and the description.
  return offers.map((offer) =>
    offer
      .replace(/\t.*/, "")
      .replace(/^--.*=/, "")
      .replace(/\/$/, ""),
  );
});
