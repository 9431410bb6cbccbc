/**
 * One attempt for each class of the advisories of runc and crun, as far as an image or a
 * configuration can try it with what tsrun does today. `host` is a folder that stands for the
 * host's: nothing a container brings along may change or show it.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle, WAITS, writeConfig } from "./harness/bundle.ts";
import type { Config } from "./harness/config.ts";
import { eventually, failed, pause, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, type Outcome, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";
import { consoleSocket } from "./harness/terminal.ts";

nothingIsLeftAtTheEnd();

const MARKER = "a secret of the host";

/** A folder of the host with a file in it. */
function hostFolder(): string {
  const host = newFolder("host");
  writeFileSync(join(host, "secret"), MARKER);
  return host;
}

/** The host's folder is as it was made, and nothing is mounted there. */
function untouched(host: string): void {
  assert.deepEqual(readdirSync(host), ["secret"], "the host’s folder has changed");
  assert.equal(readFileSync(join(host, "secret"), "utf8"), MARKER);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(host), "a mount on the host");
}

function runs(bundle: { path: string }): Outcome {
  return tsrun.call(["run", "-b", bundle.path, newId()]);
}

/** Up from anywhere, then down to the host's folder. */
const climbing = (host: string): string => `${"../".repeat(12)}${host.slice(1)}`;

for (const [kind, target] of [
  ["absolute", (host: string) => host],
  ["relative", climbing],
] as const) {
  test(`a mount destination behind an ${kind} link stays in the rootfs (CVE-2021-30465)`, () => {
    const host = hostFolder();
    const bundle = shellBundle("grep -c inner /proc/self/mountinfo", {
      prepare: (rootfs) => symlinkSync(target(host), join(rootfs, "link")),
      edit: (config) =>
        config.mounts.push(
          { destination: "/link/inner", type: "tmpfs", source: "tmpfs" },
          { destination: "/link", type: "tmpfs", source: "tmpfs", options: ["ro"] },
        ),
    });
    leavesNothing(() => runs(bundle));
    untouched(host);
  });

  test(`a file to bind on behind an ${kind} link is made in the rootfs`, () => {
    const host = hostFolder();
    const bundle = shellBundle("cat /etc/bound", {
      prepare: (rootfs, path) => {
        writeFileSync(join(path, "file"), "bound\n");
        symlinkSync(join(target(host), "made"), join(rootfs, "etc/bound"));
      },
      edit: (config, path) =>
        config.mounts.push({
          destination: "/etc/bound",
          type: "bind",
          source: join(path, "file"),
          options: ["bind"],
        }),
    });
    leavesNothing(() => {
      const { status, stdout } = runs(bundle);
      if (status === 0) assert.equal(stdout, "bound\n");
    });
    untouched(host);
  });

  test(`a device behind an ${kind} link is made in the rootfs`, () => {
    const host = hostFolder();
    const bundle = makeBundle(["true"], {
      prepare: (rootfs) => symlinkSync(target(host), join(rootfs, "link")),
      edit: (config) => {
        config.root.readonly = false;
        config.linux.devices = [{ path: "/link/null", type: "c", major: 1, minor: 3 }];
      },
    });
    leavesNothing(() => runs(bundle));
    untouched(host);
  });

  test(`masked and read-only paths behind an ${kind} link`, () => {
    const host = hostFolder();
    const bundle = makeBundle(["true"], {
      prepare: (rootfs) => symlinkSync(target(host), join(rootfs, "link")),
      edit: (config) => {
        config.linux.maskedPaths.push("/link", "/link/secret");
        config.linux.readonlyPaths.push("/link", "/link/secret");
      },
    });
    leavesNothing(() => runs(bundle));
    untouched(host);
  });

  test(`cwd behind an ${kind} link is made in the rootfs`, () => {
    const host = hostFolder();
    const bundle = makeBundle(["ls"], {
      prepare: (rootfs) => symlinkSync(target(host), join(rootfs, "link")),
      edit: (config) => {
        config.process.cwd = "/link/made";
        config.root.readonly = false;
      },
    });
    leavesNothing(() => assert.doesNotMatch(runs(bundle).stdout, /secret/));
    untouched(host);
  });

  test(`/etc/passwd behind an ${kind} link is not the host’s`, () => {
    const host = newFolder("host");
    writeFileSync(join(host, "passwd"), "root:x:0:0:root:/of-the-host:/bin/sh\n");
    const bundle = makeBundle(["env"], {
      prepare: (rootfs) => {
        rmSync(join(rootfs, "etc/passwd"));
        symlinkSync(join(target(host), "passwd"), join(rootfs, "etc/passwd"));
      },
    });
    const { stdout } = succeeded(runs(bundle));
    assert.doesNotMatch(stdout, /of-the-host/);
    assert.match(stdout, /^HOME=/m);
  });
}

test("/etc/passwd that is the kernel's is not opened for reading", () => {
  const calls = join(newFolder("calls"), "calls");
  for (const [target, flags] of [
    ["/proc/kmsg", /^[^\n]*O_PATH[^\n]*$/],
    ["shadow", /O_PATH[\s\S]*O_RDONLY/],
  ] as const) {
    const { path } = makeBundle(["true"], {
      prepare: (rootfs) => {
        writeFileSync(join(rootfs, "etc/shadow"), "root:x:0:0:root:/root:/bin/sh\n");
        rmSync(join(rootfs, "etc/passwd"));
        symlinkSync(target, join(rootfs, "etc/passwd"));
      },
      edit: (config) => {
        config.process.env = ["PATH=/bin"];
      },
    });
    const traced = tsrun.calledBy("strace", "-f", "-qq", "-e", "trace=openat2", "-o", calls);
    succeeded(traced.call(["run", "--bundle", path, newId()]));
    const opened = readFileSync(calls, "utf8").split("\n");
    assert.match(opened.filter((line) => line.includes('"/etc/passwd"')).join("\n"), flags);
  }
});

test("/etc/passwd that is a fifo, a folder or endless does not stop the runtime", () => {
  const traps: ((path: string) => void)[] = [
    (path) => execFileSync("mkfifo", [path]),
    (path) => mkdirSync(path),
    (path) => symlinkSync("/dev/zero", path),
    (path) => symlinkSync("/proc/self/fd/0", path),
    (path) => symlinkSync("passwd", path),
  ];
  for (const trap of traps) {
    const bundle = makeBundle(["echo", "ran"], {
      prepare: (rootfs) => {
        rmSync(join(rootfs, "etc/passwd"));
        trap(join(rootfs, "etc/passwd"));
      },
    });
    leavesNothing(() => {
      const start = Date.now();
      const { status, stdout } = runs(bundle);
      assert.ok(status === 1 || stdout === "ran\n", `status ${status}`);
      assert.ok(Date.now() - start < 5000, "took more than 5 s");
    });
  }
});

for (const destination of ["/proc", "/sys"]) {
  test(`${destination} that the image makes a link is refused (CVE-2019-16884, -19921)`, () => {
    const host = hostFolder();
    for (const target of ["/tmp/elsewhere", host, climbing(host), "proc-of-the-image"]) {
      const bundle = makeBundle(["true"], {
        prepare: (rootfs) => {
          rmSync(join(rootfs, destination), { recursive: true });
          mkdirSync(join(rootfs, "proc-of-the-image"));
          mkdirSync(join(rootfs, "tmp/elsewhere"));
          symlinkSync(target, join(rootfs, destination));
        },
      });
      leavesNothing(() => failed(runs(bundle), new RegExp(`${destination}.*ELOOP.*no link`)));
    }
    untouched(host);
  });
}

const OVER_PROC: Record<string, Config["mounts"][number]> = {
  "a tmpfs on /proc": { destination: "/proc", type: "tmpfs", source: "tmpfs" },
  "a folder bound on /proc": {
    destination: "/proc",
    type: "bind",
    source: "/etc",
    options: ["rbind"],
  },
  "a file bound inside /proc": {
    destination: "/proc/sysrq-trigger",
    type: "bind",
    source: "/etc/passwd",
    options: ["bind"],
  },
};

for (const [name, mount] of Object.entries(OVER_PROC)) {
  test(`${name} is refused (CVE-2019-19921, 2023-27561, 2023-28642, 2025-52881)`, () => {
    const bundle = makeBundle(["true"], { edit: (config) => config.mounts.push(mount) });
    leavesNothing(() => failed(runs(bundle), /\/proc/));
  });
}

test("a tmpfs inside /proc is refused, or it deceives only the container", () => {
  // runc 1.1 allows it. What the runtime itself writes must go to a procfs of its own.
  for (const destination of ["/proc/sys", "/proc/self/attr", "/innocent/sys", "/proc/1"]) {
    const bundle = makeBundle(["grep", "-E", "^(CapBnd|NoNewPrivs)", "/proc/thread-self/status"], {
      prepare: (rootfs) => symlinkSync("/proc", join(rootfs, "innocent")),
      edit: (config) => {
        config.process.oomScoreAdj = 100;
        config.mounts.push({ destination, type: "tmpfs", source: "tmpfs" });
      },
    });
    leavesNothing(() => {
      const outcome = runs(bundle);
      if (outcome.status === 1) failed(outcome, /\/proc|\/innocent/);
      else if (destination !== "/proc/1") {
        assert.equal(outcome.stdout, "CapBnd:\t0000000020000420\nNoNewPrivs:\t1\n");
      }
    });
  }
});

/** A /dev that the image (or a volume) brings, with `name` being a link to something precious. */
function devOfTheImage(script: string, name: string, target: string) {
  return shellBundle(script, {
    prepare: (_rootfs, path) => {
      mkdirSync(join(path, "dev/pts"), { recursive: true });
      symlinkSync(target, join(path, "dev", name));
    },
    edit: (config, path) => {
      config.mounts = config.mounts.map((mount) =>
        mount.destination === "/dev"
          ? { destination: "/dev", type: "bind", source: join(path, "dev"), options: ["rbind"] }
          : mount,
      );
    },
  });
}

const PRECIOUS = "/proc/sys/kernel/core_pattern";

test("/dev/null that the image makes a link masks nothing with it (CVE-2025-31133)", () => {
  for (const target of [PRECIOUS, "/etc/passwd", "/nowhere", "/dev/zero"]) {
    const bundle = devOfTheImage(
      'grep -E "/proc/(keys|timer_list)" /proc/self/mountinfo',
      "null",
      target,
    );
    leavesNothing(() => {
      for (const line of runs(bundle).stdout.trim().split("\n").filter(Boolean)) {
        assert.match(line.split(" ")[3] as string, /^\/(null)?$/, line);
      }
    });
  }
});

test("a masked file is no handle on the host’s /dev/null", () => {
  const before = statSync("/dev/null").mode;
  // The owner of a device node may change its mode without any capability.
  const bundle = shellBundle("chmod 667 /masked; chown 1:1 /masked; true", {
    prepare: (rootfs) => writeFileSync(join(rootfs, "masked"), ""),
    edit: (config) => {
      config.linux.maskedPaths.push("/masked");
    },
  });
  try {
    assert.equal(runs(bundle).status, 0);
    assert.equal(statSync("/dev/null").mode, before);
  } finally {
    chmodSync("/dev/null", before & 0o7777);
  }
});

test("/dev/console that the image makes a link is not mounted through it (CVE-2025-52565)", async () => {
  for (const target of [PRECIOUS, "/etc/passwd", "pts/0"]) {
    const bundle = devOfTheImage("cat /proc/self/mountinfo", "console", target);
    bundle.config.process.terminal = true;
    writeFileSync(join(bundle.path, "config.json"), JSON.stringify(bundle.config));
    const { path, terminal } = consoleSocket();
    const id = newId();
    const call = ["run", "--detach", "--console-socket", path, "-b", bundle.path, id];
    const { status } = tsrun.call(call);
    if (status === 0) {
      await terminal.ended();
      const mounted = terminal.output.split("\n").map((line) => line.split(" ")[4]);
      assert.ok(mounted.includes("/proc"), terminal.output);
      for (const wrong of [PRECIOUS, "/etc/passwd"]) assert.ok(!mounted.includes(wrong), wrong);
    } else {
      terminal.kill();
    }
    succeeded(tsrun.call(["delete", "--force", id]));
  }
});

test("no descriptor of the host is left for cwd or the program (CVE-2024-21626)", () => {
  const host = hostFolder();
  const fd = openSync(host, "r");
  const climb = "../".repeat(12);
  for (let n = 3; n < 24; n++) {
    const bundle = shellBundle(`cat ./secret ${climb}${host.slice(1)}/secret; ls`, {
      edit: (config) => {
        config.process.cwd = `/proc/self/fd/${n}`;
      },
    });
    const { stdout, stderr } = tsrun.call(["run", "-b", bundle.path, newId()], { fds: [fd, fd] });
    assert.ok(!stdout.includes(MARKER) && !stderr.includes(MARKER), `through descriptor ${n}`);
    assert.doesNotMatch(stdout, /secret|^home$/m, `cwd is descriptor ${n}`);
  }
  for (let n = 3; n < 24; n++) {
    const bundle = makeBundle([
      `/proc/self/fd/${n}/${climb}bin/busybox`,
      "cat",
      `${climb}${host.slice(1)}/secret`,
    ]);
    const { stdout } = tsrun.call(["run", "-b", bundle.path, newId()], { fds: [fd, fd] });
    assert.ok(!stdout.includes(MARKER), `the program through descriptor ${n}`);
  }
  closeSync(fd);
});

test("descriptors that the caller left open do not reach the container (CVE-2016-9962)", () => {
  const host = hostFolder();
  const fd = openSync(host, "r");
  const bundle = shellBundle(
    "for fd in 3 4 5 6 7 8 9 11 12 13; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; true",
  );
  const { stdout } = succeeded(
    tsrun.call(["run", "-b", bundle.path, newId()], { fds: [fd, fd, fd, fd, fd, fd] }),
  );
  assert.equal(stdout, "");
  closeSync(fd);
});

test("inheritable capabilities are empty by default (CVE-2022-24769, -29162)", () => {
  const bundle = makeBundle(["grep", "-E", "^Cap(Inh|Amb)", "/proc/self/status"]);
  // The caller's own inheritable set must not come through either.
  const caller = new Runtime("tsrun", ["setpriv", "--inh-caps=+chown,+kill", "--", tsrunPath]);
  for (const runtime of [tsrun, caller]) {
    const { stdout } = succeeded(runtime.call(["run", "-b", bundle.path, newId()]));
    assert.equal(stdout, "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n");
  }
});

function digest(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

test("the runtime’s executable cannot be written through /proc (CVE-2019-5736)", () => {
  const copy = join(newFolder("executable"), "tsrun");
  copyFileSync(tsrunPath, copy);
  chmodSync(copy, 0o755);
  const before = digest(copy);
  const runtime = new Runtime("tsrun", [copy]);
  // The hook runs inside the container while process 1 is still the runtime. It keeps the file
  // open and goes on trying after the runtime has gone (while it runs, the kernel says ETXTBSY).
  const attack = `
    head -c 4 /proc/1/exe > /dev/null || { echo refused > /dev/shm/log; exit 0; }
    exec 3< /proc/1/exe; echo opened > /dev/shm/log
    for i in 1 2 3 4 5 6 7 8 9 10; do
      (echo owned > /proc/self/fd/3) 2>> /dev/shm/log && echo written >> /dev/shm/log; sleep 0.03
    done &`;
  const bundle = shellBundle("sleep 0.5; cat /dev/shm/log", {
    edit: (config) => {
      const all = ["CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_FOWNER"];
      config.process.capabilities = { bounding: all, permitted: all, effective: all };
      config.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", attack] }] };
    },
  });
  const { stdout } = succeeded(runtime.call(["run", "-b", bundle.path, newId()]));
  assert.equal(digest(copy), before, `the executable was overwritten:\n${stdout}`);
  assert.match(stdout, /^(opened|refused)$/m, "the attack did not even begin");
  assert.doesNotMatch(stdout, /^written$/m);
  succeeded(runtime.call(["--version"]));
});

test("a program that is /proc/self/exe does not get at the executable (CVE-2019-5736)", () => {
  const copy = join(newFolder("executable"), "tsrun");
  copyFileSync(tsrunPath, copy);
  chmodSync(copy, 0o755);
  const before = digest(copy);
  const runtime = new Runtime("tsrun", [copy]);
  for (const args of [["/proc/self/exe", "--version"], ["/script"]]) {
    const bundle = makeBundle(args, {
      prepare: (rootfs) => {
        writeFileSync(join(rootfs, "script"), "#!/proc/self/exe\n");
        chmodSync(join(rootfs, "script"), 0o755);
      },
    });
    leavesNothing(() => runtime.call(["run", "-b", bundle.path, newId()]));
  }
  assert.equal(digest(copy), before);
});

/** Swaps `path` between a folder and a link to `target`, until it is killed. */
function swapping(path: string, target: string): ChildProcess {
  mkdirSync(path, { recursive: true });
  const program = `
import os
path, target = ${JSON.stringify(path)}, ${JSON.stringify(target)}
os.symlink(target, path + '.link')
while True:
    os.rename(path, path + '.folder')
    os.rename(path + '.link', path)
    os.rename(path, path + '.link')
    os.rename(path + '.folder', path)
`;
  return spawn("/usr/bin/python3", ["-S", "-c", program], { stdio: "ignore", timeout: 20_000 });
}

/** Runs 60 containers with this mount while /vol is being swapped, and returns the host's folder. */
function race(mount: Config["mounts"][number]): string {
  const host = hostFolder();
  const bundle = makeBundle(["true"], {
    edit: (each) => {
      each.root.readonly = false;
      each.mounts.push(mount);
    },
  });
  const swapper = swapping(join(bundle.rootfs, "vol"), host);
  pause(100);
  try {
    for (let i = 0; i < 60; i++) runs(bundle);
  } finally {
    swapper.kill("SIGKILL");
  }
  return host;
}

test("folders made for a mount while a link is swapped in stay in the rootfs (CVE-2024-45310)", () => {
  const mount = { destination: "/vol/a/b/c", type: "tmpfs", source: "tmpfs" };
  untouched(race(mount));
});

test("a mount on a folder that is swapped for a link stays in the rootfs (CVE-2021-30465)", () => {
  const mount = { destination: "/vol", type: "bind", source: "/etc", options: ["rbind", "ro"] };
  untouched(race(mount));
});

test("without a cgroup namespace the cgroup mount shows no more than its own (CVE-2023-25809)", () => {
  const bundle = shellBundle(
    "(echo $$ > /sys/fs/cgroup/cgroup.procs) 2>/dev/null && echo written; true",
  );
  assert.equal(succeeded(runs(bundle)).stdout, "");
});

/** Runs `use` with a running container, and one that is created in the PID namespace of that. */
function withNeighbours(use: (running: string, created: string, path: string) => void): void {
  const [running, created] = [newId(), newId()] as const;
  const [waiting, joining] = [shellBundle(WAITS), shellBundle(WAITS)];
  leavesNothing(() => {
    succeeded(tsrun.call(["run", "--detach", "-b", waiting.path, running]));
    try {
      const pid = joining.config.linux.namespaces.find(({ type }) => type === "pid");
      assert.ok(pid);
      pid.path = `/proc/${stateOf(running).pid}/ns/pid`;
      writeConfig(joining.path, joining.config);
      succeeded(tsrun.call(["create", "-b", joining.path, created]));
      use(running, created, joining.path);
    } finally {
      for (const id of [created, running]) succeeded(tsrun.call(["delete", "--force", id]));
    }
  });
}

/** The command lines that a process in a container sees; others may end meanwhile. */
const commandLines = (id: string): string => {
  const look = ["sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"];
  return succeeded(tsrun.call(["exec", id, ...look])).stdout;
};

test("a process that waits in a container does not show tsrun's arguments there", () =>
  withNeighbours((running, created, path) => {
    const seen = commandLines(running);
    assert.match(seen, /tsrun init /);
    assert.doesNotMatch(seen, new RegExp(`create|${path}|${created}`));
  }));

test("nor does one that is born frozen", async () => {
  let executing: ChildProcess | undefined;
  withNeighbours((running, created) => {
    succeeded(tsrun.call(["start", created]));
    succeeded(tsrun.call(["pause", running]));
    const call = ["exec", "--ignore-paused", "--env=SECRET=hunter2", running, "true"];
    executing = tsrun.spawn(call);
    let seen = "";
    eventually("it is there", () => {
      seen = commandLines(created);
      return seen.includes("tsrun init");
    });
    assert.doesNotMatch(seen, /hunter2|exec/);
    succeeded(tsrun.call(["resume", running]));
  });
  if (executing?.exitCode === null) await once(executing, "exit");
});
