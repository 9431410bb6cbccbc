/**
 * `node:child_process` for commander, which starts other programs only for commands that are declared as separate
 * executables. tsrun declares none, so there is nothing here.
 */
export {};
