/** The life of a scope, with a systemd that the test plays. What the real one does is tested where there is one. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { BusConnection } from "../../../../src/cgroup/systemd/bus/connection.ts";
import type { Message, Variant } from "../../../../src/cgroup/systemd/bus/message.ts";
import { Manager } from "../../../../src/cgroup/systemd/manager.ts";
import { property } from "../../../../src/cgroup/systemd/properties.ts";
import {
  abandonScope,
  changeScope,
  endScope,
  startScope,
} from "../../../../src/cgroup/systemd/scope.ts";
import { connected, type Peer } from "./bus/peer.ts";

const UNIT = "p-n.scope";
const JOB = "/org/freedesktop/systemd1/job/7";
const ERRORS = "org.freedesktop.systemd1";

/** Takes the call that is expected now. */
function expectCall(peer: Peer, member: string): Message {
  const call = peer.message();
  equal(call.member, member);
  return call;
}

function expectMatch(peer: Peer): void {
  const call = expectCall(peer, "AddMatch");
  deepEqual(call.body, [
    "type='signal',sender='org.freedesktop.systemd1'," +
      "interface='org.freedesktop.systemd1.Manager',member='JobRemoved',arg2='p-n.scope'",
  ]);
  peer.answer(call, "");
}

/** The job of a call: another one of the unit ends first, and the signal may come before the answer. */
function runJob(peer: Peer, call: Message, result: string): void {
  peer.signal("JobRemoved", "uoss", 6, "/org/freedesktop/systemd1/job/6", UNIT, "canceled");
  peer.signal("JobRemoved", "uoss", 7, JOB, UNIT, result);
  peer.answer(call, "o", JOB);
}

function expectReset(peer: Peer): void {
  const call = expectCall(peer, "ResetFailedUnit");
  deepEqual(call.body, [UNIT]);
  peer.refuse(call, `${ERRORS}.NoSuchUnit`, "not loaded");
}

const managed = (systemd: (peer: Peer) => void, use: (manager: Manager) => void): void =>
  connected(systemd, (bus: BusConnection) => use(new Manager(bus, true)));

const start = (manager: Manager): void =>
  startScope(manager, UNIT, "a.slice", 4711, [property("TasksMax", "t", 5n)]);

describe("a scope", () => {
  test("is started with what runc asks for, and what else is given", () => {
    managed((peer) => {
      expectMatch(peer);
      const call = expectCall(peer, "StartTransientUnit");
      const [unit, mode, properties, others] = call.body;
      deepEqual([unit, mode, others], [UNIT, "replace", []]);
      const pairs = (properties as [string, Variant][]).map(([name, { value }]) => [name, value]);
      deepEqual(Object.fromEntries(pairs), {
        Description: "tsrun container p-n",
        Slice: "a.slice",
        Delegate: true,
        PIDs: [4711],
        CPUAccounting: true,
        MemoryAccounting: true,
        IOAccounting: true,
        TasksAccounting: true,
        DefaultDependencies: false,
        TasksMax: 5n,
      });
      runJob(peer, call, "done");
    }, start);
  });

  test("takes the place of a failed one", () => {
    managed((peer) => {
      expectMatch(peer);
      peer.refuse(expectCall(peer, "StartTransientUnit"), `${ERRORS}.UnitExists`, "exists");
      peer.answer(expectCall(peer, "ResetFailedUnit"), "");
      expectMatch(peer);
      runJob(peer, expectCall(peer, "StartTransientUnit"), "done");
    }, start);
  });

  test("does not take the place of a living one", () => {
    managed(
      (peer) => {
        for (const then of [() => expectReset(peer), () => {}]) {
          expectMatch(peer);
          peer.refuse(expectCall(peer, "StartTransientUnit"), `${ERRORS}.UnitExists`, "exists");
          then();
        }
      },
      (manager) =>
        throws(() => start(manager), {
          message:
            "starting the systemd unit p-n.scope: StartTransientUnit: org.freedesktop.systemd1.UnitExists: exists; " +
            "see `systemctl --user status p-n.scope` and the journal",
        }),
    );
  });

  test("whose job fails is reset", () => {
    managed(
      (peer) => {
        expectMatch(peer);
        runJob(peer, expectCall(peer, "StartTransientUnit"), "failed");
        expectReset(peer);
      },
      (manager) =>
        throws(() => start(manager), /p-n\.scope: the result of its job is "failed"; see/),
    );
  });

  test("that this user may not start", () => {
    managed(
      (peer) => {
        expectMatch(peer);
        const denied = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
        peer.refuse(expectCall(peer, "StartTransientUnit"), denied, "no");
      },
      (manager) => throws(() => start(manager), /: no; systemd refuses it to this user$/),
    );
  });

  test("is stopped and forgotten, whether it is there or not", () => {
    const end = (manager: Manager) => endScope(manager, UNIT);
    managed((peer) => {
      expectMatch(peer);
      runJob(peer, expectCall(peer, "StopUnit"), "done");
      expectReset(peer);
    }, end);
    managed((peer) => {
      expectMatch(peer);
      peer.refuse(expectCall(peer, "StopUnit"), `${ERRORS}.NoSuchUnit`, "not loaded");
      expectReset(peer);
    }, end);
    managed(
      (peer) => {
        expectMatch(peer);
        runJob(peer, expectCall(peer, "StopUnit"), "timeout");
        expectReset(peer);
      },
      (manager) => throws(() => end(manager), /stopping .*: the result of its job is "timeout"/),
    );
  });

  test("is changed as its own group takes it", () => {
    const [withInstead, plain] = [
      { file: "io.bfq.weight", value: "100", pointer: "/x" },
      { file: "io.weight", value: "default 910", pointer: "/x" },
    ] as const;
    const settings = [{ ...withInstead, instead: plain }];
    managed(
      (peer) => {
        peer.answer(expectCall(peer, "Get"), "v", { signature: "s", value: "257" });
        const unit = expectCall(peer, "GetUnit");
        deepEqual(unit.body, [UNIT]);
        peer.answer(unit, "o", "/unit/p");
        const group = expectCall(peer, "Get");
        deepEqual(
          [group.path, group.body],
          ["/unit/p", ["org.freedesktop.systemd1.Scope", "ControlGroup"]],
        );
        peer.answer(group, "v", { signature: "s", value: "/there/is/none" });
        const change = expectCall(peer, "SetUnitProperties");
        const weight = ["IOWeight", { signature: "t", value: 910n }];
        deepEqual(change.body, [UNIT, true, [weight]]);
        peer.answer(change, "");
        peer.answer(expectCall(peer, "Ping"), "");
      },
      (manager) => changeScope(manager, UNIT, settings),
    );
  });

  test("that cannot be used is killed and stopped, and no error of that is told", () => {
    const abandon = (manager: Manager) => abandonScope(manager, UNIT);
    managed((peer) => {
      const kill = expectCall(peer, "KillUnit");
      deepEqual(kill.body, [UNIT, "all", 9]);
      peer.refuse(kill, `${ERRORS}.NoSuchUnit`, "not loaded");
      expectMatch(peer);
      runJob(peer, expectCall(peer, "StopUnit"), "timeout");
      expectReset(peer);
    }, abandon);
    managed((peer) => {
      peer.refuse(expectCall(peer, "KillUnit"), "org.freedesktop.DBus.Error.AccessDenied", "no");
    }, abandon);
    // The bus is gone.
    managed(() => {}, abandon);
  });
});

describe("systemd", () => {
  test("tells its version and its group", () => {
    const answers: [string, string][] = [
      ["257.13-1~deb13u1", "/"],
      ["v249.11-0ubuntu3", "/user.slice/user-1000.slice/user@1000.service"],
      ["", ""],
    ];
    const seen: [number, string][] = [];
    managed(
      (peer) => {
        for (const answer of answers)
          for (const value of answer) {
            const call = expectCall(peer, "Get");
            equal(call.interface, "org.freedesktop.DBus.Properties");
            peer.answer(call, "v", { signature: "s", value });
          }
      },
      (manager) => {
        for (const _ of answers) seen.push([manager.version(), manager.controlGroup()]);
      },
    );
    deepEqual(seen, [
      [257, ""],
      [249, "/user.slice/user-1000.slice/user@1000.service"],
      [0, ""],
    ]);
  });
});
