/** What the library asks for are words of the command line, by a binary that only writes them down. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Runtime, RuntimeError } from "../../../src/library/index.ts";
import { plainLine } from "../cli/recorder.ts";

const folder = mkdtempSync(join(tmpdir(), "tsrun-words-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const binary = join(folder, "tsrun");
const script = `#!/bin/sh\nprintf '%s\\n' "$@" > ${folder}/words\nexit 1\n`;
writeFileSync(binary, script, { mode: 0o755 });
const runtime = new Runtime({ binary, root: join(folder, "root") });

/** The command's flags, by their names, which the plain reader must know all. */
async function flagsOf(call: Promise<unknown>): Promise<Record<string, unknown>> {
  await assert.rejects(call, RuntimeError);
  const words = readFileSync(join(folder, "words"), "utf8").trimEnd().split("\n");
  const asked = plainLine(words)?.call();
  assert.ok(asked, words.join(" "));
  assert.equal(asked.args[0], "c");
  return asked.flags as Record<string, unknown>;
}

function holds(flags: Record<string, unknown>, expected: Record<string, unknown>): void {
  const names = Object.keys(expected);
  assert.deepEqual(Object.fromEntries(names.map((name) => [name, flags[name]])), expected);
}

const image = {
  ...{ imagePath: "/i", workPath: "/w", tcpEstablished: true, extUnixSk: true, shellJob: true },
  ...{ fileLocks: true, autoDedup: true, lazyPages: true, manageCgroupsMode: "soft" as const },
};

test("checkpoint", async () => {
  const own = {
    ...{ leaveRunning: true, preDump: true, tcpSkipInFlight: true, linkRemap: true },
    ...{ parentPath: "../p", pageServer: "a:1" },
  };
  const call = runtime.checkpoint("c", { ...image, ...own, statusFd: 2 });
  holds(await flagsOf(call), { ...image, ...own, statusFd: "3" });
});

test("restore", async () => {
  const own = { bundle: "/b", lsmProfile: "a:b", lsmMountContext: "l", pidFile: "/p" };
  const flags = await flagsOf(runtime.restore("c", { ...image, ...own, detach: true }));
  holds(flags, { ...image, ...own, detach: true });
  holds(await flagsOf(runtime.restore("c", { ...image, ...own })), { ...image, ...own });
});

test("update", async () => {
  const intelRdt = { l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=20" };
  const flags = await flagsOf(runtime.update("c", {}, { intelRdt }));
  holds(flags, { ...intelRdt, resources: "-" });
});

test("run and create", async () => {
  const places = { pidFile: "/p", pidfdSocket: "/s" };
  const options = { bundle: "/b", noPivot: true, noNewKeyring: true, ...places };
  const flags = { bundle: "/b", pivot: false, newKeyring: false, ...places };
  holds(await flagsOf(runtime.create("c", options)), flags);
  const run = await flagsOf(runtime.run("c", { ...options, keep: true }));
  holds(run, { ...flags, keep: true });
});

test("exec", async () => {
  const flags = await flagsOf(
    runtime.exec("c", ["sh"], {
      ...{ cwd: "/w", env: { A: "b=c", D: "" }, user: { uid: 1, gid: 2 }, additionalGids: [3, 4] },
      ...{ capabilities: ["CAP_KILL"], noNewPrivileges: true, apparmorProfile: "a" },
      ...{ selinuxLabel: "s", cgroup: "/below", ignorePaused: true, pidFile: "/p", detach: true },
      pidfdSocket: "/s",
    }),
  );
  holds(flags, {
    ...{ cwd: "/w", env: ["A=b=c", "D="], user: "1:2", additionalGids: ["3", "4"] },
    ...{ cap: ["CAP_KILL"], newPrivs: false, apparmor: "a", processLabel: "s" },
    ...{ cgroup: ["/below"], ignorePaused: true, pidFile: "/p", detach: true },
    pidfdSocket: "/s",
  });
});
