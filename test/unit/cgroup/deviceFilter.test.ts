import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxDeviceCgroup } from "@opencontainers-types";
import { BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR } from "#abi";
import { deviceProgram } from "../../../src/cgroup/devices/filter.ts";
import {
  type DeviceRule,
  EVERY_ACCESS,
  readDeviceRules,
  withDefaults,
} from "../../../src/cgroup/devices/rules.ts";
import { Failure } from "../../../src/failure.ts";
import { sequence } from "../../random.ts";
import { instructionsOf, machine, unreachable } from "./bpfMachine.ts";

const MKNOD = 1;
const READ = 2;
const WRITE = 4;

interface Request {
  type: "b" | "c";
  major: number;
  minor: number;
  access: number;
}

/** What a program, or its absence, says. */
function judge(program: Uint32Array | undefined): (request: Request) => boolean {
  if (program === undefined) return () => true;
  const decide = machine(program);
  const context = new DataView(new ArrayBuffer(12));
  return ({ type, major, minor, access }) => {
    context.setUint16(0, type === "b" ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, true);
    context.setUint16(2, access, true);
    context.setUint32(4, major, true);
    context.setUint32(8, minor, true);
    return decide(context) === 1;
  };
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

/** Every kind of access to devices of which rules know the number, or part of it, or nothing. */
const REQUESTS: readonly Request[] = (["b", "c"] as const).flatMap((type) =>
  [1, 2, 0xffffffff].flatMap((major) =>
    [0, 3, 0x80000000].flatMap((minor) =>
      [1, 2, 3, 4, 5, 6, 7].map((access) => ({ type, major, minor, access })),
    ),
  ),
);

function randomRules(next: (limit: number) => number): DeviceRule[] {
  const one = <T>(values: readonly T[]): T => values[next(values.length)] as T;
  const rules = Array.from({ length: next(12) }, () => ({
    allow: next(2) === 1,
    type: one([undefined, "b", "c", "c"] as const),
    major: one([undefined, 1, 1, 2, 0xffffffff]),
    minor: one([undefined, undefined, 0, 3, 0x80000000]),
    access: one([1, 2, 3, 4, 5, 6, 7, 7, 7]),
  }));
  return next(2) === 1 ? withDefaults(rules) : rules;
}

test("programs say what generated rules say, and the kernel would take them", () => {
  const next = sequence(20_211);
  let programs = 0;
  for (let round = 0; round < 2000; round++) {
    const rules = randomRules(next);
    const program = deviceProgram(rules);
    if (program !== undefined) {
      programs++;
      deepEqual(unreachable(program), [], JSON.stringify(rules));
    }
    const granted = judge(program);
    for (const request of REQUESTS)
      if (granted(request) !== expected(rules, request))
        throw new Error(`${JSON.stringify(request)} under ${JSON.stringify(rules)}`);
  }
  ok(programs > 1700);
});

const denyAll: LinuxDeviceCgroup = { allow: false, access: "rwm" };
const allowAll: LinuxDeviceCgroup = { allow: true, access: "rwm" };

const filter = (...devices: LinuxDeviceCgroup[]): Uint32Array | undefined =>
  deviceProgram(withDefaults(readDeviceRules(devices)));

/** A request in the kernel's own notation: `c 1:3 rw`. */
function asks(program: Uint32Array | undefined, text: string): boolean {
  const [type, device, letters] = text.split(" ") as ["b" | "c", string, string];
  const [major, minor] = device.split(":").map(Number) as [number, number];
  const access = [...letters].reduce(
    (bits, letter) => bits | ({ m: 1, r: 2, w: 4 }[letter] as number),
    0,
  );
  return judge(program)({ type, major, minor, access });
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
    ok(instructionsOf(filter(denyAll) as Uint32Array).length <= 30);
  });

  test("what engines say of the default devices adds nothing to it", () => {
    const engines = ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2", "10:200"].map((device) => {
      const [major, minor] = device.split(":").map(Number) as [number, number];
      return { allow: true, type: "c" as const, major, minor, access: "rwm" };
    });
    const nodes = { allow: true, type: "c" as const, access: "m" };
    deepEqual(filter(denyAll, nodes, ...engines), filter(denyAll));
  });

  test("a question about no access at all is granted", () => {
    // access(2) with X_OK or F_OK: nothing is read or written.
    ok(judge(filter(denyAll))({ type: "b", major: 8, minor: 0, access: 0 }));
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

  test("nodes of any device may be made, but for those that are the exception", () => {
    const exception: LinuxDeviceCgroup = {
      allow: false,
      type: "c",
      major: 10,
      minor: 229,
      access: "rwm",
    };
    ok(asks(filter(denyAll, exception), "c 10:229 m"));
    const program = filter(allowAll, exception);
    ok(asks(program, "c 10:228 m") && !asks(program, "c 10:229 m"));
  });

  test("a config cannot take the default devices away", () => {
    ok(asks(filter({ allow: false, type: "c", major: 1, minor: 3, access: "rwm" }), "c 1:3 rw"));
  });
});

test("more rules than the kernel's verifier follows are refused", () => {
  const rules = (length: number): DeviceRule[] =>
    Array.from({ length }, (_, minor) => ({
      allow: true,
      type: "c",
      major: 7,
      minor,
      access: EVERY_ACCESS,
    }));
  ok(deviceProgram(rules(8190)) !== undefined);
  throws(() => deviceProgram(rules(8191)), {
    name: "RangeError",
    message: /over 8192 comparisons/,
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
