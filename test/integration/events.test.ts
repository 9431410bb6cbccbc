/** events: statistics, kills for want of memory and pressure, as lines of JSON. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { becomes, eventually, failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

interface Event {
  type: string;
  id: string;
  data?: unknown;
}

/** Some of what is told. */
interface Statistics {
  cpu: { usage: { total: number; kernel: number; user: number } };
  pids: { current: number };
  cgroup?: { cpu: { stat: Record<string, number> } };
}

const waiting = shellBundle(WAITS);

function started(bundle = waiting, runtime = tsrun): string {
  const id = newId();
  succeeded(runtime.call(["run", "--detach", "--bundle", bundle.path, id]));
  return id;
}

const remove = (id: string) => succeeded(tsrun.call(["delete", "--force", id]));

/** Starts `events`; what it prints can be read all along. */
function watch(id: string, ...options: string[]) {
  const folder = newFolder("events");
  const [out, err] = [join(folder, "stdout"), join(folder, "stderr")];
  const files = [openSync(out, "w"), openSync(err, "w")] as const;
  const child = tsrun.spawn(["events", ...options, id], ["ignore", ...files]);
  files.forEach(closeSync);
  const ended = once(child, "exit");
  const opened = `/proc/${child.pid}/fd`;
  eventually("events watches the group", () =>
    readdirSync(opened).some((fd) => isLinkTo(join(opened, fd), /\/cgroup\.events$/)),
  );
  return {
    events: (): Event[] => parse(readFileSync(out, "utf8")),
    /** Waits for the end, which is to be a good one. */
    async ends(): Promise<void> {
      assert.deepEqual(await ended, [0, null]);
      // Without the memory controller there is a word about that.
      assert.match(readFileSync(err, "utf8"), /^(tsrun: warning: .* no memory controller: .*\n)?$/);
    },
  };
}

function isLinkTo(link: string, target: RegExp): boolean {
  try {
    return target.test(readlinkSync(link));
  } catch {
    return false; // it has been closed meanwhile
  }
}

const parse = (text: string): Event[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);

test("--stats tells once what the container uses", () => {
  const id = started();
  const { stdout } = succeeded(tsrun.call(["events", "--stats", id]));
  const [event, ...others] = parse(stdout) as [Event, ...Event[]];
  assert.deepEqual(others, []);
  assert.deepEqual([event.type, event.id], ["stats", id]);
  assert.deepEqual(Object.keys(event.data as object), [
    ...["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"],
  ]);
  const { cpu, pids } = event.data as Statistics;
  const { total, kernel, user } = cpu.usage;
  assert.ok(total >= 1000 && total < 20e9 && total % 1000 === 0, `${total} ns`);
  assert.ok(Math.abs(total - kernel - user) <= 1000, `${total} ns: ${kernel} and ${user}`);
  assert.ok(pids.current === 1 || pids.current === 2, `${pids.current} processes`);
  remove(id);
});

test("--cgroup adds what the files of the cgroup say", () => {
  const id = started();
  const { stdout } = succeeded(tsrun.call(["events", "--stats", "--cgroup", id]));
  const [event] = parse(stdout) as [Event];
  const { cpu, cgroup } = event.data as Statistics;
  assert.equal(cgroup?.cpu.stat["usage_usec"], cpu.usage.total / 1000);
  remove(id);
});

test("statistics come at every interval, until the container ends", async () => {
  const id = started();
  const { events, ends } = watch(id, "--interval", "100ms");
  eventually("three lines", () => events().length >= 3);
  succeeded(tsrun.call(["kill", id, "KILL"]));
  await ends();
  const told = events();
  assert.ok(told.every((event) => event.type === "stats" && event.id === id));
  const usage = told.map(({ data }) => (data as Statistics).cpu.usage.total);
  for (const [i, total] of usage.entries()) assert.ok(total >= (usage[i - 1] ?? 0), `${usage}`);
  remove(id);
});

test("a container that is deleted ends it, whatever the interval", async () => {
  const id = started();
  const { events, ends } = watch(id, "--interval", "1h");
  remove(id);
  await ends();
  assert.deepEqual(events(), []);
});

test("a created container can be watched already", async () => {
  const id = newId();
  succeeded(tsrun.call(["create", "--bundle", waiting.path, id]));
  const { events, ends } = watch(id, "--interval", "50ms");
  eventually("a line", () => events().length >= 1);
  succeeded(tsrun.call(["start", id]));
  const before = events().length;
  eventually("it goes on", () => events().length > before);
  remove(id);
  await ends();
});

test("pressure on a resource is told", async () => {
  // More processes that want to run than there are processors.
  const hungry = shellBundle("for i in 1 2 3 4 5 6 7 8; do yes > /dev/null & done; wait");
  const id = started(hungry);
  // Windows of two seconds are for everybody, others need CAP_SYS_RESOURCE.
  const trigger = ["--pressure", "cpu:some:10ms/2s"];
  const { events, ends } = watch(id, "--interval", "1h", ...trigger, "--pressure=io:full:1s/2s");
  eventually("pressure", () => events().length > 0);
  remove(id);
  await ends();
  for (const { type, id: told, data } of events()) {
    assert.deepEqual([type, told], ["pressure", id]);
    const { resource, kind, total, ...averages } = data as Record<string, number>;
    assert.deepEqual([resource, kind], ["cpu", "some"]);
    assert.ok((total as number) >= 10_000, `${total} microseconds`);
    assert.deepEqual(Object.keys(averages), ["avg10", "avg60", "avg300"]);
  }
});

test("a trigger that the kernel does not take is an error", () => {
  const id = started();
  const call = ["events", "--pressure", "memory:some:3s/2s", id];
  const { status, stderr } = tsrun.call(call);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /: watching memory\.pressure for "some 3000000 2000000": .*EINVAL.*500ms to/,
  );
  remove(id);
});

test("who does not run has no events", () => {
  failed(tsrun.call(["events", newId()]), /does not exist/);
  const id = started();
  succeeded(tsrun.call(["kill", id, "KILL"]));
  becomes(id, "stopped");
  for (const options of [[], ["--stats"]])
    failed(tsrun.call(["events", ...options, id]), /is not running/);
  remove(id);
});

test("without a cgroup there is nothing to tell", () => {
  const id = started(waiting, tsrun.with("--cgroup-manager=disabled"));
  for (const options of [[], ["--stats"]])
    failed(tsrun.call(["events", ...options, id]), /no cgroup of its own/);
  remove(id);
});

const MIB = 1024 * 1024;
const withMemory = needs("memory controller");

/** A bundle that is limited: `resources` as in config.json. */
const limited = (script: string, resources: Record<string, unknown>) =>
  shellBundle(script, {
    edit: ({ linux }) => {
      linux.resources = { ...linux.resources, ...resources };
    },
  });

const noMoreThan20MiB = { memory: { limit: 20 * MIB, swap: 20 * MIB } };

test("every kill for want of memory is told", withMemory, async () => {
  const id = started(
    limited("for i in 1 2; do sleep 0.5; tail /dev/zero; done; sleep 60", noMoreThan20MiB),
  );
  const { events, ends } = watch(id, "--interval", "1h");
  const oom = { type: "oom", id };
  eventually("two kills", () => events().length >= 2);
  assert.deepEqual(events(), [oom, oom]);
  remove(id);
  await ends();
  assert.deepEqual(events(), [oom, oom], "the end is none");
});

test("the kill that ends the container is told as well", withMemory, async () => {
  const id = newId();
  const { path } = limited("exec tail /dev/zero", noMoreThan20MiB);
  succeeded(tsrun.call(["create", "--bundle", path, id]));
  const { events, ends } = watch(id, "--interval", "1h");
  succeeded(tsrun.call(["start", id]));
  await ends();
  assert.deepEqual(events(), [{ type: "oom", id }]);
  remove(id);
});

test("pressure on memory is told, in windows as short as half a second", withMemory, async () => {
  const id = started(limited("tail /dev/zero", { unified: { "memory.high": String(8 * MIB) } }));
  const { events, ends } = watch(id, "--interval=1h", "--pressure", "memory:some:20ms/500ms");
  eventually("pressure", () => events().length > 0);
  remove(id);
  await ends();
  const { type, data } = events()[0] as Event;
  assert.equal(type, "pressure");
  assert.equal((data as { resource: string }).resource, "memory");
});

/** What Go leaves out when it is zero, and what may be zero in one of two containers that do the same. */
const MAY_BE_ZERO = ["cache", "throttling", "ioServiceBytesRecursive", "ioServicedRecursive"];

/** The types that a value is made of, in their order but for the keys of maps. */
function shape(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value === null ? null : typeof value;
  if (Array.isArray(value)) return value.map(shape);
  const members = Object.entries(value).filter(([key]) => !MAY_BE_ZERO.includes(key));
  return Object.fromEntries(members.map(([key, member]) => [key, shape(member)]));
}

interface Limits {
  cpuset: Record<string, unknown>;
  memory: Record<"usage" | "swap", { limit: number }>;
  pids: { limit?: number };
}

test("the statistics are those of a recent runc", withMemory, () => {
  const recentRunc = new Runtime("runc", ["runc-recent"]);
  for (const resources of [
    {},
    { memory: { limit: 64 * MIB, swap: 96 * MIB }, pids: { limit: 50 } },
  ]) {
    const bundle = limited(WAITS, resources);
    const [ours, theirs] = [tsrun, recentRunc].map((runtime) => {
      const id = newId();
      // It may warn of capabilities.
      assert.equal(runtime.call(["run", "--detach", "--bundle", bundle.path, id]).status, 0);
      const { stdout } = succeeded(runtime.call(["events", "--stats", id]));
      succeeded(runtime.call(["delete", "--force", id]));
      return (parse(stdout)[0] as Event).data as Limits;
    }) as [Limits, Limits];
    const limits = ({ memory, pids }: Limits) => [
      memory.usage.limit,
      memory.swap.limit,
      pids.limit,
    ];
    assert.deepEqual(limits(ours), limits(theirs));
    // The lists of the cpuset are more than runc tells of cgroup v2.
    const { cpus, mems, ...cpuset } = ours.cpuset;
    assert.deepEqual([cpus, mems].map(Array.isArray), [true, true]);
    assert.deepEqual(shape({ ...ours, cpuset }), shape(theirs));
  }
});
