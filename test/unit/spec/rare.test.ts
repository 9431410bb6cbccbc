/** The validators of what few configurations have; the binary loads each with the first document that has it. */
import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import * as rare from "#rare-validators";
import { FaultyConfigError, readConfig } from "../../../spec/config.ts";
import { parseJson, stringifyJson } from "../../../spec/json.ts";
import { complete } from "./configs/complete.ts";

type Members = Record<string, unknown>;
const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null;

/** Puts "wrong" in the place of each rare part in turn; `see` gets the part's name and pointer. */
function replaceEach(
  members: Members,
  pointer: string,
  see: (name: string, pointer: string) => void,
): void {
  for (const [key, value] of Object.entries(members)) {
    if (!isObject(value)) continue;
    const here = `${pointer}/${key}`;
    // The rules for devices have the name of the devices.
    if (Object.hasOwn(rare, key) && here !== "/linux/resources/devices") {
      members[key] = "wrong";
      see(key, here);
      members[key] = value;
    } else replaceEach(value, here, see);
  }
}

test("every one is reached through a configuration, and names the faults of its part", () => {
  const config = parseJson(complete) as Members;
  const seen: string[] = [];
  replaceEach(config, "", (name, pointer) => {
    try {
      readConfig(stringifyJson(config));
    } catch (error) {
      ok(error instanceof FaultyConfigError);
      deepEqual(
        error.faults.map((fault) => [fault.pointer, fault.found]),
        [[pointer, "wrong"]],
      );
      seen.push(name);
    }
  });
  deepEqual(seen.sort(), Object.keys(rare).sort());
});
