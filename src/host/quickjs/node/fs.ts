/**
 * `node:fs` for commander, which looks for files only for commands that are declared as separate executables. tsrun
 * declares none, so there is nothing here.
 */
export {};
