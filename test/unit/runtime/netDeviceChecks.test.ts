import { equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { Linux, LinuxNetDevice } from "@opencontainers-types";
import { Failure } from "../../../src/failure.ts";
import { checkNetDevices } from "../../../src/runtime/netDeviceChecks.ts";

const namespaces: Linux["namespaces"] = [{ type: "network" }];

const check = (netDevices: Record<string, LinuxNetDevice>) =>
  checkNetDevices({ netDevices, namespaces });

/** Where the fault is. */
function pointerOf(netDevices: Record<string, LinuxNetDevice>): string | undefined {
  let pointer: string | undefined;
  throws(
    () => check(netDevices),
    (error: unknown) => {
      pointer = error instanceof Failure ? error.pointer : undefined;
      return error instanceof Failure;
    },
  );
  return pointer;
}

test("no devices need no namespace", () => {
  checkNetDevices({});
  checkNetDevices({ netDevices: {} });
});

test("devices need a network namespace", () => {
  throws(() => checkNetDevices({ netDevices: { eth0: {} } }), /network namespace/);
});

describe("names that a device can have", () => {
  for (const name of ["a", "eth0", "0123456789abcde", "ütf-8", "...", "eth-0.1", "a@b"])
    test(name, () => {
      check({ [name]: {}, other: { name: `${name.slice(0, 13)}2` } });
    });
  test("a template, as often as one likes, and an empty name", () => {
    check({ a: { name: "eth%d" }, b: { name: "eth%d" }, c: { name: "" } });
  });
});

describe("names that a device cannot have", () => {
  const names = [".", "..", "0123456789abcdef", "ααααααα-α", "a/b", "a:b", "a b", "a\tb", "a\0b"];
  for (const name of [...names, "eth%", "%d%d", "eth%s", "e%%d"])
    test(JSON.stringify(name), () => {
      equal(pointerOf({ eth0: { name } }), "/linux/netDevices/eth0/name");
    });
  test("a template on the host", () => {
    equal(pointerOf({ "eth%d": {} }), "/linux/netDevices/eth%d");
  });
  test("none on the host", () => {
    equal(pointerOf({ "": {} }), "/linux/netDevices/");
  });
});

describe("a name is one device's", () => {
  test("two new names", () => {
    equal(pointerOf({ a: { name: "x" }, b: { name: "x" } }), "/linux/netDevices/b/name");
  });
  test("a new name and one that is kept", () => {
    equal(pointerOf({ a: { name: "b" }, b: {} }), "/linux/netDevices/b/name");
  });
  test("two devices may exchange theirs", () => {
    check({ a: { name: "b" }, b: { name: "a" } });
  });
});
