/** tsrun as the root of a user namespace, who is nobody outside of it: as rootless engines and `unshare -r` run it. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { type Bundle, shellBundle, WAITS } from "./harness/bundle.ts";
import { type Config, makeRootless, mountAt, shareNamespace, USER } from "./harness/config.ts";
import { stateOf, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, Runtime, runc } from "./harness/runtime.ts";
import { AS_USER, giveFolders, userTsrun } from "./harness/user.ts";

nothingIsLeftAtTheEnd();

/** A runtime, called by a user who has become the root of a user namespace with one id. */
const asRoot = (runtime: Runtime, ...options: string[]): Runtime =>
  runtime.calledBy(...AS_USER, "unshare", "--user", "--map-root-user", ...options);

const own = new Runtime("tsrun", [userTsrun]);
const root = asRoot(own);

type Edit = (config: Config) => void;

/** A bundle with the namespaces of the default configuration, or with a user namespace below the caller's, too. */
function bundleOf(script: string, edit: Edit = () => {}, isNested = false): Bundle {
  const bundle = shellBundle(script, {
    edit: (config) => {
      makeRootless(config);
      if (isNested) {
        config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
        config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
      } else {
        shareNamespace(config, "user");
        delete config.linux.uidMappings;
        delete config.linux.gidMappings;
      }
      edit(config);
    },
  });
  giveFolders(bundle.path);
  return bundle;
}

const output = (bundle: Bundle, by: Runtime = root): string => {
  const call = ["run", "--bundle", bundle.path, newId()];
  return succeeded(by.call(call, { input: "" }), by.name).stdout;
};

const LOOK = `
  cat /proc/self/uid_map /proc/self/setgroups
  for name in null zero full random urandom tty; do stat -c '%n %F %t:%T %u:%g' /dev/$name; done
  grep -E ' /(proc|sys|dev|dev/pts|dev/mqueue|dev/shm) ' /proc/self/mountinfo | cut -d' ' -f5,6 | sort
  grep -E '^(Cap|Uid|Gid|NoNewPrivs)' /proc/self/status
  ls -l /proc/self/ns/user > /dev/null && id
`;

/** runc 1.1 cannot open the mounts' sources for a namespace below one that is not the machine's. */
const peers = [
  [runc, "without a"],
  [crun, "without a"],
  [crun, "in another"],
] as const;

for (const [peer, where] of peers)
  test(`the same as with ${peer.name}, ${where} user namespace`, () => {
    const isNested = where === "in another";
    const ours = output(bundleOf(LOOK, undefined, isNested), root.onPureCgroup());
    assert.equal(ours, output(bundleOf(LOOK, undefined, isNested), asRoot(peer)));
    assert.match(ours, isNested ? /^ +0 +0 +1$/m : new RegExp(`^ +0 +${USER} +1$`, "m"));
  });

test("with a network of its own there is a sysfs of its own", () => {
  const bundle = bundleOf("ls /sys/class/net; ip -o -4 addr", (config) => {
    config.linux.namespaces.push({ type: "network" });
    const sysfs = { type: "sysfs", source: "sysfs", options: ["ro", "nosuid"] };
    Object.assign(mountAt(config, "/sys"), sysfs);
  });
  assert.match(output(bundle), /^lo\n1: lo +inet 127\.0\.0\.1/);
});

test("in a PID namespace of the caller’s, with a /proc of its own", () => {
  const caller = asRoot(own, "--pid", "--fork", "--mount", "--mount-proc");
  assert.equal(output(bundleOf("echo $$"), caller), "1\n");
});

test("user namespaces in user namespaces, three deep", () => {
  const nested = asRoot(own.calledBy("unshare", "--user", "--map-root-user"));
  assert.equal(output(bundleOf("id -u", undefined, true), nested), "0\n");
});

test("the whole life, and the state is the user’s", () => {
  const id = newId();
  const tell = (...words: string[]) => succeeded(root.call([...words, id], { input: "" }));
  tell("create", "--bundle", bundleOf(WAITS).path);
  const { pid } = stateOf(id, root);
  assert.equal(statSync(`/proc/${pid}`).uid, USER);
  tell("start");
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), new RegExp(`^Uid:\\s${USER}\\s`, "m"));
  tell("delete", "--force");
});

test("the groups of the caller stay where setgroups is denied, and no others can be had", () => {
  const bundle = bundleOf("grep Groups /proc/self/status");
  assert.match(output(bundle), /^Groups:\s*\n$/);
  const grouped = bundleOf("true", ({ process }) => {
    process.user.additionalGids = [0];
  });
  const outcome = root.call(["run", "--bundle", grouped.path, newId()]);
  assert.match(outcome.stderr, /the groups 0 cannot be set .*additionalGids/);
});
