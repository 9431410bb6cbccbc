/** What the binary loads for a command, modules of their own, so that a call loads no other command's. */
import { load } from "#host";
import type { Command, Runtime } from "./command.ts";

const declarations: Readonly<Record<string, () => Command>> = {
  checkpoint: () => load(import("./checkpoint.ts")).checkpoint,
  create: () => load(import("./create.ts")).create,
  delete: () => load(import("./delete.ts")).remove,
  events: () => load(import("./events.ts")).events,
  exec: () => load(import("./exec.ts")).exec,
  features: () => load(import("./features.ts")).features,
  kill: () => load(import("./kill.ts")).kill,
  list: () => load(import("./list.ts")).list,
  pause: () => load(import("./pause.ts")).pause,
  ps: () => load(import("./ps.ts")).ps,
  restore: () => load(import("./restore.ts")).restore,
  resume: () => load(import("./resume.ts")).resume,
  run: () => load(import("./run.ts")).run,
  spec: () => load(import("./spec.ts")).spec,
  start: () => load(import("./start.ts")).start,
  state: () => load(import("./state.ts")).state,
  update: () => load(import("./update.ts")).update,
};

const parts: Readonly<Record<string, () => Partial<Runtime>>> = {
  checkpoint: () => load(import("../runtime/checkpoint.ts")),
  create: () => load(import("../runtime/create.ts")),
  delete: () => load(import("../runtime/delete.ts")),
  events: () => load(import("../runtime/events.ts")),
  exec: () => load(import("../runtime/exec.ts")),
  features: () => load(import("../runtime/features.ts")),
  kill: () => load(import("../runtime/kill.ts")),
  list: () => load(import("../runtime/list.ts")),
  pause: () => load(import("../runtime/pause.ts")),
  ps: () => load(import("../runtime/ps.ts")),
  restore: () => load(import("../runtime/restore.ts")),
  resume: () => load(import("../runtime/pause.ts")),
  run: () => load(import("../runtime/run.ts")),
  start: () => load(import("../runtime/start.ts")),
  state: () => load(import("../runtime/state.ts")),
  update: () => load(import("../runtime/update.ts")),
};

/** The command of that name, as `commands.ts` has it. */
export const loadCommand = (name: string): Command | undefined => own(declarations, name)?.();

/** What the commands among these words need of the runtime: which word is the command, the program finds out. */
export const loadRuntime = (words: readonly string[]): Runtime =>
  Object.assign({}, ...words.map((word) => own(parts, word)?.()));

const own = <Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;
