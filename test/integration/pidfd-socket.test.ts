/** --pidfd-socket: a descriptor of the container's process, for whoever asked. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type BundleOptions, makeBundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace } from "./harness/config.ts";
import { becomes, failed, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { PidfdReceiver } from "./harness/pidfdReceiver.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const SIGKILL = 9;

/** Creates a container with a pidfd socket, and kills it by what came through that. */
async function killedThroughSocket(command: string[], edit?: BundleOptions["edit"]): Promise<void> {
  const bundle = shellBundle("sleep 300", edit ? { edit } : {});
  const id = newId();
  const receiver = new PidfdReceiver();
  try {
    const call = [...command, "--pidfd-socket", receiver.path, "--bundle", bundle.path, id];
    succeeded(tsrun.call(call));
    const { pid } = stateOf(id);
    assert.deepEqual(receiver.received, { text: "standard", descriptors: 1, pid });
    await receiver.signal(SIGKILL);
    becomes(id, "stopped");
  } finally {
    receiver.stop();
    tsrun.call(["delete", "--force", id]);
  }
}

test("create hands over a descriptor that reaches the container’s process", () =>
  killedThroughSocket(["create"]));

test("run --detach does so, too", () => killedThroughSocket(["run", "--detach"]));

test("the descriptor is the process’s own, where a stage process has made that", () =>
  killedThroughSocket(["create"], (config) => {
    addUserNamespace(config);
    // Joined before the user namespace is made.
    for (const namespace of config.linux.namespaces)
      if (namespace.type === "uts") namespace.path = "/proc/self/ns/uts";
    delete config.hostname;
  }));

test("a socket where nobody listens is refused, and nothing is left of the container", () => {
  const bundle = makeBundle(["true"]);
  const nowhere = join(newFolder("pidfd"), "socket");
  leavesNothing(() => {
    for (const command of ["create", "run"]) {
      const call = [command, "--pidfd-socket", nowhere, "--bundle", bundle.path, newId()];
      failed(tsrun.call(call), /pidfd socket/, /ENOENT/);
    }
  });
});
