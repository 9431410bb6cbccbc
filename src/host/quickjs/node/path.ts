/**
 * `node:path` for commander, which takes paths apart only to name a program after its script and to find commands
 * that are separate executables. tsrun names its program itself and declares none, so there is nothing here.
 */
export {};
