/**
 * Generated configurations: what keeps to the schemas is planned or refused with a reason, what does not is refused
 * where it is wrong. TSRUN_TEST_SEED chooses them; without it, chance does.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { randomInt } from "node:crypto";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { readConfig } from "../../../spec/config.ts";
import { FaultyDocumentError } from "../../../spec/faults.ts";
import { stringifyJson } from "../../../spec/json.ts";
import { bundledPlan } from "./generated/bundled.ts";
import { anyConfig, soundConfig } from "./generated/configs.ts";
import { mutationsOf } from "./generated/faults.ts";
import type { Ending } from "./generated/plan.ts";
import { isPlace } from "./generated/schema.ts";

const seed = Number(process.env["TSRUN_TEST_SEED"] ?? randomInt(2 ** 31));
const RUNS = 2000;

/** With a seed, every test of this file has the same documents again, one by one. */
function holds<Value>(values: fc.Arbitrary<Value>, check: (value: Value) => void): void {
  fc.assert(
    fc.property(values, (value) => check(value)),
    { seed, numRuns: RUNS },
  );
}

let plan: Awaited<ReturnType<typeof bundledPlan>>;
before(async () => {
  plan = await bundledPlan();
});

/** What is wrong with how a step ended: nothing if it was done, or refused with a place in the config. */
function mistakeOf({ step, error }: Ending): string[] {
  if (error === undefined) return [];
  const { message, stack } = error as Error;
  if (!plan.isFailure(error)) return [`${step}: ${stack}`];
  if (error.pointer === undefined) return [`${step}: without a pointer: ${message}`];
  return isPlace(error.pointer) ? [] : [`${step}: ${error.pointer} is no place: ${message}`];
}

describe(`generated configs (TSRUN_TEST_SEED=${seed})`, () => {
  it("that keep to the schemas are read", () => {
    holds(anyConfig(), (config) => {
      equal(readConfig(stringifyJson(config)).ociVersion, config["ociVersion"]);
    });
  });

  it("that keep to the schemas are planned, or refused with a place", () => {
    holds(anyConfig(), (config) => {
      deepEqual(plan.planText(stringifyJson(config)).flatMap(mistakeOf), []);
    });
  });

  it("that keep the specification's other rules, too, are planned, most of them to the end", () => {
    let planned = 0;
    const refusals = new Map<string, string>();
    holds(soundConfig(), (config) => {
      const endings = plan.planText(stringifyJson(config));
      deepEqual(endings.flatMap(mistakeOf), []);
      const refused = endings.map(({ error }) => error).filter(plan.isFailure);
      if (refused.length === 0) planned++;
      for (const { pointer = "", message } of refused) refusals.set(pointer, message);
    });
    ok(planned > RUNS / 2, `${planned} of ${RUNS}; refused: ${[...refusals.values()].join("\n")}`);
  });

  it("with one fault are refused where it is", () => {
    const faulty = soundConfig().chain((config) => {
      const { length } = mutationsOf(config);
      return fc.integer({ min: 0, max: length - 1 }).map((choice) => {
        const changed = structuredClone(config);
        const mutation = mutationsOf(changed)[choice] as ReturnType<typeof mutationsOf>[number];
        mutation.apply();
        return { what: mutation.what, pointer: mutation.pointer, text: stringifyJson(changed) };
      });
    });
    holds(faulty, ({ what, pointer, text }) => {
      const pointers = faultsIn(text);
      ok(pointers.includes(pointer), `${what}; told of: ${pointers.join(", ") || "nothing"}`);
    });
  });
});

/** Where reading a config finds faults. */
function faultsIn(text: string): string[] {
  try {
    readConfig(text);
    return [];
  } catch (error) {
    if (error instanceof FaultyDocumentError) return error.faults.map(({ pointer }) => pointer);
    throw error;
  }
}
