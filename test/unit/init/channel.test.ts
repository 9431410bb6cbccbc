import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { MFD_CLOEXEC } from "#abi";
import { Failure } from "../../../src/failure.ts";
import { type CreatorEnd, type InitEnd, openChannel } from "../../../src/init/channel.ts";
import { close, memfd, stat } from "../../../src/linux/fs.ts";

function withChannel(use: (creator: CreatorEnd, init: InitEnd) => void): void {
  const { creator, child: init } = openChannel();
  use(creator, init);
  for (const { fd } of [creator, init]) close(fd);
}

test("messages go both ways, in order", () => {
  withChannel((creator, init) => {
    init.send({ type: "mounted" });
    init.send({ type: "failed", failure: { message: "é \u{1f600}\n\0" } });
    creator.send({ type: "proceed" });
    deepEqual(creator.receive(), { message: { type: "mounted" }, descriptors: [] });
    deepEqual(creator.receive()?.message, {
      type: "failed",
      failure: { message: "é \u{1f600}\n\0" },
    });
    deepEqual(init.receive()?.message, { type: "proceed" });
  });
});

test("a descriptor goes with its message", () => {
  withChannel((creator, init) => {
    const file = memfd("console", MFD_CLOEXEC);
    init.send({ type: "console" }, [file]);
    init.send({ type: "created" });
    const { message, descriptors } = creator.receive() ?? { descriptors: [] };
    deepEqual(message, { type: "console" });
    equal(descriptors.length, 1);
    equal(stat(descriptors[0] as number).ino, stat(file).ino);
    deepEqual(creator.receive(), { message: { type: "created" }, descriptors: [] });
    for (const fd of [file, ...descriptors]) close(fd);
  });
});

test("a failure is the same on the other side", () => {
  withChannel((creator, init) => {
    const failure = new Failure("doing", {
      cause: new Error("because"),
      pointer: "/a",
      hint: "try",
    });
    init.send({ type: "failed", failure: failure.toData() });
    const { message } = creator.receive() ?? {};
    equal(message?.type === "failed" && Failure.from(message.failure).message, failure.message);
  });
});

test("a failure of any length arrives", () => {
  for (const length of [60_000, 200_000, 4_000_000])
    withChannel((creator, init) => {
      const failure = new Failure(`the program ${"x".repeat(length)}`, {
        pointer: "/process/args/0",
      });
      init.send({ type: "failed", failure: failure.toData() });
      const { message } = creator.receive() ?? {};
      const arrived = message?.type === "failed" ? message.failure : undefined;
      equal(arrived?.pointer, "/process/args/0");
      equal(arrived?.message.startsWith("the program xxx"), true);
    });
});

test("the end is told from a message", () => {
  withChannel((creator, init) => {
    close(init.fd);
    equal(creator.receive(), undefined);
  });
});
