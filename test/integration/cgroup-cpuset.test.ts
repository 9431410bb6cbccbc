/** linux.resources.cpu.cpus and mems: the processors and memory nodes of a container. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { areRefused, areSet, Container, underBothDrivers } from "./harness/cgroup.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";

nothingIsLeftAtTheEnd();

areSet(["cpuset controller"], {
  "one processor": {
    resources: { cpu: { cpus: "1" } },
    files: { "cpuset.cpus": "1", "cpuset.cpus.effective": "1" },
    properties: { AllowedCPUs: "1" },
  },
  "a range and a memory node": {
    resources: { cpu: { cpus: "0-1", mems: "0" } },
    files: { "cpuset.cpus": "0-1", "cpuset.mems": "0", "cpuset.mems.effective": "0" },
    properties: { AllowedCPUs: "0-1", AllowedMemoryNodes: "0" },
  },
  "none are named": {
    resources: { cpu: { cpus: "", mems: "" } },
    files: { "cpuset.cpus": "", "cpuset.mems": "", "cpuset.cpus.effective": "0-1" },
  },
});

areRefused(["cpuset controller"], {
  "no list": [{ cpu: { cpus: "many" } }, /cpu\/cpus/, /a list like/],
  "a node that is not there": [{ cpu: { mems: "63" } }, /cpu\/mems/],
});

underBothDrivers("its processes run there only", ["cpuset controller"], (driver) => {
  const script = "grep allowed_list /proc/self/status";
  const { stdout } = succeeded(
    new Container(driver).run({ cpu: { cpus: "1", mems: "0" } }, script),
  );
  assert.equal(stdout, "Cpus_allowed_list:\t1\nMems_allowed_list:\t0\n");
});
