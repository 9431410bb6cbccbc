/** SCMP_ACT_NOTIFY: an agent that gets the listener, and answers in the kernel's stead. */
import assert from "node:assert/strict";
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ENOSYS, SYS_execve, SYS_mkdirat, SYS_sendmsg } from "#abi";
import { makeBundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config, makeRootless, type Seccomp } from "./harness/config.ts";
import { failed, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, type Outcome, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";
import { SeccompAgent } from "./harness/seccompAgent.ts";
import { asUser, giveFolders } from "./harness/user.ts";

nothingIsLeftAtTheEnd();

/** mkdir(2), which arm64 has not. */
const SYS_mkdir = 83;

/** Runs `use` with an agent that goes when the test has ended. */
function withAgent(answers: Record<number, number>, use: (agent: SeccompAgent) => void): void {
  const agent = new SeccompAgent(answers);
  try {
    use(agent);
  } finally {
    agent.stop();
  }
}

const notifying = (agent: SeccompAgent | string, ...names: string[]): Seccomp => ({
  defaultAction: "SCMP_ACT_ALLOW",
  listenerPath: typeof agent === "string" ? agent : agent.path,
  syscalls: [{ names, action: "SCMP_ACT_NOTIFY" }],
});

const bundleOf = (seccomp: Seccomp, script: string, edit?: (config: Config) => void) =>
  shellBundle(script, {
    edit: (config) => {
      config.linux.seccomp = seccomp;
      edit?.(config);
    },
  });

const MAKES_A_FOLDER = "mkdir /tmp/made 2>&1; echo done";
const REFUSED = /mkdir: .*Operation not supported\ndone\n/;

function agentDecides(runtime: Runtime): void {
  withAgent({ [SYS_mkdir]: 95, [SYS_mkdirat]: 95 }, (agent) => {
    const { path } = bundleOf(notifying(agent, "mkdir", "mkdirat"), MAKES_A_FOLDER, (config) => {
      // Recent runc complains of those that are not inheritable.
      delete config.process.capabilities?.ambient;
    });
    const { stdout } = succeeded(runtime.call(["run", "--bundle", path, newId()], { input: "" }));
    assert.match(stdout, REFUSED);
    assert.equal(agent.asked().length, 1);
  });
}

test("the agent decides on the calls", () => agentDecides(tsrun));

test("and so it does under recent runc", needs("recent runc"), () => {
  agentDecides(new Runtime("runc", ["runc-recent"]));
});

test("it gets the state, the metadata and one descriptor before the container is created", () => {
  withAgent({}, (agent) => {
    const seccomp = {
      ...notifying(agent, "mkdirat", "mkdir"),
      listenerMetadata: "some ü metadata",
    };
    const { path } = bundleOf(seccomp, "true", (config) => {
      config.annotations = { "org.example": "value" };
    });
    const id = newId();
    succeeded(tsrun.call(["create", "--bundle", path, id]));
    const { pid, bundle, ociVersion } = stateOf(id);
    const { state, descriptors } = agent.received;
    assert.equal(descriptors, 1);
    assert.deepEqual(state, {
      ociVersion: "1.3.0",
      fds: ["seccompFd"],
      pid,
      metadata: "some ü metadata",
      state: {
        ...{ ociVersion, id, status: "creating", pid, bundle },
        annotations: { "org.example": "value" },
      },
    });
    succeeded(tsrun.call(["start", id]));
    assert.deepEqual(agent.asked(), []);
    succeeded(tsrun.call(["delete", "--force", id]));
  });
});

const EDITS: [string, (config: Config) => void][] = [
  ["with no_new_privs", () => {}],
  [
    "without no_new_privs, as a user",
    (config) => {
      config.process.noNewPrivileges = false;
      config.process.user = { uid: 1000, gid: 1000 };
    },
  ],
  ["in a user namespace", addUserNamespace],
];

for (const [where, edit] of EDITS)
  test(`it may be asked about every call, ${where}: nothing waits for itself`, () => {
    withAgent({}, (agent) => {
      const { path } = makeBundle(["/bin/true"], {
        edit: (config) => {
          config.linux.seccomp = { ...notifying(agent), defaultAction: "SCMP_ACT_NOTIFY" };
          delete config.linux.seccomp.syscalls;
          edit(config);
        },
      });
      const { stdout } = succeeded(tsrun.call(["run", "--bundle", path, newId()]));
      assert.equal(stdout, "");
      const asked = agent.asked();
      for (const number of [SYS_sendmsg, SYS_execve])
        assert.ok(asked.includes(number), `asked about ${number}`);
    });
  });

test("the listener comes by itself where the filter lets it be sent, and no privilege to look is needed", () => {
  withAgent({ [SYS_mkdir]: 95, [SYS_mkdirat]: 95 }, (agent) => {
    const { path } = bundleOf(notifying(agent, "mkdir", "mkdirat"), MAKES_A_FOLDER);
    const blind = new Runtime("tsrun", [
      ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=pidfd_getfd:error=EPERM"],
      tsrunPath,
    ]);
    assert.match(succeeded(blind.call(["run", "--bundle", path, newId()])).stdout, REFUSED);
  });
});

test("an agent that is not there is an error, and leaves nothing", () => {
  const { path } = bundleOf(notifying("/nowhere/socket", "mkdir", "mkdirat"), "true");
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", path, newId()]),
      /sending the seccomp listener to \/nowhere\/socket: connect.*ENOENT.*\/linux\/seccomp\/listenerPath/,
    ),
  );
});

test("without SCMP_ACT_NOTIFY the path is ignored", () => {
  const socket = join(newFolder("agent"), "socket");
  const seccomp = { ...notifying(socket), syscalls: [], listenerMetadata: "ignored, too" };
  const { path } = bundleOf(seccomp, "echo ran");
  assert.equal(succeeded(tsrun.call(["run", "--bundle", path, newId()])).stdout, "ran\n");
  assert.ok(!existsSync(socket));
});

test("an agent that refuses what leads to the start keeps the container from starting, and that is told", () => {
  withAgent({ [SYS_sendmsg]: 13 }, (agent) => {
    const { path } = bundleOf(notifying(agent, "sendmsg"), "true");
    leavesNothing(() =>
      failed(
        tsrun.call(["run", "--bundle", path, newId()]),
        /ended with status 1 before it was ready/,
      ),
    );
  });
});

test("a filter that refuses what leads to the start is refused", () => {
  const seccomp = notifying("/nowhere/socket", "mkdir");
  seccomp.syscalls?.push({ names: ["recvmsg", "prlimit64"], action: "SCMP_ACT_ERRNO" });
  const { path } = bundleOf(seccomp, "true");
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", path, newId()]),
      /it refuses recvmsg, prlimit64 .*\/linux\/seccomp/,
    ),
  );
});

test("startContainer hooks run behind it, and behind the ENOSYS of engines' profiles for clone3", () => {
  withAgent({ [SYS_mkdir]: 95, [SYS_mkdirat]: 95 }, (agent) => {
    const seccomp = notifying(agent, "mkdir", "mkdirat");
    seccomp.syscalls?.push({ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS });
    const script = "mkdir /hooks 2>&1 | grep 'Operation not supported'";
    const { path } = bundleOf(seccomp, MAKES_A_FOLDER, (config) => {
      config.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
    });
    assert.match(succeeded(tsrun.call(["run", "--bundle", path, newId()])).stdout, REFUSED);
    assert.equal(agent.asked().length, 2);
  });
});

test("with SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", () => {
  withAgent({ [SYS_mkdir]: 95, [SYS_mkdirat]: 95 }, (agent) => {
    const seccomp = {
      ...notifying(agent, "mkdir", "mkdirat"),
      flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
    };
    const { path } = bundleOf(seccomp, MAKES_A_FOLDER);
    assert.match(succeeded(tsrun.call(["run", "--bundle", path, newId()])).stdout, REFUSED);
  });
});

/** What the user's tsrun says of a container that notifies of these calls. */
function runRootless(agent: SeccompAgent, ...names: string[]): Outcome {
  const { path } = bundleOf(notifying(agent, ...names), MAKES_A_FOLDER, makeRootless);
  giveFolders(path);
  chmodSync(agent.path, 0o777);
  return asUser(tsrun).call(["run", "--bundle", path, newId()], { input: "" });
}

test("of an ordinary user the listener is sent", () => {
  withAgent({ [SYS_mkdir]: 95, [SYS_mkdirat]: 95 }, (agent) => {
    assert.match(succeeded(runRootless(agent, "mkdir", "mkdirat")).stdout, REFUSED);
  });
});

test("and where the filter holds that up, the user is told", () => {
  withAgent({}, (agent) => {
    failed(
      runRootless(agent, "sendmsg"),
      /keeps the container's process from handing its listener over.*CAP_SYS_PTRACE/,
    );
  });
});
