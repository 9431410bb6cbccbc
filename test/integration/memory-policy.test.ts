/** linux.memoryPolicy, as numa_maps(5) shows it inside. The machines of the tests have one memory node; crun
 * knows the field from 1.24 on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeBundle, shellBundle } from "./harness/bundle.ts";
import { recentRunc } from "./harness/cgroup.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, type Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Policy = NonNullable<Config["linux"]["memoryPolicy"]>;

/** The policy of the memory of a program that the container's first process starts. */
function policyInside(runtime: Runtime, memoryPolicy: Policy, edit?: (config: Config) => void) {
  const { path } = shellBundle("head -n 1 /proc/self/numa_maps", {
    edit: (config) => {
      config.linux.memoryPolicy = memoryPolicy;
      delete config.process.capabilities?.ambient;
      edit?.(config);
    },
  });
  const call = ["run", "--bundle", path, newId()];
  return succeeded(runtime.call(call, { input: "" }), runtime.name).stdout.split(" ")[1];
}

const POLICIES: [Policy, string][] = [
  [{ mode: "MPOL_DEFAULT" }, "default"],
  [{ mode: "MPOL_DEFAULT", nodes: "" }, "default"],
  [{ mode: "MPOL_LOCAL" }, "local"],
  [{ mode: "MPOL_BIND", nodes: "0" }, "bind:0"],
  [{ mode: "MPOL_BIND", nodes: "0-7" }, "bind:0"],
  [{ mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }, "bind=static:0"],
  [{ mode: "MPOL_BIND", nodes: "3", flags: ["MPOL_F_RELATIVE_NODES"] }, "bind=relative:0"],
  [{ mode: "MPOL_INTERLEAVE", nodes: " 0 ," }, "interleave:0"],
  [{ mode: "MPOL_WEIGHTED_INTERLEAVE", nodes: "0" }, "weighted interleave:0"],
  [{ mode: "MPOL_PREFERRED", nodes: "0" }, "prefer:0"],
  [{ mode: "MPOL_PREFERRED" }, "local"],
  [{ mode: "MPOL_PREFERRED_MANY", nodes: "0" }, "prefer (many):0"],
];

for (const [policy, expected] of POLICIES)
  test(`the kernel reports ${JSON.stringify(policy)}`, () => {
    assert.equal(policyInside(tsrun, policy), expected.split(" ")[0]);
  });

test("a user namespace's root may choose, too", () => {
  const policy = { mode: "MPOL_INTERLEAVE", nodes: "0" };
  assert.equal(policyInside(tsrun, policy, addUserNamespace), "interleave:0");
});

const REFUSED: [string, Policy, RegExp[]][] = [
  ["no nodes", { mode: "MPOL_BIND" }, [/needs nodes/, /\/linux\/memoryPolicy\/nodes/]],
  [
    "nodes too many",
    { mode: "MPOL_LOCAL", nodes: "0" },
    [/MPOL_LOCAL is for no particular nodes/, /\/linux\/memoryPolicy\/nodes/],
  ],
  ["no list", { mode: "MPOL_BIND", nodes: "0-" }, [/"0-"/, /\/linux\/memoryPolicy\/nodes/]],
  ["an unknown mode", { mode: "INTERLEAVE", nodes: "0" }, [/\/linux\/memoryPolicy\/mode/]],
  [
    "an unknown flag",
    { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_X"] },
    [/\/linux\/memoryPolicy\/flags\/0/],
  ],
  [
    "nodes that the machine does not have",
    { mode: "MPOL_BIND", nodes: "5,900" },
    [/MPOL_BIND for the memory nodes 5,900/, /set_mempolicy\(2\): EINVAL/, /has_memory/],
  ],
  [
    "a flag that the mode does not take",
    { mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"] },
    [/MPOL_INTERLEAVE\|MPOL_F_NUMA_BALANCING/, /EINVAL/, /\/linux\/memoryPolicy\)/],
  ],
];

for (const [name, memoryPolicy, patterns] of REFUSED)
  test(`refused: ${name}`, () => {
    const { path } = makeBundle(["true"], {
      edit: (config) => {
        config.linux.memoryPolicy = memoryPolicy;
      },
    });
    leavesNothing(() => failed(tsrun.call(["run", "--bundle", path, newId()]), ...patterns));
  });

for (const [policy] of POLICIES)
  test(`as under a recent runc: ${JSON.stringify(policy)}`, needs("recent runc"), () => {
    assert.equal(policyInside(tsrun, policy), policyInside(recentRunc, policy));
  });
