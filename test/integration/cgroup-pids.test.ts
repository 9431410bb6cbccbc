/** linux.resources.pids: how many processes a container may have. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { areRefused, areSet, Container, underBothDrivers } from "./harness/cgroup.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";

nothingIsLeftAtTheEnd();

areSet(["pids controller"], {
  "a limit": {
    resources: { pids: { limit: 42 } },
    files: { "pids.max": "42" },
    properties: { TasksMax: "42" },
  },
  "no limit": {
    resources: { pids: { limit: -1 } },
    files: { "pids.max": "max" },
    properties: { TasksMax: "infinity" },
  },
  "a limit of 0 is 1": {
    resources: { pids: { limit: 0 } },
    files: { "pids.max": "1" },
    properties: { TasksMax: "1" },
  },
});

areRefused(["pids controller"], {
  "more than the kernel counts": [{ pids: { limit: 5_000_000 } }, /pids\/limit/, /at most 4194304/],
});

underBothDrivers("one process too many is refused", ["pids controller"], (driver) => {
  const script = "for i in 1 2 3 4 5 6; do sleep 5 & done";
  const { stderr } = new Container(driver).run({ pids: { limit: 4 } }, script);
  assert.match(stderr, /can't fork: Resource temporarily unavailable/);
});

underBothDrivers("as many as allowed are not", ["pids controller"], (driver) => {
  const script = 'sleep 0.1 & sleep 0.1 & wait; grep "^max" /sys/fs/cgroup/pids.events';
  const { stdout } = succeeded(new Container(driver).run({ pids: { limit: 4 } }, script));
  assert.equal(stdout, "max 0\n");
});
