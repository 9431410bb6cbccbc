/** checkBeforeUpdate, on a directory that says what a group uses. */
import { doesNotThrow, throws } from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { LinuxMemory } from "@opencontainers-types";
import { refuseBelowUsage } from "../../../src/cgroup/resources/memory.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-usage-"));
const group = openSync(directory, "r");

after(() => {
  closeSync(group);
  rmSync(directory, { recursive: true });
});

test("a group without the memory controller uses nothing that is known", () => {
  doesNotThrow(() => refuseBelowUsage(group, { checkBeforeUpdate: true, limit: 1 }));
});

const IN_USE = 5000;
const cases: [memory: LinuxMemory | undefined, pointer?: string][] = [
  [undefined],
  [{ limit: 1 }],
  [{ limit: 1, checkBeforeUpdate: false }],
  [{ checkBeforeUpdate: true }],
  [{ limit: 5001, checkBeforeUpdate: true }],
  [{ limit: -1, swap: -1, checkBeforeUpdate: true }],
  [{ limit: 5000, checkBeforeUpdate: true }, "/linux/resources/memory/limit"],
  [{ limit: 4999n, checkBeforeUpdate: true }, "/linux/resources/memory/limit"],
  [{ limit: -1, swap: 5000, checkBeforeUpdate: true }, "/linux/resources/memory/swap"],
];

for (const [memory, pointer] of cases)
  test(
    JSON.stringify(memory, (_, value) => (typeof value === "bigint" ? `${value}n` : value)) ??
      "no memory",
    () => {
      writeFileSync(join(directory, "memory.current"), `${IN_USE}\n`);
      const check = () => refuseBelowUsage(group, memory);
      if (pointer) throws(check, { pointer });
      else doesNotThrow(check);
    },
  );
