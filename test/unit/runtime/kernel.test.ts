import assert from "node:assert/strict";
import { test } from "node:test";
import { checkKernel, refuseOldKernel } from "../../../src/runtime/kernel.ts";

test("a kernel before Linux 5.14 is refused, and told which is needed", () => {
  for (const release of ["5.13.19", "5.4.0-150-generic", "4.18.0-553.el8.x86_64", "3.10.0", "?"])
    assert.throws(
      () => refuseOldKernel(release),
      (error: Error) =>
        error.message === `the kernel is Linux ${release}; tsrun needs Linux 5.14 or later`,
      release,
    );
});

test("Linux 5.14 and later is accepted, this kernel among them", () => {
  for (const release of ["5.14.0", "5.14.0-427.el9", "5.15.153-rt", "6.1.0-28-amd64", "10.0"])
    refuseOldKernel(release);
  checkKernel();
});
