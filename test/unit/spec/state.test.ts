import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { readState, StateError } from "../../../spec/state.ts";

test("a state is read, with properties of its own", () => {
  const text = `{"ociVersion": "1.3.0", "id": "a", "status": "running", "pid": 4422, "bundle": "/b",
    "annotations": {"k": "v"}, "startTime": 12345678901234567890}`;
  deepEqual(readState(text), {
    ociVersion: "1.3.0",
    id: "a",
    status: "running",
    pid: 4422,
    bundle: "/b",
    annotations: { k: "v" },
    startTime: 12345678901234567890n,
  });
});

test("every fault of a state is named", () => {
  try {
    readState('{"ociVersion": 1, "id": "", "status": "paused", "pid": -1, "bundle": "b"}');
  } catch (error) {
    ok(error instanceof StateError);
    equal(
      error.message,
      "/ociVersion: expected a string, found 1; " +
        '/id: expected a non-empty string, found ""; ' +
        '/status: expected one of creating, created, running, stopped, found "paused"; ' +
        "/pid: expected a whole number from 0 to 2147483647, found -1; " +
        '/bundle: expected an absolute path, found "b"',
    );
    return;
  }
  throw new Error("the state was accepted");
});

test("a state that is cut short is refused", () => {
  throws(() => readState('{"ociVersion": "1.3.0", "id"'), /line 1, column 29: expected/);
});
