import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { errorsIn } from "../../../src/criu/log.ts";

test("the errors of a log are its lines that say so, without time, process and place", () => {
  const log = [
    "(00.000052) Version: 4.1.1 (gitid 0)",
    "(00.011212) Warn  (criu/kerndat.c:1589): Can't keep kdat cache on non-tempfs",
    "(00.026735) Error (criu/files-reg.c:1831): Can't lookup mount=24 for fd=0 path=/dev/null",
    "(00.026800)      1: Error (criu/cr-restore.c:1480): 317 killed by signal 9: Killed",
    "(00.026900) pie: 17: Error (criu/pie/restorer.c:99): Can't restore",
    "(00.027123) Dumping an Error (which is none): of a file's name",
    "(00.027200) Error (criu/cr-dump.c:2128): Dumping FAILED.",
    "",
  ].join("\n");
  deepEqual(errorsIn(log), [
    "Can't lookup mount=24 for fd=0 path=/dev/null",
    "317 killed by signal 9: Killed",
    "Can't restore",
    "Dumping FAILED.",
  ]);
  deepEqual(errorsIn(""), []);
});
