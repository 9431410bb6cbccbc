import { deepEqual, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { annotatedProperties } from "../../../../src/cgroup/systemd/annotations.ts";
import type { BusValue } from "../../../../src/cgroup/systemd/bus/message.ts";

const read = (text: string, name = "Some") =>
  annotatedProperties({ [`org.systemd.property.${name}`]: text })[0];

describe("properties in annotations", () => {
  const values: [text: string, signature: string, value: BusValue][] = [
    ["true", "b", true],
    [" false ", "b", false],
    ["boolean true", "b", true],
    ["'inactive-or-failed'", "s", "inactive-or-failed"],
    ['"it\'s"', "s", "it's"],
    ["'a\\'b\\\\c\\n\\u00e9'", "s", "a'b\\c\né"],
    ["string 'x'", "s", "x"],
    ["objectpath '/a'", "o", "/a"],
    ["signature 'as'", "g", "as"],
    ["5", "i", 5],
    ["-5", "i", -5],
    ["0x10", "i", 16],
    ["byte 255", "y", 255],
    ["int16 -1", "n", -1],
    ["uint16 1", "q", 1],
    ["int32 1", "i", 1],
    ["uint32 4294967295", "u", 4294967295],
    ["int64 -1", "x", -1n],
    ["uint64 18446744073709551615", "t", 2n ** 64n - 1n],
    ["@t 7", "t", 7n],
    ["1.5", "d", 1.5],
    ["double 2", "d", 2],
    ["1e3", "d", 1000],
    ["['a.service', 'b.service']", "as", ["a.service", "b.service"]],
    ["['x',]", "as", ["x"]],
    ["@as []", "as", []],
    ["@at [1, 2]", "at", [1n, 2n]],
    ["[uint32 1, 2]", "au", [1, 2]],
    ["[[1], [2, 3]]", "aai", [[1], [2, 3]]],
    ["[('/dev/null', 'rw')]", "a(ss)", [["/dev/null", "rw"]]],
    ["@a(st) [('/dev/sda', 5)]", "a(st)", [["/dev/sda", 5n]]],
    ["('a', true, byte 1)", "(sby)", ["a", true, 1]],
  ];
  for (const [text, signature, value] of values)
    test(text, () => deepEqual(read(text), ["Some", { signature, value }]));

  const bad = [
    ...["", "word", "invalid-value", "'open", "1 2", "true,", "[1", "[1 2]", "[]", "(", "()", "]"],
    ...["uint32 -1", "byte 256", "uint64 18446744073709551616", "5000000000", "uint32 'a'"],
    ...["[1, 'a']", "uint32 true", "1.2.3", "string 1", "@as ['a', 1]", "@a(st) [(1, 2)]", "@z 1"],
    ...["constructor", "{'a': 1}", "[".repeat(100_000)],
  ];
  for (const text of bad)
    test(`${text.slice(0, 30)} is none`, () => {
      throws(() => read(text), {
        message:
          /^the annotation org\.systemd\.property\.Some is no property for systemd: .*\(config\.json \/annotations\/org\.systemd\.property\.Some\)$/,
      });
    });

  const seconds: [name: string, text: string, expected: [string, string, BusValue] | undefined][] =
    [
      ["TimeoutStopUSec", "uint64 123", ["TimeoutStopUSec", "t", 123n]],
      ["TimeoutStopSec", "456", ["TimeoutStopUSec", "t", 456_000_000n]],
      ["TimeoutStopSec", "byte 2", ["TimeoutStopUSec", "t", 2_000_000n]],
      ["TimeoutStopSec", "int64 3", ["TimeoutStopUSec", "t", 3_000_000n]],
      ["TimeoutStopSec", "234.789", ["TimeoutStopUSec", "t", 234_789_000n]],
      ["FOOSec", "123", ["FOOSec", "i", 123]],
      ["Sec", "123", ["Sec", "i", 123]],
      ["TimeoutStopSec", "false", undefined],
      ["TimeoutStopSec", "'1'", undefined],
      ["TimeoutStopSec", "-1", undefined],
      ["TimeoutStopSec", "uint64 18446744073709551615", undefined],
    ];
  for (const [name, text, expected] of seconds)
    test(`${name} ${text}`, () => {
      if (expected === undefined) throws(() => read(text, name), /is no property for systemd/);
      else
        deepEqual(read(text, name), [expected[0], { signature: expected[1], value: expected[2] }]);
    });

  test("have names of letters", () => {
    for (const name of ["Xo", "Number1", "", "a.b", "a/b~c"])
      throws(() => read("1", name), /its name is not made of letters/);
    throws(() => read("1", "a/b"), { pointer: "/annotations/org.systemd.property.a~1b" });
  });

  const refused = [
    ...["PIDs", "PIDFDs", "Slice", "Delegate", "DelegateControllers", "DelegateSubgroup"],
    ...["DevicePolicy", "DeviceAllow", "User", "Group"],
  ];
  for (const name of refused)
    test(`${name} is tsrun's own`, () => {
      const key = `org.systemd.property.${name}`;
      throws(() => read("@au [1]", name), {
        message: new RegExp(
          `^the annotation ${key} is refused: .* \\(config\\.json /annotations/${key}\\)$`,
        ),
        pointer: `/annotations/${key}`,
      });
    });

  test("are the only annotations that count", () => {
    deepEqual(
      annotatedProperties({
        "org.systemd.property.CollectMode": "'inactive'",
        "io.podman.annotations.x": "true",
        "my.org.systemd.property.Other": "nonsense",
      }),
      [["CollectMode", { signature: "s", value: "inactive" }]],
    );
  });
});
