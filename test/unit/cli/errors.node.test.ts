/** What an error looks like on standard error and in the log file. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EINVAL } from "#abi";
import { logLine } from "../../../src/cli/log.ts";
import { doing, Failure } from "../../../src/failure.ts";
import { Errno } from "../../../src/linux/errno.ts";
import { record } from "./recorder.ts";
import { newDirectory } from "./scratch.ts";

const newLog = (): string => join(newDirectory(), "log");
const fail = (error: unknown) => () => {
  throw error;
};
const date = new Date("2024-05-06T07:08:09.123Z");

test("log lines are those of runc", () => {
  assert.equal(
    logLine("text", "error", 'a "b"\nc', date),
    'time="2024-05-06T07:08:09Z" level=error msg="a \\"b\\"\\nc"\n',
  );
  assert.equal(
    logLine("json", "warning", 'a "b"', date),
    '{"level":"warning","msg":"a \\"b\\"","time":"2024-05-06T07:08:09Z"}\n',
  );
});

test("an error of the runtime is one line, status 1", () => {
  const { status, stdout, stderr } = record(["run", "c"], fail(new Failure("mounting\n/x")));
  assert.deepEqual([status, stdout, stderr], [1, "", "tsrun: mounting /x\n"]);
});

test("a mistake of the program is one line that says so", () => {
  const { status, stderr } = record(["run", "c"], fail(new TypeError("x is not a function")));
  assert.deepEqual([status, stderr], [1, "tsrun: internal error: x is not a function\n"]);
  assert.match(
    record(["run", "c"], fail("thrown text")).stderr,
    /^tsrun: internal error: thrown text\n$/,
  );
});

test("--debug logs each step, and the stack of an error, which is the last line", () => {
  const log = newLog();
  const failing = () => doing("mounting", undefined, fail(new Failure("making /x")));
  const { stderr } = record(["--debug", "--log", log, "--log-format", "json", "run", "c"], failing);
  assert.equal(stderr, "tsrun: mounting: making /x\n");
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  const [first, step, stack, error] = lines.map((line) => JSON.parse(line));
  assert.match(first.msg, /^this is tsrun \d+\.\d+\.\d+$/);
  assert.deepEqual([step.level, step.msg], ["debug", "mounting"]);
  assert.deepEqual([error.level, error.msg], ["error", "mounting: making /x"]);
  assert.match(stack.msg, /\n +at .*errors\.node\.test/);
});

test("without a file, what --debug and --log-format=json ask for goes to standard error", () => {
  const json = record(["--log-format", "json", "run", "c"], fail(new Failure("mounting /x")));
  assert.match(
    json.stderr,
    /^\{"level":"error","msg":"mounting \/x","time":"[^"]+","error":\{"message":"mounting \/x"\}\}\n$/,
  );
  const text = record(["--debug", "start", "c"], fail(new Failure("mounting /x")));
  assert.match(
    text.stderr,
    /^time="[^"]+" level=debug msg="this is .*\n.*debug msg=".* at .*\n.*error msg="mounting \/x"\n$/,
  );
});

test("the log gets the error, too, and appends", () => {
  const log = newLog();
  const { stderr } = record(["--log", log, "start", "c"], fail(new Failure("one")));
  assert.equal(stderr, "tsrun: one\n");
  record(["--log", log, "--log-format", "json", "start", "c"], fail(new Failure("two")));
  const [first, second, ...rest] = readFileSync(log, "utf8").split("\n");
  assert.match(first ?? "", /^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=error msg="one"$/);
  const { level, msg } = JSON.parse(second ?? "") as { level: string; msg: string };
  assert.deepEqual([level, msg], ["error", "two"]);
  assert.deepEqual(rest, [""]);
});

test("as JSON the log has the parts of the error for programs, beside what runc writes", () => {
  const log = newLog();
  const error = new Failure("mounting a on /b", {
    cause: new Errno(EINVAL, "mount", ["a"]),
    pointer: "/mounts/3",
    hint: "is it there?",
    kind: "config",
  });
  record(["--log", log, "--log-format", "json", "start", "c"], fail(error));
  const { time: _, ...entry } = JSON.parse(readFileSync(log, "utf8"));
  assert.deepEqual(entry, {
    level: "error",
    msg: 'mounting a on /b: mount("a"): EINVAL (config.json /mounts/3); is it there?',
    error: {
      message: 'mounting a on /b: mount("a"): EINVAL',
      pointer: "/mounts/3",
      hint: "is it there?",
      kind: "config",
      errno: EINVAL,
      code: "EINVAL",
    },
  });
});

test("the log gets errors of the command's own options", () => {
  const log = newLog();
  const { stderr } = record(["--log", log, "run", "--nonsense", "c"]);
  assert.match(stderr, /--nonsense/);
  assert.match(readFileSync(log, "utf8"), /level=error msg="unknown option '--nonsense'/);
});

test("the log exists before the runtime is called, with runc's mode", () => {
  const log = newLog();
  let mode = 0;
  record(["--log", log, "run", "c"], () => {
    mode = statSync(log).mode & 0o777;
  });
  assert.equal(mode, 0o644 & ~process.umask());
});

test("warnings go to the log, without one to standard error", () => {
  const log = newLog();
  const logged = record(["--log", log, "start", "c"]);
  logged.context?.warn("beware");
  assert.match(readFileSync(log, "utf8"), /level=warning msg="beware"/);
  const shown = record(["start", "c"]);
  shown.context?.warn("beware");
  assert.equal(shown.stderr, "tsrun: warning: beware\n");
});
