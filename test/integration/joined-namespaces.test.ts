/** Namespaces that are joined by a path: which are refused, and that no setting reaches the host by that way. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { test } from "node:test";
import { type Bundle, shellBundle } from "./harness/bundle.ts";
import type { Config } from "./harness/config.ts";
import { eventually, failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** A bundle that joins the namespace of `type` at `path`, and the JSON pointer to that path. */
function joining(
  type: string,
  path: string,
  script: string,
  edit: (config: Config) => void = () => {},
): { bundle: Bundle; pointer: RegExp } {
  const bundle = shellBundle(script, {
    edit: (config) => {
      config.linux.namespaces = config.linux.namespaces.map((each) =>
        each.type === type ? { type, path } : each,
      );
      delete config.hostname;
      edit(config);
    },
  });
  const index = bundle.config.linux.namespaces.findIndex((each) => each.type === type);
  return { bundle, pointer: new RegExp(`/linux/namespaces/${index}/path`) };
}

interface Setting {
  name: string;
  type: string;
  file: string;
  edit: (config: Config) => void;
  /** Shell: shows what was set. */
  show: string;
  value: string;
}

const SETTINGS: Setting[] = [
  {
    name: "a hostname",
    type: "uts",
    file: "uts",
    edit: (config) => {
      config.hostname = "joined";
    },
    show: "hostname",
    value: "joined",
  },
  {
    name: "a domain name",
    type: "uts",
    file: "uts",
    edit: (config) => {
      config.domainname = "joined.example";
    },
    show: "cat /proc/sys/kernel/domainname",
    value: "joined.example",
  },
  {
    name: "a sysctl of the network",
    type: "network",
    file: "net",
    edit: (config) => {
      config.linux.sysctl = { "net.ipv4.ip_default_ttl": "77" };
    },
    show: "cat /proc/sys/net/ipv4/ip_default_ttl",
    value: "77",
  },
  {
    name: "a sysctl of IPC",
    type: "ipc",
    file: "ipc",
    edit: (config) => {
      config.linux.sysctl = { "kernel.msgmax": "7777" };
    },
    show: "cat /proc/sys/kernel/msgmax",
    value: "7777",
  },
];

const ofTheHost = (show: string): string =>
  execFileSync("busybox", ["sh", "-c", show], { encoding: "utf8" }).trim();

/** A process in new namespaces, once it is there. */
function elsewhere(): ChildProcess {
  const child = spawn("unshare", ["--uts", "--net", "--ipc", "sleep", "60"], { stdio: "ignore" });
  const own = readlinkSync("/proc/self/ns/ipc");
  eventually("it has its namespaces", () => readlinkSync(`/proc/${child.pid}/ns/ipc`) !== own);
  return child;
}

for (const { name, type, file, edit, show, value } of SETTINGS) {
  test(`${name} for a joined ${type} namespace that is the host’s own is refused`, () => {
    const before = ofTheHost(show);
    const { bundle, pointer } = joining(type, `/proc/self/ns/${file}`, "true", edit);
    leavesNothing(() => failed(tsrun.call(["run", "-b", bundle.path, newId()]), pointer));
    assert.equal(ofTheHost(show), before);
  });

  test(`${name} for a joined ${type} namespace of somebody else is set there`, () => {
    const before = ofTheHost(show);
    const other = elsewhere();
    try {
      const { bundle } = joining(type, `/proc/${other.pid}/ns/${file}`, show, edit);
      const { stdout } = succeeded(tsrun.call(["run", "-b", bundle.path, newId()]));
      assert.equal(stdout, `${value}\n`);
    } finally {
      other.kill("SIGKILL");
    }
    assert.equal(ofTheHost(show), before);
  });
}

test("the host’s own namespace may be joined when nothing is set in it", () => {
  const { bundle } = joining("uts", "/proc/self/ns/uts", "hostname");
  const { stdout } = succeeded(tsrun.call(["run", "-b", bundle.path, newId()]));
  assert.equal(stdout, `${hostname()}\n`);
});
