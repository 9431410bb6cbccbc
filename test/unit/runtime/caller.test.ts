/** Who calls: what is found of this process, and what `--rootless` says instead. */
import { equal } from "node:assert/strict";
import { test } from "node:test";
import { geteuid, inUserNamespace } from "../../../src/linux/credentials.ts";
import { callerOf } from "../../../src/runtime/caller.ts";

test("whether the caller is a user, and whether it has the machine's privilege, is found", () => {
  const isUser = geteuid() !== 0;
  const { isRootless, ...found } = callerOf();
  equal(found.isUser, isUser);
  equal(isRootless(), isUser || inUserNamespace());
});

test("what is said about the privilege holds, but makes nobody root", () => {
  for (const said of [true, false]) {
    const { isRootless, ...found } = callerOf(said);
    equal(isRootless(), said);
    equal(found.isUser, geteuid() !== 0);
  }
});
