/** Annotations by which engines ask crun for more than config.json says. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder } from "./harness/bundle.ts";
import { addUserNamespace, type Config, HOOK_KINDS, type Hook } from "./harness/config.ts";
import { becomes, failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const says = (text: string): Hook => ({
  path: "/bin/busybox",
  args: ["busybox", "sh", "-c", text],
});

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

test("what hooks write goes to the files that are named for it, as under crun", () => {
  for (const runtime of [tsrun, crun]) {
    const folder = newFolder("hooks");
    const [out, err] = ["out", "err"].map((name) => join(folder, name)) as [string, string];
    writeFileSync(out, "before\n");
    const { path } = makeBundle(["true"], {
      edit: (config) => {
        config.annotations = { "run.oci.hooks.stdout": out, "run.oci.hooks.stderr": err };
        // crun fails where a hook ends before it has been told the state.
        config.hooks = Object.fromEntries(
          HOOK_KINDS.map((kind) => [kind, [says(`read -r state; echo ${kind}; echo ${kind} >&2`)]]),
        );
      },
    });
    succeeded(runtime.call(["run", "--bundle", path, newId()], { input: "" }), runtime.name);
    assert.deepEqual(
      readFileSync(out, "utf8").split("\n").sort(),
      ["", "before", ...HOOK_KINDS].sort(),
    );
    assert.deepEqual(readFileSync(err, "utf8").split("\n").sort(), ["", ...HOOK_KINDS].sort());
  }
});

test("in a user namespace, too, whose root must not write there", () => {
  const out = join(newFolder("hooks"), "out");
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      addUserNamespace(config);
      config.annotations = { "run.oci.hooks.stdout": out };
      config.hooks = { createContainer: [says("echo 1")], startContainer: [says("echo 2")] };
    },
  });
  succeeded(tsrun.call(["run", "--bundle", path, newId()], { input: "" }));
  assert.equal(readFileSync(out, "utf8"), "1\n2\n");
  assert.equal(statSync(out).mode & 0o777, 0o600);
});

test("a hook that fails says so in its file, and where there is none in the error", () => {
  const out = join(newFolder("hooks"), "out");
  const { path } = makeBundle(["true"], {
    edit: (config) => {
      config.annotations = { "run.oci.hooks.stdout": out };
      config.hooks = { createRuntime: [says("echo to the file; echo to the user >&2; exit 3")] };
    },
  });
  failed(
    tsrun.call(["run", "--bundle", path, newId()]),
    /createRuntime hook .* exited with status 3, saying: to the user \(/,
  );
  assert.equal(readFileSync(out, "utf8"), "to the file\n");
});

test("a file for hooks that cannot be opened is an error, of which delete only warns", () => {
  const out = join(newFolder("hooks"), "out");
  const annotations = { "run.oci.hooks.stdout": out };
  const waiting = (edit: (config: Config) => void) =>
    makeBundle(["sleep", "300"], {
      edit: (config) => {
        config.annotations = annotations;
        edit(config);
      },
    }).path;
  const gone = join(newFolder("hooks"), "gone");
  const id = newId();
  const poststop = waiting((config) => {
    config.hooks = { poststop: [says(`echo run > ${gone}`)] };
  });
  succeeded(tsrun.call(["run", "--detach", "--bundle", poststop, id], { input: "" }));
  mkdirSync(out);
  const { status, stderr } = tsrun.call(["delete", "--force", id]);
  assert.equal(status, 0);
  assert.match(stderr, /opening \S+\/out for what hooks write: .*EISDIR/);
  assert.equal(readFileSync(gone, "utf8"), "run\n");
  const creation = waiting((config) => {
    config.hooks = { startContainer: [says("true")] };
  });
  failed(
    tsrun.call(["create", "--bundle", creation, newId()]),
    /opening \S+\/out for what hooks write: .*EISDIR.*\/annotations\/run.oci.hooks.stdout/,
  );
});
