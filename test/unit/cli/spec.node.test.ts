/** `spec` and the default configuration, with runc's as the oracle where it is installed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../../spec/config.ts";
import { record } from "./recorder.ts";
import { newDirectory } from "./scratch.ts";

const configOf = (dir: string): string => readFileSync(join(dir, "config.json"), "utf8");

function written(...options: string[]): string {
  const dir = newDirectory();
  const { status, stdout, stderr, calls } = record(["spec", "--bundle", dir, ...options]);
  assert.deepEqual([status, stdout, stderr, calls], [0, "", "", []]);
  assert.equal(statSync(join(dir, "config.json")).mode & 0o777, 0o666 & ~process.umask());
  return configOf(dir);
}

test("spec writes a valid configuration, indented with tabs", () => {
  for (const options of [[], ["--rootless"]]) {
    const text = written(...options);
    assert.ok(
      text.startsWith('{\n\t"ociVersion": "1.3.0",\n\t"process": {\n\t\t"terminal": true,'),
    );
    assert.deepEqual(readConfig(text), JSON.parse(text));
  }
});

test("spec --rootless maps the user and takes nothing from the host that it cannot have", () => {
  const { linux, mounts } = readConfig(written("--rootless"));
  const types = linux?.namespaces?.map(({ type }) => type) ?? [];
  assert.ok(types.includes("user") && !types.includes("network"), types.join());
  assert.deepEqual(linux?.uidMappings, [{ containerID: 0, hostID: process.geteuid?.(), size: 1 }]);
  assert.deepEqual(linux?.gidMappings, [{ containerID: 0, hostID: process.getegid?.(), size: 1 }]);
  assert.equal(linux?.resources, undefined);
  assert.equal(mounts?.find(({ destination }) => destination === "/sys")?.type, "none");
  assert.ok(!JSON.stringify(mounts).includes("gid="));
});

test("spec does not overwrite, and says where it cannot write", () => {
  const dir = newDirectory();
  writeFileSync(join(dir, "config.json"), "mine");
  const { status, stderr } = record(["spec", "-b", dir]);
  assert.equal(status, 1);
  assert.match(stderr, /^tsrun: .*config\.json already exists; remove it first\n$/);
  assert.equal(configOf(dir), "mine");
  assert.match(
    record(["spec", "-b", "/no/such/dir"]).stderr,
    /\/no\/such\/dir\/config\.json.*ENOENT/,
  );
});

const hasRunc = spawnSync("runc", ["--version"]).status === 0;

for (const options of [[], ["--rootless"]])
  test(`spec ${options} equals runc's`, { skip: !hasRunc && "runc is not installed" }, () => {
    const dir = newDirectory();
    assert.equal(spawnSync("runc", ["spec", "-b", dir, ...options]).status, 0);
    const [theirs, ours] = [configOf(dir), written(...options)].map((text) => {
      const config = readConfig(text);
      // Newer releases than 1.1 give the ambient set no capabilities.
      delete config.process?.capabilities?.ambient;
      // runc leaves it out where cgroup v2 is not alone.
      const { linux } = config;
      if (linux) linux.namespaces = linux.namespaces?.filter(({ type }) => type !== "cgroup") ?? [];
      return JSON.stringify({ ...config, ociVersion: "" });
    });
    // As text: the order is the same, too.
    assert.equal(ours, theirs);
  });
