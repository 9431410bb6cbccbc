/**
 * process.apparmorProfile and process.selinuxLabel. No machine of the tests has SELinux: what is written to the kernel's
 * files for it is tested on folders that stand for them (test/unit/init/labels.test.ts).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeBundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { recentRunc } from "./harness/cgroup.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { crun, newId, Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Edit = (config: Config) => void;

/** Allows everything but what tells the two apart from no profile at all. */
const PROFILES = `
profile tsrun-test flags=(attach_disconnected,mediate_deleted) {
  file, capability, network, unix, signal, ptrace, mount, umount, pivot_root, userns, mqueue,
  deny /etc/group r,
}
profile tsrun-test-outer flags=(attach_disconnected,mediate_deleted) {
  file, capability, network, unix, signal, ptrace, mount, umount, pivot_root, userns, mqueue, dbus,
  change_profile -> **,
}
`;

let loaded: string | undefined;

function parser(...args: string[]): void {
  const { status, stderr } = spawnSync("apparmor_parser", args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

/** Loads the profiles; they are removed at the end. */
function loadProfiles(): void {
  if (loaded !== undefined) return;
  loaded = join(newFolder("profiles"), "profiles");
  writeFileSync(loaded, PROFILES);
  parser("--replace", "--skip-cache", loaded);
}

after(() => {
  if (loaded !== undefined) parser("--remove", loaded);
});

const profiled =
  (profile: string, edit: Edit = () => {}): Edit =>
  (config) => {
    config.process.apparmorProfile = profile;
    delete config.process.capabilities?.ambient;
    edit(config);
  };

const SCRIPT = "cat /proc/self/attr/current; (cat /etc/group 2>&1 | head -n 1)";

function seen(runtime: Runtime, edit: Edit): string {
  const { path } = shellBundle(SCRIPT, { edit });
  return succeeded(runtime.call(["run", "--bundle", path, newId()], { input: "" }), runtime.name)
    .stdout;
}

const VARIATIONS: [string, Edit][] = [
  ["", () => {}],
  [
    " that may gain privileges",
    (config) => {
      config.process.noNewPrivileges = false;
    },
  ],
  [
    " of a user without privileges",
    (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
      config.process.capabilities = {};
    },
  ],
  [" in a user namespace", addUserNamespace],
];

for (const [whose, edit] of VARIATIONS)
  test(
    `a profile confines the process${whose}, as under recent runc and crun`,
    needs("AppArmor", "recent runc"),
    () => {
      loadProfiles();
      const ours = seen(tsrun, profiled("tsrun-test", edit));
      assert.equal(ours, "tsrun-test (enforce)\ncat: can't open '/etc/group': Permission denied\n");
      for (const peer of [recentRunc, crun])
        assert.equal(seen(peer, profiled("tsrun-test", edit)), ours, peer.name);
    },
  );

test("unconfined is what a process is without a profile", needs("AppArmor"), () => {
  assert.equal(seen(tsrun, profiled("unconfined")), "unconfined\nroot:x:0:\n");
});

test(
  "startContainer hooks are confined like the program, createContainer hooks are not",
  needs("AppArmor"),
  () => {
    loadProfiles();
    const args = (file: string) => ["sh", "-c", `cat /proc/self/attr/current > ${file}`];
    const { path, rootfs } = makeBundle(["true"], {
      edit: (config, bundle) => {
        config.root.readonly = false;
        config.process.apparmorProfile = "tsrun-test";
        config.hooks = {
          createContainer: [{ path: "/bin/sh", args: args(`${bundle}/rootfs/created`) }],
          startContainer: [{ path: "/bin/sh", args: args("/started") }],
        };
      },
    });
    succeeded(tsrun.call(["run", "--bundle", path, newId()]));
    assert.equal(readFileSync(join(rootfs, "created"), "utf8"), "unconfined\n");
    assert.equal(readFileSync(join(rootfs, "started"), "utf8"), "tsrun-test (enforce)\n");
  },
);

test(
  "a confined caller's process without privileges to gain gets both profiles, as under crun",
  needs("AppArmor"),
  () => {
    loadProfiles();
    const under = ({ name, command }: Runtime) =>
      new Runtime(name, ["aa-exec", "-p", "tsrun-test-outer", "--", ...command]);
    const ours = seen(under(tsrun), profiled("tsrun-test"));
    assert.match(ours, /^tsrun-test\/\/&tsrun-test-outer \(enforce\)\n/);
    assert.equal(seen(under(crun), profiled("tsrun-test")), ours);
  },
);

test("a profile that is not loaded is an error that says what to do", needs("AppArmor"), () => {
  const { path } = makeBundle(["true"], { edit: profiled("tsrun-test-absent") });
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", path, newId()]),
      /AppArmor profile tsrun-test-absent/,
      /ENOENT/,
      /\/process\/apparmorProfile/,
      /apparmor_parser/,
    ),
  );
});

const withoutAppArmor = existsSync("/sys/module/apparmor")
  ? { skip: "needs a machine without AppArmor" }
  : {};

test("a profile is refused where AppArmor is not enabled", withoutAppArmor, () => {
  const { path } = makeBundle(["true"], { edit: profiled("docker-default") });
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", path, newId()]),
      /docker-default/,
      /AppArmor is not enabled/,
      /\/process\/apparmorProfile/,
    ),
  );
});

test("unconfined is true where AppArmor is not enabled", withoutAppArmor, () => {
  const { path } = makeBundle(["true"], { edit: profiled("unconfined") });
  succeeded(tsrun.call(["run", "--bundle", path, newId()]));
});

test("a SELinux label is refused where SELinux is not enabled, as with runc", () => {
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      config.process.selinuxLabel = "system_u:system_r:container_t:s0:c1,c2";
    },
  });
  leavesNothing(() =>
    failed(
      tsrun.call(["run", "--bundle", path, newId()]),
      /system_u:system_r:container_t:s0:c1,c2/,
      /SELinux is not enabled/,
      /\/process\/selinuxLabel/,
    ),
  );
  const theirs = runc.call(["run", "--bundle", path, newId()]);
  assert.equal(theirs.status, 1);
  assert.match(theirs.stderr, /selinux/);
});

test("empty labels are none", () => {
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      config.process.apparmorProfile = "";
      config.process.selinuxLabel = "";
    },
  });
  succeeded(tsrun.call(["run", "--bundle", path, newId()]));
});
