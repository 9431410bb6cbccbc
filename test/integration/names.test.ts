/** hostname and domainname: the container's own, to the last byte that fits. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { test } from "node:test";
import { makeBundle, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config, shareNamespace } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const SCRIPT = "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname";
const hostsDomain = readFileSync("/proc/sys/kernel/domainname", "utf8").trimEnd();

/** The names that a container has. */
function names(runtime: Runtime, edit: (config: Config) => void): string[] {
  const bundle = shellBundle(SCRIPT, { edit });
  const call = ["run", "--bundle", bundle.path, newId()];
  const { stdout } = succeeded(runtime.call(call, { input: "" }), runtime.name);
  return stdout.split("\n").slice(0, 2);
}

const CASES: [string, Pick<Config, "hostname" | "domainname">, string[]][] = [
  ["of 64 bytes", { hostname: "h".repeat(64), domainname: "d".repeat(64) }, []],
  ["of UTF-8", { hostname: "wörld", domainname: "例え.jp" }, []],
  ["with spaces", { hostname: "a b", domainname: "c d" }, []],
  ["of one of them only", { domainname: "example.org" }, [hostname(), "example.org"]],
  ["that are empty", { hostname: "", domainname: "" }, [hostname(), hostsDomain]],
];

for (const [what, given, inside] of CASES)
  for (const runtime of [tsrun, runc, crun])
    test(`${runtime.name}: names ${what}`, () => {
      // Not all releases of the peers know the field.
      const known = runtime === tsrun || given.domainname === undefined || knowsDomain(runtime);
      const { domainname: _, ...withoutDomain } = given;
      const asked = known ? given : withoutDomain;
      const expected = inside.length > 0 ? inside : [given.hostname, given.domainname];
      const found = names(runtime, (config) => {
        delete config.hostname;
        Object.assign(config, asked);
      });
      assert.equal(found[0], expected[0]);
      if (known) assert.equal(found[1], expected[1]);
    });

/** runc since 1.2, crun since 1.9. */
function knowsDomain(runtime: Runtime): boolean {
  const [, major = 0, minor = 0] = runtime.call(["--version"]).stdout.match(/(\d+)\.(\d+)/) ?? [];
  return Number(major) > 1 || Number(minor) >= (runtime === runc ? 2 : 9);
}

test("names in a user namespace", () => {
  const given = { hostname: "name", domainname: "example.org" };
  const edit = (config: Config) => {
    addUserNamespace(config);
    Object.assign(config, given);
  };
  assert.deepEqual(names(tsrun, edit), ["name", "example.org"]);
});

test("names of a UTS namespace that is the host's by its path are left alone", () => {
  for (const name of ["hostname", "domainname"] as const) {
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        shareNamespace(config, "uts");
        config.linux.namespaces.push({ type: "uts", path: "/proc/self/ns/uts" });
        delete config.hostname;
        config[name] = "other";
      },
    });
    failed(tsrun.call(["run", "--bundle", bundle.path, newId()]), /host's own/);
  }
  assert.equal(hostname(), readFileSync("/proc/sys/kernel/hostname", "utf8").trimEnd());
});

for (const name of ["hostname", "domainname"] as const)
  test(`a ${name} of 65 bytes is refused`, () => {
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        config[name] = "x".repeat(65);
      },
    });
    const call = ["run", "--bundle", bundle.path, newId()];
    failed(tsrun.call(call), /64 bytes/, new RegExp(`config\\.json /${name}`));
  });
