/** Fields of config.process that a plain comparison with runc and crun (observe.test.ts) does not reach. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { makeBundle, shellBundle } from "./harness/bundle.ts";
import type { Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { crun, newId, Runtime, runc, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Edit = (config: Config) => void;

function output(runtime: Runtime, script: string, edit?: Edit): string {
  const { path } = shellBundle(script, edit ? { edit } : {});
  const call = ["run", "--bundle", path, newId()];
  return succeeded(runtime.call(call, { input: "" }), runtime.name).stdout;
}

function refused(edit: Edit, ...patterns: RegExp[]): void {
  const { path } = makeBundle(["true"], { edit });
  leavesNothing(() => failed(tsrun.call(["run", "--bundle", path, newId()]), ...patterns));
}

const after = ({ name, command }: Runtime, shell: string): Runtime =>
  new Runtime(name, ["sh", "-c", `${shell}; exec "$@"`, "sh", ...command]);

test("without umask it is 0022, whatever the caller's is, as under runc and crun", () => {
  for (const runtime of [tsrun, runc, crun])
    assert.equal(output(after(runtime, "umask 077"), "umask"), "0022\n", runtime.name);
});

test("a umask has nine bits, and the kernel drops the others, as under runc and crun", () => {
  for (const runtime of [tsrun, runc, crun])
    assert.equal(
      output(runtime, "umask", (config) => {
        config.process.user.umask = 0o7123;
      }),
      "0123\n",
      runtime.name,
    );
});

test("additionalGids are the supplementary groups, and there is no other", () => {
  const groups = (runtime: Runtime, gids: number[]): string =>
    output(runtime, "grep ^Groups: /proc/$$/status", (config) => {
      config.process.user = { uid: 1000, gid: 7, additionalGids: gids };
    }).replace(/\s+/g, " ");
  for (const gids of [[], [7], [3, 1, 2], [0, 2_147_483_647]]) {
    const ours = groups(tsrun, gids);
    for (const peer of [runc, crun]) assert.equal(groups(peer, gids), ours, peer.name);
  }
});

test("more groups than the kernel has room for are an error", () => {
  refused(
    (config) => {
      config.process.user.additionalGids = Array.from({ length: 65_537 }, (_, i) => i);
    },
    /setgroups/,
    /EINVAL/,
    /\/process\/user/,
  );
});

test("a negative oomScoreAdj is set with the privilege", needs("CAP_SYS_RESOURCE"), () => {
  const score = (runtime: Runtime): string =>
    output(runtime, "cat /proc/self/oom_score_adj", (config) => {
      config.process.oomScoreAdj = -567;
    });
  assert.equal(score(tsrun), "-567\n");
  assert.equal(score(runc), "-567\n");
});

test("a negative oomScoreAdj without the privilege is an error that names it", () => {
  const drop = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", tsrunPath];
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      config.process.oomScoreAdj = -1000;
    },
  });
  leavesNothing(() =>
    failed(
      new Runtime("tsrun", drop).call(["run", "--bundle", path, newId()]),
      /EACCES/,
      /\/process\/oomScoreAdj/,
      /CAP_SYS_RESOURCE/,
    ),
  );
});

test("an infinite rlimit is 2^64 - 1 in the document, and unlimited for the kernel", () => {
  const { path } = shellBundle("grep '^Max cpu time' /proc/self/limits", {
    edit: (config) => {
      config.process.rlimits = [{ type: "RLIMIT_CPU", soft: 1234, hard: 4321 }];
    },
  });
  const file = `${path}/config.json`;
  const infinite = String(2n ** 64n - 1n);
  const text = readFileSync(file, "utf8").replace("4321", infinite);
  const limits = (soft: string): string => {
    writeFileSync(file, text.replace("1234", soft));
    const { stdout } = succeeded(tsrun.call(["run", "--bundle", path, newId()]));
    return stdout.replace(/\s+/g, " ").trim();
  };
  assert.equal(limits("1234"), "Max cpu time 1234 unlimited seconds");
  assert.equal(limits(infinite), "Max cpu time unlimited unlimited seconds");
});

test("a terminal larger than terminals can be is refused, and without a terminal means nothing", () => {
  const size =
    (terminal: boolean): Edit =>
    (config) => {
      config.process.terminal = terminal;
      config.process.consoleSize = { height: 65_536, width: 80 };
    };
  refused(size(true), /a height of 65536/, /\/process\/consoleSize\/height/);
  assert.equal(output(tsrun, "echo x", size(false)), "x\n");
});

test("commandLine, which is for Windows, has no effect beside args, and does not stand for them", () => {
  const withCommandLine: Edit = (config) => {
    config.process.commandLine = "cmd /c dir";
  };
  assert.equal(output(tsrun, "echo x", withCommandLine), "x\n");
  refused(
    (config) => {
      withCommandLine(config);
      config.process.args = [];
    },
    /\/process\/args/,
    /commandLine is for Windows/,
  );
});

test("sockets of systemd's are announced to the program as under runc", () => {
  const listening = ({ name, command }: Runtime): Runtime =>
    new Runtime(name, [
      ...["sh", "-c", `LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$ exec "$@" 3</dev/zero`, "sh"],
      ...command,
    ]);
  const script = "env | grep ^LISTEN | sort; readlink /proc/self/fd/3";
  const ours = output(listening(tsrun), script);
  assert.equal(ours, "LISTEN_FDS=1\nLISTEN_PID=1\n/dev/zero\n");
  assert.equal(output(listening(runc), script), ours);
});
