/** Annotations by which engines ask crun for more than config.json says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { becomes, failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const GROUPS = "--groups=7,100000,4711";

/** What a process of uid and gid 1000 has for groups whose caller has GROUPS. */
function groups(
  runtime: Runtime,
  value: string,
  edit: (config: Config) => void = () => {},
): string {
  const { path } = makeBundle(["grep", "^Groups:", "/proc/self/status"], {
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [5] };
      config.annotations = { "run.oci.keep_original_groups": value };
      edit(config);
    },
  });
  const called = runtime.calledBy("setpriv", GROUPS);
  const { status, stdout, stderr } = called.call(["run", "--bundle", path, newId()], { input: "" });
  assert.equal(status, 0, stderr);
  return stdout.replace(/\s+/g, " ").trim();
}

test("the caller's groups are kept, as under crun", () => {
  for (const runtime of [tsrun, crun]) {
    assert.equal(groups(runtime, "1"), "Groups: 7 4711 100000", runtime.name);
    assert.equal(groups(runtime, "0"), "Groups: 5", runtime.name);
  }
});

test("they are kept in a user namespace, too, where they are nobody's", () => {
  assert.equal(groups(tsrun, "1", addUserNamespace), "Groups: 65534 65534 65534");
  assert.equal(groups(tsrun, "0", addUserNamespace), "Groups: 5");
});

test("a process that is executed later keeps its own caller's", () => {
  const { path } = makeBundle(["sleep", "300"], {
    edit: (config) => {
      config.annotations = { "run.oci.keep_original_groups": "1" };
    },
  });
  const id = newId();
  succeeded(tsrun.call(["run", "--detach", "--bundle", path, id], { input: "" }));
  becomes(id, "running");
  const called = tsrun.calledBy("setpriv", GROUPS);
  const { stdout } = succeeded(
    called.call(["exec", id, "grep", "^Groups:", "/proc/self/status"], { input: "" }),
  );
  assert.equal(stdout.replace(/\s+/g, " ").trim(), "Groups: 7 4711 100000");
  succeeded(tsrun.call(["delete", "--force", id]));
});

test("a system call that nobody knows is refused, if that is asked for", () => {
  const call = (value: string) => {
    const { path } = makeBundle(["true"], {
      edit: (config) => {
        config.annotations = { "run.oci.seccomp_fail_unknown_syscall": value };
        config.linux.seccomp = {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["mkdir", "nosuchcall"], action: "SCMP_ACT_ERRNO" }],
        };
      },
    });
    return tsrun.call(["run", "--bundle", path, newId()]);
  };
  failed(call("1"), /names the unknown system call "nosuchcall"/);
  succeeded(call("0"));
});

test("a handler is refused, and nothing is run without it", () => {
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      config.annotations = { "run.oci.handler": "wasm" };
    },
  });
  failed(tsrun.call(["run", "--bundle", path, newId()]), /run\.oci\.handler="wasm": .*wasm/);
});
