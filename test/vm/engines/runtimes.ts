/** The runtimes that an engine is given, and the same done with both. */
import assert from "node:assert/strict";
import { copyFileSync, renameSync } from "node:fs";
import { test } from "node:test";

/** By its name in the engines' configurations. */
export interface EngineRuntime {
  readonly name: "runc" | "tsrun";
  readonly path: string;
}

export const runc: EngineRuntime = { name: "runc", path: "/usr/sbin/runc" };
export const tsrun: EngineRuntime = { name: "tsrun", path: "/usr/local/bin/tsrun" };

/** Puts tsrun where `make install` does; containers may be running from the one that is there. */
export function installTsrun(): void {
  copyFileSync("build/tsrun", `${tsrun.path}.new`);
  renameSync(`${tsrun.path}.new`, tsrun.path);
}

export type Scenario = (runtime: EngineRuntime) => unknown;

/**
 * A test that plays a scenario under runc and then under tsrun. What it returns is what was seen, without what differs
 * from one container to the next: it must be the same.
 */
export function alike(name: string, scenario: Scenario, options: { skip?: string } = {}): void {
  test(name, options, async () => {
    const theirs = await play(scenario, runc);
    const ours = await play(scenario, tsrun);
    assert.ok(theirs !== undefined, "nothing was seen");
    assert.deepEqual(ours, theirs);
  });
}

async function play(scenario: Scenario, runtime: EngineRuntime): Promise<unknown> {
  try {
    return await scenario(runtime);
  } catch (error) {
    throw new Error(`under ${runtime.name}`, { cause: error });
  }
}
