/** checkpoint and restore: a container goes on where it was, and is what it was. runc reads and writes the same images. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder } from "./harness/bundle.ts";
import {
  type Counter,
  checkpoint,
  checkpointed,
  count,
  counter,
  counts,
  DETACHED_STREAMS,
  factsOf,
  isGone,
  procFile,
  remove,
  restore,
  restored,
  run,
  wholeWithCriu,
  withCriu,
} from "./harness/checkpoint.ts";
import { type Config, HOST_UID } from "./harness/config.ts";
import { becomes, eventually, failed, pause, stateOf, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** It is saved and restored, goes on counting, is what it was, and is removed. */
function comesBack(
  container: Counter,
  meanwhile = () => {},
  look: (id: string) => void = () => {},
): void {
  run(container);
  const before = factsOf(container.id);
  checkpointed(container);
  meanwhile();
  restored(container);
  counts(container);
  assert.deepEqual(factsOf(container.id), before);
  look(container.id);
  remove(container);
}

test("a container goes on where it was, and is what it was", withCriu, () => {
  leavesNothing(() => {
    const container = counter("echo kept > /tmp/kept; umask 027", (config) => {
      config.linux.resources = {
        ...config.linux.resources,
        memory: { limit: 64 * 2 ** 20 },
        pids: { limit: 20 },
      };
      config.process.oomScoreAdj = 100;
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", hard: 512, soft: 256 }];
      config.process.noNewPrivileges = true;
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
      };
    });
    run(container);
    const before = factsOf(container.id);
    checkpointed(container);
    assert.ok(isGone(container), "it is deleted");
    assert.equal(statSync(container.images).mode & 0o777, 0o700, "the images are for root only");
    const saved = count(container);
    pause(500);
    assert.equal(count(container), saved, "it counts no more");
    restored(container);
    counts(container, saved);
    const { pid, status } = stateOf(container.id);
    assert.equal(status, "running");
    assert.deepEqual(factsOf(container.id), before);
    assert.equal(procFile(pid, "root/tmp/kept"), "kept\n");
    // criu gives what it restores clocks that go on where they were.
    const namespace = readlinkSync(`/proc/${pid}/ns/time`);
    const executed = tsrun.call(["exec", container.id, "readlink", "/proc/self/ns/time"]);
    assert.equal(executed.stdout, `${namespace}\n`);
    const group = join(cgroupRoot(), procFile(pid, "cgroup").match(/^0::(.*)$/m)?.[1] ?? "");
    assert.equal(readFileSync(join(group, "pids.max"), "utf8"), "20\n");
    assert.equal(readFileSync(join(group, "memory.max"), "utf8"), `${64 * 2 ** 20}\n`);
    remove(container);
  });
});

test("it can be checkpointed again and again, paused and killed", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    for (const _ of [1, 2]) {
      checkpointed(container);
      restored(container);
      counts(container);
    }
    succeeded(tsrun.call(["pause", container.id]), "pause");
    assert.equal(stateOf(container.id).status, "paused");
    succeeded(tsrun.call(["resume", container.id]), "resume");
    counts(container);
    succeeded(tsrun.call(["kill", container.id, "KILL"]), "kill");
    becomes(container.id, "stopped");
    succeeded(tsrun.call(["delete", container.id]), "delete");
  });
});

test("runc restores what tsrun has saved", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter(DETACHED_STREAMS);
    run(container);
    checkpointed(container);
    const work = newFolder("work");
    const { status, stderr } = restore(container, ["--work-path", work], runc);
    assert.equal(status, 0, stderr + readFileSync(join(work, "restore.log"), "utf8").slice(-3000));
    counts(container);
    remove(container, runc);
  });
});

test("tsrun restores what runc has saved, to be as runc has made it", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter(DETACHED_STREAMS);
    run(container, runc);
    const before = factsOf(container.id, runc);
    const { status, stderr } = checkpoint(container, [], runc);
    assert.equal(status, 0, stderr);
    restored(container);
    counts(container);
    // Its images say that the host's device masks files, and not the container's, and have criu mount the one cgroup
    // filesystem of the machine anew, without its options.
    const masking = (facts: Record<string, unknown>) =>
      JSON.parse(
        JSON.stringify(facts)
          .replace(/(\/null \S+ rw,nosuid) - [^"]*/g, "$1")
          .replace(/ - cgroup2 [^"]*/g, ""),
      );
    assert.deepEqual(masking(factsOf(container.id)), masking(before));
    remove(container);
  });
});

test("with --leave-running it goes on, and its images are good", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    checkpointed(container, ["--leave-running"]);
    assert.equal(stateOf(container.id).status, "running");
    counts(container);
    remove(container);
    restored(container);
    counts(container);
    remove(container);
  });
});

test("one that is paused can be saved", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    succeeded(tsrun.call(["pause", container.id]), "pause");
    const saved = count(container);
    checkpointed(container);
    restored(container);
    counts(container, saved);
    remove(container);
  });
});

test("memory that was saved by --pre-dump is not saved again", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    const first = join(container.images, "../first");
    succeeded(tsrun.call(["checkpoint", "--pre-dump", "--image-path", first, container.id]));
    counts(container);
    checkpointed(container, ["--parent-path", "../first"]);
    assert.equal(readlinkSync(join(container.images, "parent")), "../first");
    restored(container);
    counts(container);
    remove(container);
  });
});

test("the pages of --pre-dump alone are no checkpoint", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    checkpointed(container, ["--pre-dump"]);
    const other = { ...container, id: newId() };
    failed(restore(other), /descriptors\.json/, /--pre-dump alone is not enough/);
    remove(container);
  });
});

test("hooks run at restore as they do at create", wholeWithCriu(), () => {
  leavesNothing(() => {
    const log = join(newFolder("hooks"), "log");
    const kinds = ["prestart", "createRuntime", "poststart", "poststop"] as const;
    const container = counter(undefined, (config) => {
      config.hooks = Object.fromEntries(
        kinds.map((kind) => [
          kind,
          [{ path: "/bin/sh", args: ["sh", "-c", `echo ${kind} $(cat) >> ${log}`] }],
        ]),
      );
    });
    run(container);
    checkpointed(container);
    writeFileSync(log, "");
    restored(container);
    const { pid } = stateOf(container.id);
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(" ")[0]),
      ["prestart", "createRuntime", "poststart"],
    );
    for (const line of lines)
      assert.equal(JSON.parse(line.slice(line.indexOf(" "))).pid, pid, line);
    remove(container);
  });
});

test("a prestart hook that fails undoes the restore", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    checkpointed(container);
    const failing: Config = {
      ...container.config,
      hooks: { prestart: [{ path: "/bin/false" }] },
    };
    writeFileSync(join(container.path, "config.json"), JSON.stringify(failing));
    failed(restore(container), /prestart hook \/bin\/false exited with status 1/);
    assert.ok(isGone(container));
  });
});

test("a network namespace that was joined is joined again", wholeWithCriu(), () => {
  leavesNothing(() => {
    const holder = spawn("unshare", ["--net", "sleep", "300"], { stdio: "ignore" });
    try {
      const path = `/proc/${holder.pid}/ns/net`;
      eventually("it is there", () => readlinkSync(path) !== readlinkSync("/proc/self/ns/net"));
      const container = counter(undefined, (config) => {
        config.linux.namespaces = config.linux.namespaces.map((each) =>
          each.type === "network" ? { type: "network", path } : each,
        );
      });
      run(container);
      checkpointed(container);
      restored(container);
      counts(container);
      const { pid } = stateOf(container.id);
      assert.equal(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync(path));
      remove(container);
    } finally {
      holder.kill("SIGKILL");
    }
  });
});

test("so can be one in the host's network and PID namespaces", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter(undefined, (config) => {
      const shared = ["network", "pid"];
      config.linux.namespaces = config.linux.namespaces.filter(
        ({ type }) => !shared.includes(type),
      );
    });
    comesBack(container);
  });
});

for (const [whose, first] of [
  ["the host's ids", 0],
  ["ids of its own", HOST_UID],
] as const)
  test(`one with a user namespace, of ${whose}`, wholeWithCriu(), () => {
    leavesNothing(() => {
      // Its root may not open the files anew that are the test's standard streams.
      const container = counter(DETACHED_STREAMS, (config) => {
        const ids = [{ containerID: 0, hostID: first, size: 65536 }];
        config.linux.namespaces.push({ type: "user" });
        config.linux.uidMappings = ids;
        config.linux.gidMappings = ids;
      });
      // The host's root owns the root filesystem, not the container's.
      mkdirSync(join(container.rootfs, "vol"));
      chmodSync(container.volume, 0o777);
      comesBack(container);
    });
  });

test("places for mounts are made again, inside of other mounts too", wholeWithCriu(), () => {
  leavesNothing(() => {
    const [outer, inner] = [newFolder("outer"), newFolder("inner")];
    const container = counter(undefined, (config) => {
      config.mounts.push(
        { destination: "/outer", type: "bind", source: outer, options: ["bind", "rw"] },
        { destination: "/outer/for/inner", type: "bind", source: inner, options: ["bind", "rw"] },
        { destination: "/link/below", type: "bind", source: inner, options: ["bind", "ro"] },
        { destination: "/tmp/below", type: "bind", source: inner, options: ["bind", "ro"] },
      );
    });
    spawnSync("ln", ["-s", "/mnt", join(container.rootfs, "link")]);
    comesBack(container, () => {
      for (const place of [join(outer, "for"), join(container.rootfs, "outer")])
        spawnSync("rm", ["-r", place]);
    });
  });
});

test(
  "a container that a service manager waits for has its socket's folder again",
  wholeWithCriu(),
  () => {
    leavesNothing(() => {
      const container = counter(undefined, (_config, bundle) => {
        mkdirSync(join(bundle, "rootfs/run/notify"));
      });
      const { id, path, images } = container;
      const env = { NOTIFY_SOCKET: "/run/nobody/listens" };
      succeeded(tsrun.call(["create", "-b", path, id], { env }), "create");
      succeeded(tsrun.call(["start", id]), "start");
      counts(container);
      const before = factsOf(id);
      checkpointed(container);
      const call = ["restore", "--detach", "-b", path, "--image-path", images, id];
      const { status, stderr } = tsrun.call(call, { env });
      assert.equal(status, 0, stderr);
      assert.match(stderr, /^tsrun: warning: telling \/run\/nobody\/listens .*\n$/);
      counts(container);
      assert.deepEqual(factsOf(id), before);
      remove(container);
    });
  },
);

test("parameters of the network namespace hold again", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter(undefined, (config) => {
      config.linux.sysctl = {
        "net.ipv4.ip_unprivileged_port_start": "80",
        "kernel.msgmax": "12345",
      };
    });
    comesBack(container, undefined, (id) => {
      const read = (name: string) =>
        succeeded(tsrun.call(["exec", id, "cat", `/proc/sys/${name}`])).stdout;
      assert.equal(read("net/ipv4/ip_unprivileged_port_start"), "80\n");
      assert.equal(read("kernel/msgmax"), "12345\n");
    });
  });
});

test("mounts that are read-only with all below them are so again", wholeWithCriu(), () => {
  leavesNothing(() => {
    const shown = newFolder("shown");
    const container = counter(undefined, (config) => {
      for (const destination of ["/first", "/second"])
        config.mounts.push({ destination, type: "bind", source: shown, options: ["rbind", "rro"] });
    });
    comesBack(container, undefined, (id) => {
      for (const place of ["/first", "/second"])
        assert.match(
          tsrun.call(["exec", id, "touch", `${place}/file`]).stderr,
          /Read-only file system/,
        );
    });
  });
});

test("another id, another bundle's place and another cgroup are fine", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    checkpointed(container);
    const moved = newFolder("moved");
    spawnSync("cp", ["-a", `${container.path}/.`, moved]);
    const other = { ...container, id: newId(), path: moved };
    restored(other);
    counts(other);
    assert.match(procFile(stateOf(other.id).pid, "cgroup"), new RegExp(`/${other.id}$`, "m"));
    remove(other);
  });
});

test("the options of the host's cgroup filesystem stay as they were", wholeWithCriu(), () => {
  leavesNothing(() => {
    const options = () =>
      readFileSync("/proc/self/mountinfo", "utf8").match(/ - cgroup2 .*$/m)?.[0];
    const before = options();
    const container = counter();
    run(container);
    checkpointed(container);
    assert.equal(options(), before);
    restored(container);
    assert.equal(options(), before);
    remove(container);
  });
});

test(
  "what criu says of a container that it cannot save comes with where its log is",
  wholeWithCriu(),
  () => {
    leavesNothing(() => {
      // A socket of a kind that criu does not know.
      const container = counter("unshare --mount sleep 1000 < /dev/null &");
      const work = join(newFolder("work"), "new");
      run(container);
      const { status, stderr } = checkpoint(container, ["--work-path", work]);
      if (status !== 0) assert.match(stderr, /criu fails: .*its log is .*\/new\/dump\.log/);
      assert.ok(existsSync(join(work, "dump.log")));
      remove(container);
    });
  },
);

test("damaged images", wholeWithCriu(), () => {
  leavesNothing(() => {
    const container = counter();
    run(container);
    checkpointed(container);
    writeFileSync(join(container.images, "pstree.img"), "nonsense");
    failed(restore(container), /criu fails: /, /its log is .*\/restore\.log/);
    assert.ok(isGone(container));
    writeFileSync(join(container.images, "descriptors.json"), "{}");
    failed(restore(container), /reading the checkpoint in .*descriptors\.json is not a list/);
  });
});
