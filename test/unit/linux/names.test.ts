import { equal } from "node:assert/strict";
import { test } from "node:test";
import { CAPABILITIES, ERRNO_NAMES, SIGNALS } from "#abi";
import { lookup, lookupNumber } from "../../../src/linux/names.ts";

test("names and numbers are looked up whole", () => {
  equal(lookupNumber(SIGNALS, "SIGHUP"), 1);
  equal(lookupNumber(SIGNALS, "SIGPOLL"), 29);
  equal(lookupNumber(CAPABILITIES, "CAP_CHOWN"), 0);
  equal(lookupNumber(CAPABILITIES, "CAP_CHECKPOINT_RESTORE"), 40);
  equal(lookup(ERRNO_NAMES, "1"), "EPERM");
  equal(lookup(ERRNO_NAMES, "133"), "EHWPOISON");
});

test("what is not a name is not found", () => {
  for (const name of ["SIG", "HUP", "SIGHU", "SIGHUPS", "sighup", "", "1", ";", "=", "SIGHUP=1"])
    equal(lookupNumber(SIGNALS, name), undefined, name);
  for (const number of ["", "0", "01", "134"]) equal(lookup(ERRNO_NAMES, number), undefined);
  equal(lookup(ERRNO_NAMES, "EPERM"), undefined);
});

test("a name cannot reach over the end of its entry", () => {
  equal(lookupNumber(SIGNALS, "SIGHUP=1;SIGINT"), undefined);
  equal(lookupNumber(CAPABILITIES, "CAP_CHOWN=0;CAP_DAC_OVERRIDE"), undefined);
});
