/** linux.personality, as uname(2) and /proc/<pid>/personality show it, beside peers; runc 1.1 ignores it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeBundle, shellBundle } from "./harness/bundle.ts";
import { recentRunc } from "./harness/cgroup.ts";
import type { Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { crun, newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Personality = Config["linux"]["personality"];

const withPersonality = (personality: Personality) => (config: Config) => {
  if (personality) config.linux.personality = personality;
};

/** The hexadecimal persona and the machine's name. */
function persona(runtime: Runtime, personality: Personality): string {
  const script = "cat /proc/self/personality; busybox uname -m";
  const { path } = shellBundle(script, {
    edit: (config) => {
      delete config.process.capabilities?.ambient;
      withPersonality(personality)(config);
    },
  });
  return succeeded(runtime.call(["run", "--bundle", path, newId()], { input: "" })).stdout;
}

const MACHINE = { x64: ["x86_64", "i686"], arm64: ["aarch64", "armv8l"] }[
  process.arch as "x64" | "arm64"
];

test("LINUX is the kernel's own", () => {
  assert.equal(persona(tsrun, { domain: "LINUX" }), `00000000\n${MACHINE[0]}\n`);
});

test("LINUX32 tells a 32-bit machine", () => {
  assert.equal(persona(tsrun, { domain: "LINUX32" }), `00000008\n${MACHINE[1]}\n`);
});

for (const domain of ["LINUX", "LINUX32"]) {
  test(`${domain} is as under crun`, () => {
    assert.equal(persona(tsrun, { domain }), persona(crun, { domain }));
  });

  test(`${domain} is as under a recent runc`, needs("recent runc"), () => {
    assert.equal(persona(tsrun, { domain }), persona(recentRunc, { domain }));
  });
}

const unrandomized = (name: string, command: readonly string[]) =>
  new Runtime(name, ["setarch", "--addr-no-randomize", ...command]);

test("the caller's flags are kept without a personality and end with one, as under crun", () => {
  const callers = [unrandomized("tsrun", [tsrunPath]), unrandomized("crun", crun.command)];
  for (const caller of callers) {
    assert.match(persona(caller, undefined), /^00040000\n/, caller.name);
    assert.match(persona(caller, { domain: "LINUX" }), /^00000000\n/, caller.name);
  }
});

test("flags, of which the specification has none, are ignored with a warning, as with runc", () => {
  const { path } = makeBundle(["cat", "/proc/self/personality"], {
    edit: withPersonality({ domain: "LINUX32", flags: ["ADDR_NO_RANDOMIZE"] }),
  });
  const { status, stdout, stderr } = tsrun.call(["run", "--bundle", path, newId()]);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "00000008\n");
  assert.match(stderr, /ADDR_NO_RANDOMIZE.*\/linux\/personality\/flags/);
});

test("an unknown domain is refused", () => {
  const { path } = makeBundle(["true"], { edit: withPersonality({ domain: "SVR4" }) });
  failed(tsrun.call(["run", "--bundle", path, newId()]), /\/linux\/personality\/domain/);
});
