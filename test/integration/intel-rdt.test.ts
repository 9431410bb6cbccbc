/**
 * linux.intelRdt on machines that have no resctrl, as those of the tests. What is done where there is one is tested on a
 * folder that stands for it (test/unit/runtime/intelRdt.test.ts).
 */
import { existsSync } from "node:fs";
import { test } from "node:test";
import { makeBundle } from "./harness/bundle.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** The kernel makes this folder where the processor can do it. */
const without = existsSync("/sys/fs/resctrl") ? { skip: "needs a machine without resctrl" } : {};

const CONFIGS: [Record<string, unknown>, RegExp][] = [
  [{}, /no resctrl filesystem is mounted.* \/linux\/intelRdt\).*CONFIG_X86_CPU_RESCTRL/],
  [{ closID: "gold", schemata: ["L3:0=f"] }, /no resctrl filesystem is mounted/],
  [{ closID: "/", enableMonitoring: true }, /no resctrl filesystem is mounted/],
  [{ closID: "a/b" }, /"a\/b" is no name of a resctrl group.*\/linux\/intelRdt\/closID/],
  [{ memBwSchema: "L3:0=f" }, /\/linux\/intelRdt\/memBwSchema/],
  [{ schemata: ["L3:0=f", "MB:0=10\nL2:0=f"] }, /\/linux\/intelRdt\/schemata\/1/],
];

for (const [intelRdt, pattern] of CONFIGS)
  test(`refused: ${JSON.stringify(intelRdt)}`, without, () => {
    const { path } = makeBundle(["true"], {
      edit: (config) => {
        config.linux.intelRdt = intelRdt;
      },
    });
    leavesNothing(() => failed(tsrun.call(["run", "--bundle", path, newId()]), pattern));
  });

test("update of caches is refused, by the reason, and changes nothing", without, () => {
  const id = newId();
  const { path } = makeBundle(["sleep", "300"]);
  succeeded(tsrun.call(["create", "--bundle", path, id], { input: "" }));
  for (const option of ["--l3-cache-schema=L3:0=f", "--mem-bw-schema=MB:0=50"])
    failed(
      tsrun.call(["update", option, id]),
      new RegExp(`updating the caches of the container ${id}: no resctrl filesystem is mounted`),
    );
  succeeded(tsrun.call(["delete", "--force", id]));
});
