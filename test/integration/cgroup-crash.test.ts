/** A create or delete under systemd that is killed at any moment leaves nothing that `delete --force` does not remove. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeBundle } from "./harness/bundle.ts";
import { succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { killedAt, type Moment, momentsOf, shown, spread } from "./harness/moments.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const SYSTEMD = "--systemd-cgroup";
const runtime = tsrun.with(SYSTEMD);
const bundle = makeBundle(["sleep", "300"]);

/** The seed chooses which of the moments are tried. */
const SEED = Number(process.env["TSRUN_TEST_SEED"] ?? 0);
const POINTS = Number(process.env["TSRUN_TEST_POINTS"] ?? 12);

const create = (id: string): string[] => ["create", "--bundle", bundle.path, id];
const remove = (id: string): string[] => ["delete", "--force", id];

/** The calls from the first that talks to systemd on: those before it make nothing that systemd knows. */
const fromConnecting = (moments: Moment[]): Moment[] =>
  moments.slice(moments.findIndex(({ call }) => call === "connect"));

test("create under systemd killed at a system call", needs("systemd"), (context) => {
  context.diagnostic(`TSRUN_TEST_SEED=${SEED}`);
  const id = newId();
  const moments = fromConnecting(momentsOf(SYSTEMD, ...create(id)));
  succeeded(runtime.call(remove(id)));
  assert.ok(moments.length > 50, `only ${moments.length} system calls`);
  const chosen = spread(moments, POINTS, SEED);
  let killed = 0;
  for (const moment of chosen)
    leavesNothing(() => {
      const name = newId();
      const { status } = killedAt(moment).with(SYSTEMD).call(create(name));
      if (status !== 0) killed++;
      succeeded(tsrun.call(remove(name)), `delete --force after ${shown(moment)}`);
      succeeded(runtime.call(create(name)), `create with the same id after ${shown(moment)}`);
      succeeded(tsrun.call(remove(name)), "delete");
    });
  assert.ok(killed > chosen.length / 2, `only ${killed} of ${chosen.length} were killed`);
});

test("delete under systemd killed at a system call", needs("systemd"), (context) => {
  context.diagnostic(`TSRUN_TEST_SEED=${SEED}`);
  const id = newId();
  succeeded(runtime.call(create(id)));
  for (const moment of spread(momentsOf(...remove(id)), POINTS / 2, SEED))
    leavesNothing(() => {
      const name = newId();
      succeeded(runtime.call(create(name)));
      killedAt(moment).call(remove(name));
      succeeded(tsrun.call(remove(name)), `delete --force after ${shown(moment)}`);
    });
});
