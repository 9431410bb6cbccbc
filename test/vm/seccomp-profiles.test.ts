/**
 * The system call filters that Docker, containerd and Podman really hand to a runtime: tsrun compiles each, and what it
 * lets through is what runc lets through, call by call.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Config, defaultConfig } from "../integration/harness/config.ts";
import { type Caught, catchConfigs, makeRootfs } from "./profiles.ts";

const SYSCALLS = resolve("test/vm/syscalls");
const TSRUN = resolve("build/tsrun");
const folder = mkdtempSync(join(tmpdir(), "profiles-"));
const bundle = join(folder, "bundle");

let configs: Map<string, Caught>;
before(() => {
  mkdirSync(bundle);
  makeRootfs(join(bundle, "rootfs"), SYSCALLS);
  configs = catchConfigs(folder);
});
after(() => rmSync(folder, { recursive: true }));

const EPERM = "1";
const ENOSYS = "38";
const DONE = "done";

/** How each call ended, in the default container with a filter and the capabilities that go with it. */
function outcomes(
  runtime: string,
  { linux, process }: Caught,
  noNewPrivileges: boolean,
): Map<string, string> {
  const config: Config & { linux: { seccomp?: object } } = defaultConfig("/bin/program");
  config.linux.seccomp = linux.seccomp;
  config.process.noNewPrivileges = noNewPrivileges;
  if (process.capabilities) config.process.capabilities = process.capabilities;
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  const output = execFileSync(runtime, ["run", "--bundle", bundle, "profile-probe"], {
    encoding: "utf8",
    timeout: 120_000,
  });
  return new Map(
    output
      .trimEnd()
      .split("\n")
      .map((line) => {
        const at = line.lastIndexOf(": ");
        return [line.slice(0, at), line.slice(at + 2)] as const;
      }),
  );
}

const NAMES = [
  "Docker's default",
  "Docker's default with SYS_ADMIN",
  "containerd's default",
  "Podman's default",
  "Podman's default with SYS_ADMIN",
  "the file of containers-common",
];

describe("the filter of an engine", () => {
  for (const name of NAMES)
    test(`${name} lets the same calls through as with runc`, (context) => {
      const config = configs.get(name) as Caught;
      const ours = outcomes(TSRUN, config, true);
      const theirs = outcomes("runc", config, true);
      assert.deepEqual([...ours], [...theirs]);
      const count = (ending: string) => [...ours.values()].filter((each) => each === ending).length;
      context.diagnostic(
        `${ours.size} calls: ${count(DONE)} done, ${count(EPERM)} EPERM, ${count(ENOSYS)} ENOSYS`,
      );
      // A sample that shows something: some were done, and some refused in each way.
      assert.ok(ours.size > 180 && count(DONE) > 10 && count(EPERM) > 20 && count(ENOSYS) > 5);
    });

  test("holds without no_new_privs, too", () => {
    const config = configs.get("Docker's default") as Caught;
    assert.deepEqual([...outcomes(TSRUN, config, false)], [...outcomes("runc", config, false)]);
  });

  test("refuses what it is for", () => {
    const calls = outcomes(TSRUN, configs.get("Docker's default") as Caught, true);
    for (const call of [
      "mount(0, 0, 0, 0, 0)",
      "clone(SIGHAND | NEWUSER)",
      "keyctl(-1, 0, 0, 0, 0)",
    ])
      assert.equal(calls.get(call), EPERM, call);
    for (const call of ["personality(0x400000)", "socket(40, 1, 0)", "i386 mount(0, 0, 0, 0, 0)"])
      assert.equal(calls.get(call), EPERM, call);
    for (const call of ["clone3(0, 0)", "unknown 1000()"])
      assert.equal(calls.get(call), ENOSYS, call);
    for (const call of ["getpid()", "personality(0x8)", "socket(1, 1, 0)", "i386 getpid()"])
      assert.equal(calls.get(call), DONE, call);
  });
});
