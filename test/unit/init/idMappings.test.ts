/** The mappings of a user namespace's ids (idMappings.ts). */
import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxIDMapping } from "@opencontainers-types";
import { checkIdMappings, hostId, idMapText } from "../../../src/init/idMappings.ts";

/** `0:100000:65536`, several of them apart by blanks. */
const mappings = (words: string): LinuxIDMapping[] =>
  words.split(" ").map((word) => {
    const [containerID = 0, hostID = 0, size = 0] = word.split(":").map(Number);
    return { containerID, hostID, size };
  });

describe("the host's id", () => {
  const ids: [string, number, number | undefined][] = [
    ["0:100000:65536", 0, 100_000],
    ["0:100000:65536", 65_535, 165_535],
    ["0:100000:65536", 65_536, undefined],
    ["0:1000:1 1:100000:10", 0, 1000],
    ["0:1000:1 1:100000:10", 1, 100_000],
    ["5:0:1 0:9:5", 5, 0],
    ["5:0:1", 4, undefined],
    ["0:0:4294967295", 4_294_967_294, 4_294_967_294],
  ];
  for (const [words, id, host] of ids)
    test(`of ${id} by ${words}`, () => {
      equal(hostId(mappings(words), id), host);
    });

  test("there is none without mappings", () => {
    equal(hostId([], 0), undefined);
  });
});

test("the kernel's text has a line for each, in their order", () => {
  equal(idMapText(mappings("5:0:1 0:100000:5")), "5 0 1\n0 100000 5\n");
});

describe("mappings", () => {
  const accepted = [
    "0:0:4294967295",
    "0:100000:65536 65536:0:1",
    "10:10:1 9:9:1 11:11:1",
    "4294967294:0:1",
  ];
  for (const words of accepted)
    test(`${words} are accepted`, () => {
      checkIdMappings(mappings(words), "/m");
    });

  const refused: [string, RegExp, string][] = [
    ["0:0:0", /maps nothing/, "/m/0/size"],
    ["0:100000:1 1:2:0", /maps nothing/, "/m/1/size"],
    ["0:1:4294967295", /beyond the last id, 4294967294/, "/m/0/size"],
    ["4294967295:0:1", /beyond the last id/, "/m/0/size"],
    ["0:100000:10 9:200000:1", /overlaps with \/m\/0/, "/m/1/containerID"],
    ["9:200000:1 20:1:1 0:100000:10", /overlaps with \/m\/0/, "/m/2/containerID"],
    ["0:100000:10 10:100009:1", /overlaps with \/m\/0/, "/m/1/hostID"],
    ["0:1:1 1:5:5 6:7:1", /overlaps with \/m\/1/, "/m/2/hostID"],
    ["0:1:1 0:1:1", /overlaps with \/m\/0/, "/m/1/containerID"],
  ];
  for (const [words, message, pointer] of refused)
    test(`${words} are refused`, () => {
      throws(() => checkIdMappings(mappings(words), "/m"), { name: "Failure", message, pointer });
    });

  const many = (count: number, first: number) =>
    Array.from({ length: count }, (_, i) => ({ containerID: i, hostID: first + i, size: 1 }));

  test("of more lines, or of more characters, than the kernel takes are refused", () => {
    checkIdMappings(many(340, 0), "/m");
    for (const ranges of [many(341, 0), many(300, 4_000_000_000)])
      throws(() => checkIdMappings(ranges, "/m"), { message: /more than the kernel takes/ });
  });

  test("the check leaves them as they are", () => {
    const given = mappings("5:0:1 0:100000:5");
    checkIdMappings(given, "/m");
    deepEqual(given, mappings("5:0:1 0:100000:5"));
  });
});
