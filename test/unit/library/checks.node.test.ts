/** Configurations checked in Node, by the library as it is built: what the binary loads late is there as well. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

const built = join(import.meta.dirname, "../../../build/library/index.js");
const { checkConfig, ConfigError, Runtime, stringifyConfig } = (await import(
  built
)) as typeof import("../../../src/library/index.ts");

const spec = await new Runtime({ root: "/run/tsrun-test-nowhere" }).spec();

test("what is done to one configuration does not show in the next, nor elsewhere in it", async () => {
  for (const options of [{}, { rootless: true }]) {
    const runtime = new Runtime({ root: "/run/tsrun-test-nowhere" });
    const [one, untouched] = [await runtime.spec(options), await runtime.spec(options)];
    const before = JSON.stringify(untouched);
    one.process?.capabilities?.bounding?.push("CAP_SYS_ADMIN");
    assert.equal(one.process?.capabilities?.ambient?.includes("CAP_SYS_ADMIN"), false);
    one.mounts?.push({ destination: "/secrets" });
    for (const mount of one.mounts ?? []) mount.options?.push("exec");
    one.linux?.namespaces?.forEach((namespace) => {
      namespace.path = "/proc/1/ns/net";
    });
    one.linux?.namespaces?.pop();
    one.linux?.maskedPaths?.pop();
    assert.equal(JSON.stringify(await runtime.spec(options)), before);
  }
});

test("a sound configuration comes back as it is read", () => {
  assert.deepEqual(checkConfig(spec), spec);
  assert.equal(checkConfig(`{"mounts": null, ${JSON.stringify(spec).slice(1)}`).hostname, "runc");
});

test("64-bit numbers keep all their digits, there and back", () => {
  const limit = 2n ** 64n - 1n;
  const process = {
    ...spec.process,
    cwd: "/",
    rlimits: [{ type: "RLIMIT_CORE" as const, soft: limit, hard: limit }],
  };
  const text = stringifyConfig({ ...spec, process });
  assert.match(text, /18446744073709551615/);
  assert.equal(checkConfig(text).process?.rlimits?.[0]?.hard, limit);
});

test("every fault is named", () => {
  assert.throws(
    () => checkConfig('{"ociVersion": "1.0.0", "process": {"cwd": "x"}, "root": {"path": ""}}'),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(error.faults.map(({ pointer }) => pointer).sort(), [
        "/process/cwd",
        "/root/path",
      ]);
      return true;
    },
  );
});

/** What the binary checks with modules of their own. */
const RARE: [pointer: string, linux: object, process?: object][] = [
  ["/linux/memoryPolicy/nodes", { memoryPolicy: { mode: "MPOL_BIND" } }],
  ["/process/scheduler/priority", {}, { scheduler: { policy: "SCHED_OTHER", priority: 1 } }],
];
for (const [pointer, linux, process] of RARE)
  test(`what few configurations have is checked: ${pointer}`, () => {
    const config = {
      ...spec,
      process: { ...spec.process, cwd: "/", ...process },
      linux: { ...spec.linux, ...linux },
    };
    assert.throws(() => checkConfig(config), { name: "ConfigError", pointer });
  });

test("what is no JSON is an error of the configuration, too", () => {
  assert.throws(() => checkConfig("{"), { name: "ConfigError", message: /the end of the text/ });
});
