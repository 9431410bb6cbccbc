/** A create or delete killed at any moment leaves nothing that `delete --force` does not remove. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeBundle } from "./harness/bundle.ts";
import { addUserNamespace, shareNamespace } from "./harness/config.ts";
import { succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { anyKilledAt, killedAt, momentsOf, shown, spread } from "./harness/moments.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const bundle = makeBundle(["sleep", "300"]);
const inUserNamespace = makeBundle(["sleep", "300"], { edit: addUserNamespace });
/** The stage process joins, makes a user and a time namespace, and waits for its creator twice. */
const byStage = makeBundle(["true"], {
  edit: (config) => {
    addUserNamespace(config);
    shareNamespace(config, "network");
    config.linux.namespaces.push({ type: "network", path: "/proc/self/ns/net" }, { type: "time" });
    config.linux.timeOffsets = { boottime: { secs: 5 } };
  },
});
const inCreatorsMounts = makeBundle(["sleep", "300"], {
  edit: (config) => {
    shareNamespace(config, "mount");
    config.linux.maskedPaths = [];
    config.linux.readonlyPaths = [];
  },
});
const withNetDevice = makeBundle(["sleep", "300"], {
  edit: (config) => {
    config.linux.netDevices = { dev0: { name: "moved" } };
  },
});
const POINTS = 40;

function createWorksAgain(id: string, { path } = bundle): void {
  succeeded(tsrun.call(["create", "-b", path, id]), "create with the same id");
  succeeded(tsrun.call(["delete", "--force", id]), "delete");
}

test("create killed after a time", () => {
  for (let i = 0; i < POINTS; i++) {
    leavesNothing(() => {
      const id = newId();
      const seconds = `${((i + 1) * 0.01) / POINTS}`;
      const killed = new Runtime("tsrun", ["timeout", "-s", "KILL", seconds, tsrunPath]);
      killed.call(["create", "-b", bundle.path, id]);
      succeeded(tsrun.call(["delete", "--force", id]), `delete --force after ${seconds} s`);
    });
  }
});

for (const [kind, of] of [
  ["", bundle],
  [" in a user namespace", inUserNamespace],
  [" by a stage process", byStage],
  [" in the creator's mount namespace", inCreatorsMounts],
] as const)
  test(`create killed at a system call${kind}`, () => {
    const id = newId();
    const moments = momentsOf("create", "-b", of.path, id);
    succeeded(tsrun.call(["delete", "--force", id]));
    assert.ok(moments.length > 20, `only ${moments.length} system calls`);
    let killed = 0;
    for (const moment of spread(moments, POINTS)) {
      leavesNothing(() => {
        const name = newId();
        const { status } = killedAt(moment).call(["create", "-b", of.path, name]);
        if (status !== 0) killed++;
        succeeded(tsrun.call(["delete", "--force", name]), `delete --force after ${shown(moment)}`);
        createWorksAgain(name, of);
      });
    }
    // The number of calls varies a little with timing, so the last ones may not be reached.
    assert.ok(killed > 20, `only ${killed} were killed`);
  });

test("run whose stage process is killed, or any other of its processes", () => {
  const calls = ["setns", "unshare", "setgroups", "setresuid", "sendmsg", "recvmsg", "exit_group"];
  let stagesKilled = 0;
  for (const moment of calls.flatMap((call) => [1, 2].map((nth) => ({ call, nth }))))
    leavesNothing(() => {
      const id = newId();
      const { stderr } = anyKilledAt(moment).call(["run", "-b", byStage.path, id]);
      if (/the process that was to make the container's ended/.test(stderr)) stagesKilled++;
      succeeded(tsrun.call(["delete", "--force", id]), `delete --force after ${shown(moment)}`);
    });
  assert.ok(stagesKilled >= 4, `only ${stagesKilled} stages were killed before they were done`);
});

/** A network namespace that stands for the host's, for one call. */
const BESIDE_DEVICE = [
  ...["unshare", "--net", "sh", "-c"],
  ...['ip link add dev0 type veth peer name peer0 && exec "$@"', "sh"],
];

test("create killed on the way of a network device", () => {
  const into = [1, 2].map((nth) => ({ call: "setns", nth }));
  const requests = [1, 2, 3, 4, 5, 6].map((nth) => ({ call: "sendto", nth }));
  for (const moment of [...into, ...requests])
    leavesNothing(() => {
      const id = newId();
      const killed = killedAt(moment).calledBy(...BESIDE_DEVICE);
      const { status } = killed.call(["create", "-b", withNetDevice.path, id]);
      assert.notEqual(status, 0, `killed at ${shown(moment)}`);
      succeeded(tsrun.call(["delete", "--force", id]), `delete --force after ${shown(moment)}`);
      const again = ["create", "-b", withNetDevice.path, id];
      succeeded(tsrun.calledBy(...BESIDE_DEVICE).call(again), "create with the same id");
      succeeded(tsrun.call(["delete", "--force", id]), "delete");
    });
});

test("delete killed at a system call", () => {
  const id = newId();
  succeeded(tsrun.call(["create", "-b", bundle.path, id]));
  for (const moment of spread(momentsOf("delete", "--force", id), 20)) {
    leavesNothing(() => {
      const name = newId();
      succeeded(tsrun.call(["create", "-b", bundle.path, name]));
      killedAt(moment).call(["delete", "--force", name]);
      succeeded(tsrun.call(["delete", "--force", name]), `delete --force after ${shown(moment)}`);
      createWorksAgain(name);
    });
  }
});

test("run killed: the container dies or is deleted", () => {
  for (let i = 0; i < 10; i++) {
    leavesNothing(() => {
      const id = newId();
      const killed = new Runtime("tsrun", [
        "timeout",
        "-s",
        "KILL",
        `${(i + 1) * 0.003}`,
        tsrunPath,
      ]);
      killed.call(["run", "-b", bundle.path, id]);
      succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
    });
  }
});
