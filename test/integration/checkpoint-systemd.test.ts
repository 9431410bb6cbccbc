/** checkpoint and restore of a container that systemd places, which comes back in a scope of its own. */
import "./harness/machinePids.ts";
import { systemctl, systemd } from "./harness/cgroup.ts";
import {
  alike,
  checkpointed,
  counter,
  counts,
  DETACHED_STREAMS,
  procFile,
  remove,
  restored,
  run,
  wholeWithCriu,
} from "./harness/checkpoint.ts";
import { stateOf } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";

nothingIsLeftAtTheEnd();

alike(
  "its scope ends with it, and is there again with its limits",
  (runtime) => {
    const driven = runtime.with(...systemd.options);
    const container = counter(DETACHED_STREAMS, ({ linux }) => {
      linux.cgroupsPath = "system.slice:tests:checkpoint";
      linux.resources = { ...linux.resources, memory: { limit: 64 * 2 ** 20 } };
    });
    const unit = () =>
      systemctl("show", "--property=ActiveState,MemoryMax", "tests-checkpoint.scope");
    const seen = () => ({
      unit: unit(),
      group: procFile(stateOf(container.id, driven).pid, "cgroup"),
    });
    run(container, driven);
    const before = seen();
    checkpointed(container, [], driven);
    const meanwhile = unit();
    restored(container, [], driven);
    counts(container);
    const after = seen();
    remove(container, driven);
    return { before, meanwhile, after };
  },
  wholeWithCriu("systemd"),
);
