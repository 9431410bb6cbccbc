import { equal } from "node:assert/strict";
import { test } from "node:test";
import type { LinuxMemoryPolicy } from "@opencontainers-types";
import { Failure } from "../../../src/failure.ts";
import { checkMemoryPolicy } from "../../../src/runtime/memoryPolicyChecks.ts";

const CASES: [LinuxMemoryPolicy, string | undefined][] = [
  [{ mode: "MPOL_DEFAULT" }, undefined],
  [{ mode: "MPOL_DEFAULT", nodes: "" }, undefined],
  [{ mode: "MPOL_DEFAULT", nodes: "0" }, "nodes"],
  [{ mode: "MPOL_LOCAL", nodes: "0-1" }, "nodes"],
  [{ mode: "MPOL_BIND", nodes: "0-3,7" }, undefined],
  [{ mode: "MPOL_BIND" }, "nodes"],
  [{ mode: "MPOL_BIND", nodes: "," }, "nodes"],
  [{ mode: "MPOL_INTERLEAVE", nodes: "x" }, "nodes"],
  [{ mode: "MPOL_WEIGHTED_INTERLEAVE" }, "nodes"],
  [{ mode: "MPOL_PREFERRED_MANY" }, "nodes"],
  [{ mode: "MPOL_PREFERRED" }, undefined],
  [{ mode: "MPOL_PREFERRED", nodes: "1" }, undefined],
  [{ mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }, undefined],
  [
    { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] },
    "flags",
  ],
];

for (const [policy, member] of CASES)
  test(`${JSON.stringify(policy)} is ${member === undefined ? "accepted" : "refused"}`, () => {
    let pointer: string | undefined;
    try {
      checkMemoryPolicy(policy);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      ({ pointer } = error);
    }
    equal(pointer, member && `/linux/memoryPolicy/${member}`);
  });
