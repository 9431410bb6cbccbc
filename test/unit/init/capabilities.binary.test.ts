/** The five sets as the kernel has them afterwards (/proc/<pid>/status). Needs root. */
import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import type { LinuxCapabilities } from "@opencontainers-types";
import { CAPABILITIES, PR_SET_KEEPCAPS } from "#abi";
import {
  applyCapabilities,
  limitBounding,
  planCapabilities,
} from "../../../src/init/capabilities.ts";
import { setUid } from "../../../src/linux/credentials.ts";
import { readText } from "../../../src/linux/fs.ts";
import { lookupNumber } from "../../../src/linux/names.ts";
import { prctl } from "../../../src/linux/process.ts";
import { inChild } from "../linux/child.ts";

function capabilitiesOf(status: string) {
  const set = (name: string) =>
    BigInt(`0x${status.match(new RegExp(`^Cap${name}:\\s*(\\w+)$`, "m"))?.[1]}`);
  return {
    bounding: set("Bnd"),
    effective: set("Eff"),
    permitted: set("Prm"),
    inheritable: set("Inh"),
    ambient: set("Amb"),
  };
}

const bits = (...names: string[]): bigint =>
  names.reduce((set, name) => set | (1n << BigInt(lookupNumber(CAPABILITIES, name) as number)), 0n);

function checkApplied(
  capabilities: LinuxCapabilities,
  expected: ReturnType<typeof capabilitiesOf>,
  uid = 0,
): void {
  inChild(() => {
    const plan = planCapabilities(capabilities);
    limitBounding(plan.bounding);
    prctl(PR_SET_KEEPCAPS, 1);
    setUid(uid);
    prctl(PR_SET_KEEPCAPS, 0);
    applyCapabilities(plan, 0n);
    deepEqual(capabilitiesOf(readText("/proc/self/status")), expected);
  });
}

const few = ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_CHECKPOINT_RESTORE"];

test("the sets are those that were asked for", () => {
  const set = bits(...few);
  for (const uid of [0, 1000])
    checkApplied(
      { bounding: few, effective: few, permitted: few, inheritable: few, ambient: few },
      { bounding: set, effective: set, permitted: set, inheritable: set, ambient: set },
      uid,
    );
});

test("none", () => {
  checkApplied({}, { bounding: 0n, effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n });
});

test("all", () => {
  const own = capabilitiesOf(readText("/proc/self/status")).bounding;
  const all = CAPABILITIES.match(/CAP_\w+/g) ?? [];
  const known = all.filter((name) => (own & bits(name)) !== 0n);
  ok(known.length > 0);
  const set = bits(...known);
  checkApplied(
    { bounding: known, effective: known, permitted: known },
    { bounding: set, effective: set, permitted: set, inheritable: 0n, ambient: 0n },
  );
});

test("an ambient capability that is not permitted and inheritable has no effect", () => {
  checkApplied(
    {
      bounding: few,
      effective: ["CAP_KILL"],
      permitted: ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
      inheritable: ["CAP_KILL", "CAP_CHECKPOINT_RESTORE"],
      ambient: few,
    },
    {
      bounding: bits(...few),
      effective: bits("CAP_KILL"),
      permitted: bits("CAP_KILL", "CAP_NET_BIND_SERVICE"),
      inheritable: bits("CAP_KILL", "CAP_CHECKPOINT_RESTORE"),
      ambient: bits("CAP_KILL"),
    },
  );
});
