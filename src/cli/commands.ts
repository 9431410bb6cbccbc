/** All commands by their names, in the order of the help. */
import type { Command } from "./command.ts";
import { create } from "./create.ts";
import { remove } from "./delete.ts";
import { kill } from "./kill.ts";
import { run } from "./run.ts";
import { spec } from "./spec.ts";
import { start } from "./start.ts";
import { state } from "./state.ts";

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["create", create],
  ["delete", remove],
  ["kill", kill],
  ["run", run],
  ["spec", spec],
  ["start", start],
  ["state", state],
]);
