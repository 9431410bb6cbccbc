/** What the container's process observes, under tsrun and under its peers, must be the same. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sample } from "../vm/sample.ts";
import { DEPARTURES } from "./departures.ts";
import { makeBundle, writeConfig } from "./harness/bundle.ts";
import { succeeded } from "./harness/expect.ts";
import { scratch } from "./harness/isolation.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { type Difference, differences, type Observation, parse, probe } from "./harness/observe.ts";
import { crun, newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";
import { consoleSocket } from "./harness/terminal.ts";
import { asUser, giveFolders } from "./harness/user.ts";
import { VARIATIONS, type Variation } from "./variations.ts";

nothingIsLeftAtTheEnd();

/** The standard input is not /dev/null: crun would give the host's to the container's user. */
const NOT_NULL = { input: "" };

/** What the container has printed on the terminal that a console socket received. */
function throughTerminal(runtime: Runtime, bundle: string, id: string): string {
  const { path, terminal } = consoleSocket();
  chmodSync(path, 0o666);
  const call = ["run", "--detach", "--console-socket", path, "--bundle", bundle, id];
  succeeded(runtime.call(call, NOT_NULL), `${runtime.name} run`);
  terminal.shows(/^=== end$/m);
  succeeded(runtime.call(["delete", "--force", id]), `${runtime.name} delete`);
  return terminal.output;
}

/** Runs the variation from a fresh bundle; always at the same path, so that paths compare. */
function observe(peer: Runtime, variation: Variation): Observation {
  const runtime = variation.byUser ? asUser(peer) : peer;
  const bundle = makeBundle(["sh", "-c"], { ...variation, path: join(scratch, "observed") });
  bundle.config.process.args.push(probe(bundle.config));
  bundle.config.process.terminal = variation.terminal ?? false;
  writeConfig(bundle.path, bundle.config);
  if (variation.byUser) giveFolders(bundle.path);
  const id = newId();
  const output = variation.terminal
    ? throughTerminal(runtime, bundle.path, id)
    : succeeded(runtime.call(["run", "--bundle", bundle.path, id], NOT_NULL), runtime.name).stdout;
  return parse(output, bundle.path, id);
}

/** The departures that have occurred, each with the side (`ours`, `theirs`) that it explains. */
const seen = new Set<string>();

function known(peer: string, variation: string, { section, line, of }: Difference): boolean {
  const at = DEPARTURES.findIndex(
    (departure) =>
      departure.peer === peer &&
      (departure.variations?.test(variation) ?? true) &&
      departure[of]?.test(`${section}: ${line}`),
  );
  if (at >= 0) seen.add(`${of} ${at}`);
  return at >= 0;
}

/** TSRUN_TEST_VARIATIONS: so many of them, chosen by TSRUN_TEST_SEED. */
const count = Number(process.env["TSRUN_TEST_VARIATIONS"] ?? VARIATIONS.length);
const seed = Number(process.env["TSRUN_TEST_SEED"] ?? 0);

for (const variation of sample(VARIATIONS, count, seed)) {
  test(`observed alike: ${variation.name}`, () => {
    // A rootless container sees where the host has /sys/fs/cgroup.
    const ours = observe(variation.byUser ? tsrun.onPureCgroup() : tsrun, variation);
    const unknown = [runc, crun].flatMap((peer) =>
      differences(ours, observe(peer, variation))
        .filter((difference) => !known(peer.name, variation.name, difference))
        .map(
          ({ section, line, of }) => `${of === "ours" ? "tsrun" : peer.name}: ${section}: ${line}`,
        ),
    );
    assert.deepEqual(unknown, [], "what one has and the other lacks, without a reason");
  });
}

test("on a pure cgroup2 machine the default configuration observes the same", () => {
  const variation = { name: "the default configuration" };
  assert.deepEqual(observe(tsrun.onPureCgroup(), variation), observe(tsrun, variation));
});

/** Other releases have fewer of them. */
const areThoseOfTheTable =
  runc.call(["--version"]).stdout.startsWith("runc version 1.1.5") &&
  crun.call(["--version"]).stdout.startsWith("crun version 1.8.1\n");
const options = areThoseOfTheTable
  ? {}
  : { skip: "the table of departures is that of runc 1.1.5 and crun 1.8.1" };

test("every known departure still occurs", options, () => {
  const gone = DEPARTURES.filter((departure, at) =>
    (["ours", "theirs"] as const).some(
      (of) => departure[of] !== undefined && !seen.has(`${of} ${at}`),
    ),
  );
  assert.deepEqual(gone, []);
});
