/** Descriptors of the caller: which of them reach the container and its hooks, and in what guise. */
import assert from "node:assert/strict";
import { chmodSync, closeSync, copyFileSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type BundleOptions, makeBundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { HOOK_KINDS } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, type Outcome, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** Runs the container while the caller has a file or folder open as the descriptors 3 to 9. */
function runHolding(path: string, bundle: string, ...options: string[]): Outcome {
  const fd = openSync(path, "r");
  try {
    const call = ["run", ...options, "-b", bundle, newId()];
    return tsrun.call(call, { fds: Array<number>(7).fill(fd) });
  } finally {
    closeSync(fd);
  }
}

/** A folder of the host with a shell in it, which no container may execute. */
function hostWithShell(): string {
  const host = newFolder("host");
  copyFileSync("/bin/busybox", join(host, "sh"));
  return host;
}

const program: BundleOptions["prepare"] = (rootfs) => {
  writeFileSync(join(rootfs, "program"), "#!/proc/self/fd/9/sh\necho the host’s shell ran\n");
  chmodSync(join(rootfs, "program"), 0o755);
};

for (const [kind, args] of [
  ["the program", ["/proc/self/fd/9/sh", "-c", "echo the host’s shell ran"]],
  ["the program’s interpreter", ["/program"]],
] as const) {
  test(`${kind} is not found through a descriptor of the caller`, () => {
    const bundle = makeBundle([...args], { prepare: program });
    leavesNothing(() => {
      const outcome = runHolding(hostWithShell(), bundle.path);
      failed(outcome, /ENOENT|not found|no such file/i);
      assert.equal(outcome.stdout, "");
    });
  });
}

/**
 * Shell: lists the open descriptors of this shell. The one by which it looks is closed again when it tests what it
 * found; /proc/self is right even where /proc is another pid namespace's.
 */
const LIST = `for fd in /proc/self/fd/*; do [ -e "$fd" ] && echo "\${fd##*/}"; done; true`;

test("the container has stdin, stdout and stderr, and what it was promised", () => {
  const bundle = shellBundle(LIST);
  const host = newFolder("host");
  assert.equal(succeeded(runHolding(host, bundle.path)).stdout, "0\n1\n2\n");
  const { stdout } = succeeded(runHolding(host, bundle.path, "--preserve-fds=2"));
  assert.equal(stdout, "0\n1\n2\n3\n4\n");
});

for (const kind of HOOK_KINDS) {
  test(`a ${kind} hook sees no descriptor of the caller, not even those for the container`, () => {
    const trace = newFolder("trace");
    const folder = kind === "startContainer" ? "/mnt" : trace;
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        config.mounts.push({ destination: "/mnt", source: trace, options: ["bind", "rw"] });
        const script = `exec > ${folder}/list; ${LIST}`;
        config.hooks = {
          [kind]: [{ path: "/bin/busybox", args: ["busybox", "sh", "-c", script] }],
        };
      },
    });
    succeeded(runHolding(trace, bundle.path, "--preserve-fds=2"));
    assert.equal(readFileSync(join(trace, "list"), "utf8"), "0\n1\n2\n");
  });
}

/** Runs a container as systemd would, with one socket (here a file), for the process `pid` ($$ is tsrun). */
function activated(pid: string, script: string): Outcome {
  const file = join(newFolder("listen"), "socket");
  writeFileSync(file, "from the caller\n");
  const fd = openSync(file, "r");
  try {
    const handOver = `LISTEN_FDS=1 LISTEN_PID=${pid} exec "$@"`;
    const systemd = new Runtime("tsrun", ["sh", "-c", handOver, "sh", tsrunPath]);
    return systemd.call(["run", "-b", shellBundle(script).path, newId()], { fds: [fd] });
  } finally {
    closeSync(fd);
  }
}

test("sockets of systemd are handed over: $LISTEN_FDS", () => {
  const { stdout } = succeeded(activated("$$", "cat <&3; env | grep LISTEN | sort"));
  assert.equal(stdout, "from the caller\nLISTEN_FDS=1\nLISTEN_PID=1\n");
});

test("sockets that systemd meant for another process are not handed over", () => {
  const { stdout } = succeeded(activated("1", `${LIST}; env | grep LISTEN; true`));
  assert.equal(stdout, "0\n1\n2\n");
});
