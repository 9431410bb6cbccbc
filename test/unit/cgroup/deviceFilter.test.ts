import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxDeviceCgroup } from "@opencontainers-types";
import { BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR } from "#abi";
import { deviceProgram } from "../../../src/cgroup/deviceFilter.ts";
import {
  DEFAULT_RULES,
  type DeviceRule,
  readDeviceRules,
} from "../../../src/cgroup/deviceRules.ts";
import { Failure } from "../../../src/failure.ts";
import { instructionsOf, run, unreachable } from "./bpfMachine.ts";

const MKNOD = 1;
const READ = 2;
const WRITE = 4;

interface Request {
  type: "b" | "c";
  major: number;
  minor: number;
  access: number;
}

/** What the program, or its absence, says. */
function granted(
  program: Uint32Array | undefined,
  { type, major, minor, access }: Request,
): boolean {
  if (program === undefined) return true;
  const context = new DataView(new ArrayBuffer(12));
  context.setUint16(0, type === "b" ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, true);
  context.setUint16(2, access, true);
  context.setUint32(4, major, true);
  context.setUint32(8, minor, true);
  return run(program, context) === 1n;
}

/** What the rules say, read plainly: in order, each access for itself. */
function expected(rules: readonly DeviceRule[], request: Request): boolean {
  return [MKNOD, READ, WRITE]
    .filter((bit) => (request.access & bit) !== 0)
    .every((bit) => {
      let allow = false;
      for (const rule of rules)
        if (matches(rule, request) && (rule.access & bit) !== 0) allow = rule.allow;
      return allow;
    });
}

const matches = (rule: DeviceRule, request: Request): boolean =>
  (["type", "major", "minor"] as const).every(
    (field) => rule[field] === undefined || rule[field] === request[field],
  );

function* requests(): Generator<Request> {
  for (const type of ["b", "c"] as const)
    for (const major of [0, 1, 2, 0x80000000, 0xffffffff])
      for (const minor of [0, 1, 2, 0x80000000, 0xffffffff])
        for (let access = 1; access <= (MKNOD | READ | WRITE); access++)
          yield { type, major, minor, access };
}

/** A repeatable sequence of whole numbers below a limit (a linear congruential generator). */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function randomRules(next: (limit: number) => number): DeviceRule[] {
  const one = <T>(values: readonly T[]): T => values[next(values.length)] as T;
  return Array.from({ length: next(9) }, () => ({
    allow: next(2) === 1,
    type: one([undefined, "b", "c", "c"] as const),
    major: one([undefined, 1, 1, 2, 0xffffffff]),
    minor: one([undefined, undefined, 0, 1, 0x80000000]),
    access: one([1, 2, 3, 4, 5, 6, 7, 7, 7]),
  }));
}

test("programs say what generated rules say, and the kernel would take them", () => {
  const next = numbers(20_211);
  let programs = 0;
  for (let round = 0; round < 300; round++) {
    const rules = randomRules(next);
    const program = deviceProgram(rules);
    if (program !== undefined) {
      programs++;
      deepEqual(unreachable(program), [], JSON.stringify(rules));
    }
    for (const request of requests())
      if (granted(program, request) !== expected(rules, request))
        throw new Error(`${JSON.stringify(request)} under ${JSON.stringify(rules)}`);
  }
  ok(programs > 200);
});

const denyAll: LinuxDeviceCgroup = { allow: false, access: "rwm" };
const allowAll: LinuxDeviceCgroup = { allow: true, access: "rwm" };

const filter = (...devices: LinuxDeviceCgroup[]): Uint32Array | undefined =>
  deviceProgram([...readDeviceRules(devices), ...DEFAULT_RULES]);

/** A request in the kernel's own notation: `c 1:3 rw`. */
function asks(program: Uint32Array | undefined, text: string): boolean {
  const [type, device, letters] = text.split(" ") as ["b" | "c", string, string];
  const [major, minor] = device.split(":").map(Number) as [number, number];
  const access = [...letters].reduce(
    (bits, letter) => bits | ({ m: 1, r: 2, w: 4 }[letter] as number),
    0,
  );
  return granted(program, { type, major, minor, access });
}

describe("with the default rules", () => {
  test("the default config opens the default devices and no others", () => {
    for (const program of [filter(denyAll), filter()]) {
      for (const device of [
        "1:3",
        "1:5",
        "1:7",
        "1:8",
        "1:9",
        "5:0",
        "5:2",
        "136:0",
        "136:77",
        "10:200",
      ])
        ok(asks(program, `c ${device} rw`), device);
      ok(asks(program, "c 1:1 m") && asks(program, "b 8:0 m"));
      for (const request of [
        "c 1:1 r",
        "c 5:1 r",
        "c 10:229 w",
        "b 1:3 r",
        "b 136:0 w",
        "b 8:0 rw",
      ])
        ok(!asks(program, request), request);
    }
  });

  test("the filter of the default config is short", () => {
    ok(instructionsOf(filter(denyAll) as Uint32Array).length <= 27);
  });

  test("a question about no access at all is granted", () => {
    // access(2) with X_OK or F_OK: nothing is read or written.
    ok(granted(filter(denyAll), { type: "b", major: 8, minor: 0, access: 0 }));
  });

  test("no program where everything is allowed", () => {
    equal(filter(allowAll), undefined);
    equal(filter(denyAll, allowAll), undefined);
    equal(
      filter(denyAll, { allow: true, type: "a", major: -1, minor: -1, access: "mrw" }),
      undefined,
    );
  });

  test("a rule denies part of what an earlier one allowed", () => {
    const program = filter(
      denyAll,
      { allow: true, type: "b", major: 8, access: "rw" },
      {
        allow: false,
        type: "b",
        major: 8,
        minor: 1,
        access: "w",
      },
    );
    ok(asks(program, "b 8:0 rw") && asks(program, "b 8:1 r"));
    ok(!asks(program, "b 8:1 w") && !asks(program, "b 8:1 rw"));
  });

  test("after all is allowed, a device is denied in part", () => {
    const program = filter(allowAll, {
      allow: false,
      type: "c",
      major: 10,
      minor: 229,
      access: "w",
    });
    ok(asks(program, "c 10:229 r") && asks(program, "c 10:228 rw") && asks(program, "b 8:0 rwm"));
    ok(!asks(program, "c 10:229 rw"));
  });

  test("a rule for both types may name a device", () => {
    const program = filter(denyAll, { allow: true, type: "a", major: 7, minor: 1, access: "r" });
    ok(asks(program, "b 7:1 r") && asks(program, "c 7:1 r"));
    ok(!asks(program, "b 7:2 r") && !asks(program, "b 7:1 w"));
  });

  test("a config cannot take the default devices away", () => {
    ok(asks(filter({ allow: false, type: "c", major: 1, minor: 3, access: "rwm" }), "c 1:3 rw"));
  });
});

test("null is absent, as Go programs write it", () => {
  const rule = { allow: true, type: "", major: null, minor: null, access: "m" };
  deepEqual(readDeviceRules([rule as unknown as LinuxDeviceCgroup]), [
    { allow: true, type: undefined, major: undefined, minor: undefined, access: MKNOD },
  ]);
});

const faults: [fault: object, member: string][] = [
  [{ access: "" }, "access"],
  [{ access: undefined }, "access"],
  [{ access: "rx" }, "access"],
  [{ major: -2 }, "major"],
  [{ major: 2 ** 32 }, "major"],
  [{ minor: 2n ** 63n - 1n }, "minor"],
];
for (const [fault, member] of faults)
  test(`a rule with ${member} ${String(Object.values(fault)[0])} is refused`, () => {
    const rule = { allow: true, type: "c", access: "r", ...fault } as LinuxDeviceCgroup;
    throws(
      () => readDeviceRules([denyAll, rule]),
      (error) =>
        error instanceof Failure && error.pointer === `/linux/resources/devices/1/${member}`,
    );
  });
