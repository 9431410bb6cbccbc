/**
 * Three hundred containers that come and go leave no process, cgroup, unit and program behind. Under
 * systemd there are fewer, unless TSRUN_TEST_CYCLES says how many.
 */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BPF_CGROUP_DEVICE } from "#abi";
import { openProgram, programName, programsOfCgroup } from "../../src/linux/bpf.ts";
import { makeBundle } from "./harness/bundle.ts";
import { Container, type Driver, underBothDrivers } from "./harness/cgroup.ts";
import { becomes, eventually, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";

nothingIsLeftAtTheEnd();

/** In the VM everything takes long, and cgroupfs has its three hundred elsewhere. */
const isVM = needs("systemd").skip === undefined;
const CYCLES = isVM ? { cgroupfs: 30, systemd: 60 } : { cgroupfs: 300, systemd: 0 };
const cycles = ({ name }: Driver): number =>
  Number(process.env["TSRUN_TEST_CYCLES"] || CYCLES[name]);

const short = makeBundle(["true"]);
const long = makeBundle(["sleep", "300"]);

/** A way of living, from beginning to end. */
type Life = (container: Container) => void;

const deletedAtOnce: Life = (container) => {
  succeeded(container.create({}, long), "create");
  container.delete();
};

const killed: Life = (container) => {
  const { id, runtime } = container;
  succeeded(container.create({}, long), "create");
  succeeded(runtime.call(["start", id]), "start");
  succeeded(runtime.call(["kill", id, "KILL"]), "kill");
  becomes(id, "stopped");
  succeeded(runtime.call(["delete", id]), "delete");
};

const endsByItself: Life = (container) => {
  succeeded(container.run({}, short), "run");
};

const LIVES: readonly Life[] = [deletedAtOnce, killed, endsByItself];

/** Whose program it is that the kernel has loaded, if any. */
function program(id: number): string | undefined {
  try {
    const fd = openProgram(id);
    const name = programName(fd);
    closeSync(fd);
    return name;
  } catch (error) {
    assert.match(String(error), /ENOENT/);
    return undefined;
  }
}

/** The id of the newest device filter; the kernel counts up. */
function newestFilter(driver: Driver): number {
  const container = new Container(driver);
  succeeded(container.create({}, long), "create");
  const group = openSync(container.group, "r");
  const [filter] = programsOfCgroup(group, BPF_CGROUP_DEVICE);
  closeSync(group);
  container.delete();
  return filter as number;
}

/** How many groups the whole machine has. */
function groups(): number {
  const stat = readFileSync(join(cgroupRoot(), "cgroup.stat"), "utf8");
  return Number(/^nr_descendants (\d+)$/m.exec(stat)?.[1]);
}

underBothDrivers("many containers leave nothing behind", [], (driver) => {
  const count = cycles(driver);
  const first = newestFilter(driver);
  const before = groups();
  for (let i = 0; i < count; i++)
    leavesNothing(() => (LIVES[i % LIVES.length] as Life)(new Container(driver)));
  const last = newestFilter(driver);
  assert.ok(last - first > count, "each has had a filter");
  eventually("no filter is loaded any more", () => {
    for (let id = first; id <= last; id++) if (program(id) === "tsrun_devices") return false;
    return true;
  });
  assert.equal(groups(), before);
});
