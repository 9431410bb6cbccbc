/** All commands by their names, in the order of the help. */
import { checkpoint } from "./checkpoint.ts";
import type { Command } from "./command.ts";
import { create } from "./create.ts";
import { remove } from "./delete.ts";
import { events } from "./events.ts";
import { exec } from "./exec.ts";
import { features } from "./features.ts";
import { kill } from "./kill.ts";
import { list } from "./list.ts";
import { pause } from "./pause.ts";
import { ps } from "./ps.ts";
import { restore } from "./restore.ts";
import { resume } from "./resume.ts";
import { run } from "./run.ts";
import { spec } from "./spec.ts";
import { start } from "./start.ts";
import { state } from "./state.ts";
import { update } from "./update.ts";

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["checkpoint", checkpoint],
  ["create", create],
  ["delete", remove],
  ["events", events],
  ["exec", exec],
  ["features", features],
  ["kill", kill],
  ["list", list],
  ["pause", pause],
  ["ps", ps],
  ["restore", restore],
  ["resume", resume],
  ["run", run],
  ["spec", spec],
  ["start", start],
  ["state", state],
  ["update", update],
]);
