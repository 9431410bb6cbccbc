/** Calls by an ordinary user of the machine, who has no privilege and no session. */
import { chownSync, copyFileSync, existsSync, lchownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { USER } from "./config.ts";
import { scratch } from "./isolation.ts";
import { Runtime, tsrunPath } from "./runtime.ts";

const home = join(scratch, "home");
/** $XDG_RUNTIME_DIR. */
export const runtimeDirectory: string = join(home, "run");
/** A checkout may lie where the user cannot look. */
export const userTsrun: string = join(home, "tsrun");

if (!existsSync(home)) {
  mkdirSync(runtimeDirectory, { recursive: true });
  for (const folder of [home, runtimeDirectory]) chownSync(folder, USER, USER);
  copyFileSync(tsrunPath, userTsrun);
}

/** The words before a command that make it the user's. */
export const AS_USER: readonly string[] = [
  ...["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
  ...["env", "USER=user", `HOME=${home}`, `XDG_RUNTIME_DIR=${runtimeDirectory}`],
];

/** The same runtime, called by the user. */
export function asUser(runtime: Runtime): Runtime {
  const command = runtime.command.map((word) => (word === tsrunPath ? userTsrun : word));
  return new Runtime(runtime.name, command).calledBy(...AS_USER);
}

/** Gives a folder and the folders in it to the user; files may be linked to others'. */
export function giveFolders(folder: string): void {
  lchownSync(folder, USER, USER);
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) giveFolders(join(folder, entry.name));
}
