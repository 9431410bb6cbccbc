/** What the binary loads for a command; Node cannot load at once. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { Runtime } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { loadCommand, loadRuntime } from "../../../src/cli/loading.ts";

test("every command is loaded by its name, and nothing else is", () => {
  for (const [name, command] of commands) equal(loadCommand(name), command, name);
  for (const name of ["", "remove", "constructor", "__proto__"])
    equal(loadCommand(name), undefined, name);
});

test("each command has what it calls of the runtime", () => {
  const calls: Readonly<Record<string, readonly (keyof Runtime)[]>> = {
    checkpoint: ["checkpoint"],
    create: ["create"],
    delete: ["remove"],
    events: ["events"],
    exec: ["exec"],
    features: ["features"],
    kill: ["kill"],
    list: ["list"],
    pause: ["pause"],
    ps: ["processes", "processTable"],
    restore: ["restore"],
    resume: ["resume"],
    run: ["run"],
    spec: [],
    start: ["start"],
    state: ["state"],
    update: ["update"],
  };
  deepEqual(Object.keys(calls), [...commands.keys()]);
  for (const [name, functions] of Object.entries(calls)) {
    const runtime = loadRuntime(["--root", name, "constructor"]);
    for (const call of functions) equal(typeof runtime[call], "function", `${name}: ${call}`);
  }
  deepEqual(loadRuntime(["--help"]), {});
});
