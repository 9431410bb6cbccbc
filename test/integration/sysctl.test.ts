/** linux.sysctl: parameters of the container's namespaces are set, and those of the host stay as they are. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeBundle, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config, shareNamespace } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const file = (name: string): string => `/proc/sys/${name.replaceAll(".", "/")}`;

/** What the container reads, a line for each of `files`. */
function read(runtime: Runtime, files: string[], edit: (config: Config) => void): string[] {
  const bundle = shellBundle(`cat ${files.join(" ")}`, { edit });
  const { stdout } = succeeded(
    runtime.call(["run", "--bundle", bundle.path, newId()], { input: "" }),
    runtime.name,
  );
  return stdout.trimEnd().split("\n");
}

const SYSCTLS: Record<string, string> = {
  "net.ipv4.ip_forward": "1",
  "net/ipv4/conf/lo/forwarding": "1",
  "net.ipv4.ping_group_range": "0 7",
  "net.core.somaxconn": "256",
  "kernel.msgmax": "7777",
  "kernel.msgmni": "77",
  "kernel.msgmnb": "17777",
  "kernel.sem": "250 32000 100 129",
  "kernel.shmmax": "77777",
  "kernel.shmall": "7777",
  "kernel.shmmni": "77",
  "kernel.shm_rmid_forced": "1",
  "fs.mqueue.queues_max": "77",
  "kernel.domainname": "example.org",
};

const NAMES = Object.keys(SYSCTLS);
const expected = NAMES.map((name) => SYSCTLS[name]?.replaceAll(" ", "\t"));

for (const runtime of [tsrun, runc, crun])
  test(`${runtime.name}: every namespace's parameters, in dots and in slashes`, () => {
    const before = NAMES.map((name) => readFileSync(file(name), "utf8"));
    const values = read(runtime, NAMES.map(file), (config) => {
      config.linux.sysctl = SYSCTLS;
    });
    assert.deepEqual(values, expected);
    assert.deepEqual(
      NAMES.map((name) => readFileSync(file(name), "utf8")),
      before,
      "the host's",
    );
  });

test("in a user namespace, with its own parameters", () => {
  const names = [...NAMES, "user.max_net_namespaces"];
  const host = readFileSync(file("user.max_net_namespaces"), "utf8");
  const values = read(tsrun, names.map(file), (config) => {
    addUserNamespace(config);
    config.linux.sysctl = { ...SYSCTLS, "user.max_net_namespaces": "77" };
  });
  assert.deepEqual(values, [...expected, "77"]);
  assert.equal(readFileSync(file("user.max_net_namespaces"), "utf8"), host);
});

test("an empty value empties a text", () => {
  const values = read(tsrun, [file("kernel.domainname")], (config) => {
    config.linux.sysctl = { "kernel.domainname": "" };
  });
  assert.deepEqual(values, [""]);
});

const REFUSED: [string, Record<string, string>, RegExp, ((config: Config) => void)?][] = [
  ["the whole host's", { "vm.swappiness": "1" }, /vm\.swappiness is not one of a namespace/],
  ["one that the kernel lacks", { "net.ipv4.no_such": "1" }, /ENOENT.*no_such\)?.*module/],
  [
    "a value that the kernel refuses",
    { "kernel.msgmax": "many" },
    /to many.*EINVAL.*kernel\.msgmax/,
  ],
  ["an empty number", { "kernel.msgmax": "" }, /EINVAL.*kernel\.msgmax/],
  [
    "groups that are not mapped",
    { "net.ipv4.ping_group_range": "0 4294967294" },
    /EINVAL.*mapped/,
    addUserNamespace,
  ],
  [
    "the host's network",
    { "net.ipv4.ip_forward": "1" },
    /without a network namespace/,
    (config) => shareNamespace(config, "network"),
  ],
  [
    "the host's network by its path",
    { "net.ipv4.ip_forward": "1" },
    /host's own/,
    (config) => {
      shareNamespace(config, "network");
      config.linux.namespaces.push({ type: "network", path: "/proc/self/ns/net" });
    },
  ],
];

for (const [name, sysctl, pattern, edit] of REFUSED)
  test(`${name}: refused`, () => {
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        config.linux.sysctl = sysctl;
        edit?.(config);
      },
    });
    failed(tsrun.call(["run", "--bundle", bundle.path, newId()]), pattern);
  });
