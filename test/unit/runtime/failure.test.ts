/** What was being done, with which value, what the kernel said, where in config.json, what to do: in this order. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { EINVAL, EMFILE, ENOENT } from "#abi";
import { doing, Failure, type FailureDetails } from "../../../src/failure.ts";
import { Errno } from "../../../src/linux/errno.ts";

const errno = new Errno(EINVAL, "mount", ["/a"]);
const inner = new Failure("opening /host", {
  cause: new Errno(ENOENT, "openat2", ["/host"]),
  pointer: "/mounts/3/source",
  hint: "make the directory",
});

describe("a failure in one line", () => {
  const messages: [string, FailureDetails, string][] = [
    ["doing this", {}, "doing this"],
    ["doing this", { cause: errno }, 'doing this: mount("/a"): EINVAL'],
    ["doing this", { pointer: "/a/b" }, "doing this (config.json /a/b)"],
    ["doing this", { hint: "try that" }, "doing this; try that"],
    [
      "mounting a on /b",
      { cause: errno, pointer: "/mounts/3", hint: "is the device there?" },
      'mounting a on /b: mount("/a"): EINVAL (config.json /mounts/3); is the device there?',
    ],
    [
      "doing this",
      { cause: new Errno(EMFILE, "pipe2") },
      "doing this: pipe2(): EMFILE; raise the limit of open files: see `ulimit -n`",
    ],
    ["doing this", { cause: new Error("an error") }, "doing this: an error"],
    ["doing this", { cause: "a text" }, "doing this: a text"],
    ["doing this", { cause: undefined, pointer: undefined, hint: undefined }, "doing this"],
    ["one\ntwo", { cause: new Error("three \n  four\n\nfive") }, "one two: three four five"],
    ["a \ud800 of no form", {}, "a \ufffd of no form"],
    ["doing this", { hint: "first\nsecond" }, "doing this; first second"],
  ];
  for (const [what, details, message] of messages)
    test(message, () => {
      const failure = new Failure(what, details);
      equal(failure.message, message);
      equal(failure.name, "Failure");
      ok(failure instanceof Error);
      ok(!/[\r\n]/.test(failure.message));
    });

  test("carriage returns do not hide what comes before them", () => {
    for (const text of ["a\rb", "a\r\nb"]) ok(!/[\r\n]/.test(new Failure(text).message));
  });
});

describe("a failure of a failure", () => {
  test("says where and what to do once, at the end", () => {
    const outer = new Failure("creating the container", { cause: inner });
    equal(
      outer.message,
      'creating the container: opening /host: openat2("/host"): no such file or directory (ENOENT) ' +
        "(config.json /mounts/3/source); make the directory",
    );
    equal(outer.pointer, "/mounts/3/source");
    equal(outer.hint, "make the directory");
    equal(outer.cause, inner);
  });

  test("takes what the inner one does not have from the outer one", () => {
    const bare = new Failure("inside", { cause: errno });
    equal(
      new Failure("outside", { cause: bare, pointer: "/p", hint: "h" }).message,
      'outside: inside: mount("/a"): EINVAL (config.json /p); h',
    );
  });

  test("points to the more exact place", () => {
    equal(
      new Failure("mounting", { cause: inner, pointer: "/mounts/3" }).message,
      'mounting: opening /host: openat2("/host"): no such file or directory (ENOENT) ' +
        "(config.json /mounts/3/source); make the directory",
    );
  });
});

describe("what the kernel said", () => {
  test("is the errno of the innermost cause, with its name", () => {
    const failure = new Failure("outside", { cause: new Failure("inside", { cause: errno }) });
    deepEqual([failure.errno, failure.code], [EINVAL, "EINVAL"]);
    const given = new Failure("outside", { cause: errno, errno: ENOENT });
    equal(given.code, "EINVAL");
  });

  test("can be given where no cause says it", () => {
    equal(new Failure("there is none", { errno: ENOENT }).code, "ENOENT");
  });

  test("is nothing where no call failed", () => {
    for (const failure of [new Failure("plain"), new Failure("x", { cause: new Error("y") })])
      deepEqual([failure.errno, failure.code], [undefined, undefined]);
  });

  test("stays with an error that becomes a failure", () => {
    equal(Failure.of(errno).errno, EINVAL);
  });
});

describe("the kind of a failure", () => {
  test("is the inner one's, if it has one", () => {
    const missing = new Failure("inside", { kind: "no-container" });
    equal(new Failure("outside", { cause: missing }).kind, "no-container");
    equal(new Failure("outside", { cause: missing, kind: "config" }).kind, "no-container");
    equal(new Failure("outside", { cause: errno, kind: "config" }).kind, "config");
    equal(new Failure("plain").kind, undefined);
  });
});

describe("a failure of another process", () => {
  const failures = [
    inner,
    new Failure("plain"),
    new Failure("x", { cause: errno, pointer: "/" }),
    new Failure("outside", { cause: inner }),
    new Failure("é \u{1f600}", { hint: "…" }),
    new Failure("reading it", { cause: errno, kind: "config" }),
  ];
  for (const failure of failures)
    test(failure.message, () => {
      const data = JSON.parse(JSON.stringify(failure.toData()));
      const back = Failure.from(data);
      equal(back.message, failure.message);
      deepEqual([back.errno, back.kind], [failure.errno, failure.kind]);
      deepEqual(back.toData(), failure.toData());
    });

  test("has no members that it does not need", () => {
    deepEqual(new Failure("plain").toData(), { message: "plain" });
  });
});

describe("any error is a failure", () => {
  test("in its own words", () => {
    equal(Failure.of(inner), inner);
    equal(Failure.of(errno).message, 'mount("/a"): EINVAL');
    equal(Failure.of(new Error("an error")).message, "an error");
    equal(Failure.of("thrown text").message, "thrown text");
    equal(Failure.of(undefined).message, "undefined");
  });
});

describe("a step", () => {
  test("gives its value", () => {
    equal(
      doing("this", "/p", () => 7),
      7,
    );
    equal(
      doing("this", undefined, () => undefined),
      undefined,
    );
  });

  test("that fails says what was being done", () => {
    const step = () => {
      throw errno;
    };
    throws(() => doing("mounting", "/mounts/0", step), {
      name: "Failure",
      message: 'mounting: mount("/a"): EINVAL (config.json /mounts/0)',
      cause: errno,
    });
    throws(() => doing("outside", "/mounts", () => doing("inside", "/mounts/0", step)), {
      message: 'outside: inside: mount("/a"): EINVAL (config.json /mounts/0)',
    });
  });
});
