/** The life of a container's scope: its name and place, what it is told, and how it ends. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { Container, systemctl, systemd, withCreated } from "./harness/cgroup.ts";
import type { Config } from "./harness/config.ts";
import { appears, becomes, eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const withSystemd = needs("systemd");
const runtime = tsrun.with("--systemd-cgroup");
const MIB = 1024 * 1024;

/** The path of a bundle whose container waits. */
const waiting = (edit: (config: Config) => void = () => {}): string =>
  shellBundle(WAITS, { edit }).path;

const placed =
  (cgroupsPath: string) =>
  ({ linux }: Config): void => {
    linux.cgroupsPath = cgroupsPath;
  };

const create = (id: string, edit?: (config: Config) => void) =>
  runtime.call(["create", "--bundle", waiting(edit), id]);
const remove = (id: string) => succeeded(runtime.call(["delete", "--force", id]), "delete --force");

/** The group that the container's process is in. */
const groupOf = (id: string): string =>
  readFileSync(`/proc/${stateOf(id).pid}/cgroup`, "utf8")
    .trimEnd()
    .replace("0::", "");

const show = (unit: string, property: string): string =>
  systemctl("show", "--value", "--property", property, "--", unit);

for (const [cgroupsPath, path] of [
  ["", "/system.slice/tsrun-ID.scope"],
  [":pre:ID", "/system.slice/pre-ID.scope"],
  ["system.slice::ID", "/system.slice/-ID.scope"],
  ["-.slice:pre:ID", "/pre-ID.scope"],
  [
    "tests-inner-most.slice:pre:ID",
    "/tests.slice/tests-inner.slice/tests-inner-most.slice/pre-ID.scope",
  ],
] as const)
  test(`the path ${JSON.stringify(cgroupsPath)} is ${path}`, withSystemd, () => {
    const id = newId();
    const named = (text: string): string => text.replace("ID", id);
    succeeded(create(id, placed(named(cgroupsPath))), "create");
    assert.equal(groupOf(id), named(path));
    const unit = named(path).replace(/.*\//, "");
    assert.equal(show(unit, "ControlGroup"), named(path));
    assert.equal(show(unit, "ActiveState"), "active");
    assert.equal(show(unit, "Delegate"), "yes");
    remove(id);
    if (cgroupsPath.startsWith("tests")) systemctl("stop", "tests.slice");
  });

for (const [cgroupsPath, message] of [
  ["/system.slice/x", /slice:prefix:name/],
  ["a:b", /slice:prefix:name/],
  ["a:b:c:d", /slice:prefix:name/],
  ["nonesuch:pre:name", /"nonesuch" is no systemd slice/],
  ["system.slice:pre:na me", /is no name for a systemd unit/],
] as const)
  test(`the path ${JSON.stringify(cgroupsPath)} is refused`, withSystemd, () => {
    failed(create(newId(), placed(cgroupsPath)), message, /linux\/cgroupsPath/);
  });

test("an id with a plus is escaped", withSystemd, () => {
  const id = `${newId()}+c`;
  succeeded(create(id), "create");
  assert.equal(groupOf(id), `/system.slice/tsrun-${id.replace("+", "\\x2b")}.scope`);
  remove(id);
});

test("the scope goes with the container's end", withSystemd, () => {
  const id = newId();
  const { path } = makeBundle(["true"]);
  succeeded(runtime.call(["run", "--detach", "--bundle", path, id]), "run");
  becomes(id, "stopped");
  eventually("the scope is gone", () => show(`tsrun-${id}.scope`, "LoadState") === "not-found");
  succeeded(runtime.call(["delete", id]), "delete");
});

test("who stops the scope stops the container", withSystemd, () => {
  const id = newId();
  succeeded(runtime.call(["run", "--detach", "--bundle", waiting(), id]), "run");
  systemctl("stop", `tsrun-${id}.scope`);
  becomes(id, "stopped");
  succeeded(runtime.call(["delete", id]), "delete");
});

test("a container under systemd is paused, resumed and deleted while paused", withSystemd, () => {
  const container = new Container(systemd);
  container.start({}, WAITS);
  const { id } = container;
  succeeded(runtime.call(["pause", id]), "pause");
  assert.equal(stateOf(id).status, "paused");
  assert.equal(container.count("cgroup.events", "frozen"), 1);
  succeeded(runtime.call(["resume", id]), "resume");
  assert.equal(container.count("cgroup.events", "frozen"), 0);
  succeeded(runtime.call(["pause", id]), "pause");
  container.delete();
});

test("a scope that failed is forgotten", withSystemd, () => {
  const container = new Container(systemd);
  const limits = {
    memory: { limit: 20 * MIB, swap: 20 * MIB },
    unified: { "memory.oom.group": "1" },
  };
  container.start(limits, "sleep 0.2; exec tail /dev/zero");
  eventually("the scope has failed", () => show(container.unit, "ActiveState") === "failed");
  assert.equal(show(container.unit, "Result"), "oom-kill");
  container.delete();
  assert.equal(show(container.unit, "LoadState"), "not-found");
});

/** A scope of others, which is killed in if it takes much memory. */
function withScope(
  unit: string,
  slice: string,
  script: string,
  use: (process: ChildProcess) => void,
): void {
  const properties = ["OOMPolicy=kill", "MemoryMax=8M", "MemorySwapMax=0"];
  const process = spawn(
    "systemd-run",
    ["--scope", "--quiet", `--unit=${unit}`, `--slice=${slice}`]
      .concat(properties.map((each) => `--property=${each}`))
      .concat("sh", "-c", script),
    { stdio: "ignore" },
  );
  try {
    use(process);
  } finally {
    // As a pattern: perhaps there is none any more.
    systemctl("kill", "--signal=KILL", `${unit}*`);
    if (slice !== "system.slice") systemctl("stop", slice);
  }
}

test("a failed scope of others does not stand in the way", withSystemd, () => {
  const id = newId();
  const unit = `tsrun-${id}.scope`;
  withScope(unit, "system.slice", "tail /dev/zero", () => {
    eventually("it has failed", () => show(unit, "ActiveState") === "failed");
    succeeded(create(id), "create");
    remove(id);
  });
});

for (const slice of ["system.slice", "tests.slice"])
  test(`a living scope of that name in ${slice} is left alone`, withSystemd, () => {
    const id = newId();
    const unit = `tsrun-${id}.scope`;
    withScope(unit, slice, "exec sleep 60", (other) => {
      eventually("it lives", () => show(unit, "ActiveState") === "active");
      failed(create(id), slice === "system.slice" ? /is in use/ : /already (loaded|exists)/);
      assert.equal(show(unit, "ActiveState"), "active");
      assert.equal(other.exitCode, null);
    });
  });

test("annotations become properties of the unit", withSystemd, () => {
  const id = newId();
  const unit = `tsrun-${id}.scope`;
  succeeded(
    create(id, (config) => {
      config.annotations = {
        "org.systemd.property.CollectMode": "'inactive-or-failed'",
        "org.systemd.property.TimeoutStopSec": "uint64 123",
        "org.systemd.property.Description": "'a name'",
        "org.systemd.property.Before": "['shutdown.target']",
        "org.example.else": "not of systemd",
      };
    }),
    "create",
  );
  assert.equal(show(unit, "CollectMode"), "inactive-or-failed");
  assert.equal(show(unit, "TimeoutStopUSec"), "2min 3s");
  assert.equal(show(unit, "Description"), "a name");
  assert.match(show(unit, "Before"), /shutdown\.target/);
  remove(id);
});

test("an annotation that is no property is refused with its place", withSystemd, () => {
  const annotate = (value: string) => (config: Config) => {
    config.annotations = { "org.systemd.property.TimeoutStopUSec": value };
  };
  failed(create(newId(), annotate("soon")), /annotations\/org\.systemd\.property\.TimeoutStopUSec/);
  failed(create(newId(), annotate("'text'")), /starting the systemd unit/, /Unexpected message/);
});

test("an annotation must not take what is tsrun's own", withSystemd, () => {
  const pids = { "org.systemd.property.PIDs": `@au [${process.pid}]` };
  failed(
    create(newId(), (config) => {
      config.annotations = pids;
    }),
    /annotations\/org\.systemd\.property\.PIDs/,
    /the container's processes/,
  );
});

test("files by name hold as the kernel reads them", withSystemd, () => {
  const resources = {
    cpu: { quota: 40000, period: 50000 },
    unified: { "cpu.max": "20000", "memory.max": "0x10000000", "memory.high": "0200000000" },
  };
  const expected = {
    "cpu.max": "20000 50000",
    "memory.max": String(2 ** 28),
    "memory.high": String(2 ** 25),
  };
  withCreated(systemd, resources, (container) => {
    container.has(expected);
    systemctl("daemon-reload");
    container.has(expected);
    succeeded(container.update({ unified: { "cpu.max": "10000" } }));
    container.has({ "cpu.max": "10000 50000" });
    systemctl("daemon-reload");
    container.has({ "cpu.max": "10000 50000" });
  });
});

test("systemd keeps to the limits whatever else it is told", withSystemd, () => {
  const resources = {
    memory: { limit: 128 * MIB, reservation: 64 * MIB, swap: 192 * MIB },
    cpu: { shares: 2048, quota: 12345, period: 50000, cpus: "0-1", mems: "0" },
    pids: { limit: 100 },
    blockIO: {
      weight: 500,
      throttleReadBpsDevice: [{ major: 254, minor: 0, rate: 4 * MIB }],
    },
    hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }],
    unified: { "memory.high": "100M", "memory.min": "1M" },
  };
  withCreated(systemd, resources, (container) => {
    const before = container.limits();
    systemctl("daemon-reload");
    assert.deepEqual(container.limits(), before, "after a reload");
    systemctl("set-property", "--runtime", container.unit, "IOReadBandwidthMax=/dev/vdb 1M");
    systemctl("set-property", "--runtime", container.unit, "IOReadBandwidthMax=");
    assert.deepEqual(container.limits(), before, "after a change of something else");
    succeeded(container.update(["--pids-limit", "50", "--cpu-quota", "25000"]), "update");
    const updated = container.limits();
    assert.deepEqual(updated, { ...before, "pids.max": "50", "cpu.max": "25000 50000" });
    systemctl("daemon-reload");
    assert.deepEqual(container.limits(), updated, "after a reload after an update");
  });
});

test("the device filter outlasts a reload of systemd", withSystemd, () => {
  const container = new Container(systemd);
  const kmsg = { type: "c", major: 1, minor: 11, access: "r" };
  const script = `
    while true; do
      echo "$(true < /dev/null && echo null) $(true < /kmsg && echo kmsg)" > /now.new
      mv /now.new /now; sleep 0.05
    done 2>/dev/null`;
  container.start({ devices: [{ allow: false, access: "rwm" }] }, script, (config) => {
    config.root.readonly = false;
    // For who reads kmsg.
    for (const set of Object.values(config.process.capabilities ?? {})) set.push("CAP_SYSLOG");
    config.linux.devices = [{ path: "/kmsg", ...kmsg }];
  });
  const now = join(stateOf(container.id).rootfs, "now");
  appears(now);
  const opens = (expected: string): void => {
    writeFileSync(now, "");
    eventually(`"${expected}" opens`, () => readFileSync(now, "utf8") === `${expected}\n`);
  };
  opens("null ");
  systemctl("daemon-reload");
  systemctl("set-property", "--runtime", container.unit, "CPUWeight=50");
  opens("null ");
  succeeded(
    container.update({
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, ...kmsg },
      ],
    }),
  );
  opens("null kmsg");
  systemctl("daemon-reload");
  opens("null kmsg");
  container.delete();
});

/** tsrun where a folder of the machine is hidden, if it has that. */
const without = (folder: string): Runtime =>
  new Runtime("tsrun", [
    ...["unshare", "--mount", "--propagation", "private", "sh", "-c"],
    'if [ -d "$0" ]; then mount -t tmpfs none "$0"; fi; exec "$@"',
    ...[folder, tsrunPath, "--systemd-cgroup"],
  ]);

test("without systemd there is an error that says so", () => {
  const call = ["create", "--bundle", waiting(), newId()];
  failed(
    without("/run/systemd").call(call),
    /systemd does not run here/,
    /cgroup-manager=cgroupfs/,
  );
});

test("without its bus there is an error that says so", withSystemd, () => {
  const call = ["create", "--bundle", waiting(), newId()];
  failed(without("/run/dbus").call(call), /connecting to the bus of/, /systemctl status dbus/);
});

test("delete does without the bus, with a warning", withSystemd, async () => {
  const mute = join(newFolder("bus"), "socket");
  const server = createServer().listen(mute);
  await once(server, "listening");
  for (const socket of ["/nonexistent", mute]) {
    const id = newId();
    const proof = join(newFolder("hook"), "proof");
    succeeded(
      create(id, (config) => {
        config.hooks = { poststop: [{ path: "/bin/touch", args: ["touch", proof] }] };
      }),
    );
    const group = join(cgroupRoot(), groupOf(id));
    const env = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${socket}` };
    const begin = Date.now();
    const { status, stderr } = runtime.call(["delete", "--force", id], { env });
    assert.ok(Date.now() - begin < 10_000, "no longer than others wait for the lock");
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^[^\n]*connecting to the bus of[^\n]*\n$/);
    failed(tsrun.call(["state", id]), /does not exist/);
    assert.ok(!existsSync(group), "the group");
    assert.ok(existsSync(proof), "the hook");
    eventually("systemd sees it", () => show(`tsrun-${id}.scope`, "LoadState") === "not-found");
  }
  server.close();
});

test("a container that cannot be made leaves no scope", withSystemd, () => {
  leavesNothing(() => {
    failed(
      create(newId(), ({ process }) =>
        process.rlimits.push({ type: "RLIMIT_X", soft: 0, hard: 0 }),
      ),
    );
    failed(
      create(newId(), ({ mounts }) =>
        mounts.push({ destination: "/x", type: "bind", source: "/nonesuch", options: ["bind"] }),
      ),
    );
    failed(runtime.call(["run", "--bundle", makeBundle(["/nonesuch"]).path, newId()]), /nonesuch/);
  });
});
