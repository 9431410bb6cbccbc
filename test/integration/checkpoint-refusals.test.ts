/** What checkpoint and restore refuse before criu has anything to do: on every machine, with criu or without. */
import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { HOST_UID } from "./harness/config.ts";
import { becomes, failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const waiting = shellBundle(WAITS);

/** Calls `use` with the id of a container that runs. */
function whileRunning(use: (id: string) => void): void {
  leavesNothing(() => {
    const id = newId();
    succeeded(tsrun.call(["run", "--detach", "-b", waiting.path, id]), "run");
    try {
      use(id);
      becomes(id, "running");
    } finally {
      succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
    }
  });
}

/** A folder for PATH whose criu answers every request with these bytes. */
function fakeCriu(answer: string): string {
  const folder = newFolder("path");
  const program = join(folder, "criu");
  copyFileSync(join(import.meta.dirname, "harness/criu.py"), join(folder, "criu.py"));
  writeFileSync(program, `#!/bin/sh\nexec /usr/bin/python3 -S ${folder}/criu.py "$@"\n`);
  chmodSync(program, 0o755);
  writeFileSync(join(folder, "answer"), answer);
  return folder;
}

/** Responses to a request for the version (type 10, success): 3.15 and 4.1. */
const [OLD, RECENT] = ["080a1001 5204 0803 100f", "080a1001 5204 0804 1001"];

const images = (): string => join(newFolder("images"), "checkpoint");

test("without criu the error says what to install, and the container goes on", () => {
  whileRunning((id) => {
    const path = images();
    const outcome = tsrun.call(["checkpoint", "--image-path", path, id], {
      env: { PATH: newFolder("empty") },
    });
    failed(outcome, /checkpointing the container .*no criu in PATH; install criu 3\.16 or later/);
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });
});

test("so it does at restore, and nothing is left", () => {
  leavesNothing(() => {
    const path = newFolder("images");
    writeFileSync(join(path, "descriptors.json"), '["/dev/null","pipe:[1]","file[1:2]"]');
    const id = newId();
    const outcome = tsrun.call(["restore", "-b", waiting.path, "--image-path", path, id], {
      env: { PATH: newFolder("empty") },
    });
    failed(outcome, /restoring the container .*no criu in PATH; install criu/);
    failed(tsrun.call(["state", id]), /does not exist/);
  });
});

test("the log that an engine has made is emptied and stays, and a link in its place goes", () => {
  whileRunning((id) => {
    const folder = newFolder("images");
    const [log, other] = ["dump.log", "other"].map((name) => join(folder, name)) as [
      string,
      string,
    ];
    const checkpoint = () =>
      failed(
        tsrun.call(["checkpoint", "--image-path", folder, id], {
          env: { PATH: newFolder("empty") },
        }),
        /no criu in PATH/,
      );
    writeFileSync(log, "of an earlier run");
    const { ino } = statSync(log);
    checkpoint();
    assert.deepEqual([statSync(log).ino, readFileSync(log, "utf8")], [ino, ""]);
    writeFileSync(other, "another's");
    for (const link of [linkSync, symlinkSync]) {
      rmSync(log);
      link(other, log);
      checkpoint();
      assert.equal(existsSync(log), false);
      assert.equal(readFileSync(other, "utf8"), "another's");
      writeFileSync(log, "");
    }
  });
});

test("a criu of the working directory is not taken", () => {
  whileRunning((id) => {
    const cwd = fakeCriu(RECENT);
    const path = images();
    for (const PATH of ["", ".", ":"])
      failed(
        tsrun.call(["checkpoint", "--image-path", path, id], { cwd, env: { PATH } }),
        /no criu in PATH/,
      );
  });
});

test("a criu that is too old is refused, by its version", () => {
  whileRunning((id) => {
    const folder = fakeCriu(OLD);
    failed(
      tsrun.call(["checkpoint", "--image-path", images(), id], { env: { PATH: folder } }),
      /path-\d+\/criu is of version 3\.15, which is too old; install criu 3\.16 or later/,
    );
  });
});

test("a criu that fails without a log is quoted, and one that cannot be run is named", () => {
  whileRunning((id) => {
    const call = (PATH: string) =>
      tsrun.call(["checkpoint", "--image-path", images(), id], { env: { PATH } });
    // Type 1, no success, errno 22; type 1, no success, a message. Both are answers to the question for the version, too.
    failed(call(fakeCriu("0801 1000 3816")), /EINVAL/);
    failed(call(fakeCriu("0801 1000 4a03 6e6f21")), /no!/);
    failed(call(fakeCriu("0801 1000")), /criu fails and gives no reason/);
    const folder = fakeCriu(RECENT);
    writeFileSync(join(folder, "criu"), "no program");
    failed(call(folder), /execve\(".*\/criu"\): ENOEXEC/);
    writeFileSync(join(folder, "criu"), "#!/bin/sh\nexit 3\n");
    failed(call(folder), /ended before it had answered/);
  });
});

test("--pre-dump and --lazy-pages need a kernel that has what they take", () => {
  whileRunning((id) => {
    for (const [option, reason] of [
      ["--pre-dump", /--pre-dump takes a kernel that tracks changes of memory/],
      ["--lazy-pages", /--lazy-pages takes a kernel with userfaultfd/],
    ] as const)
      failed(
        tsrun.call(["checkpoint", option, "--image-path", images(), id], {
          env: { PATH: fakeCriu(RECENT) },
        }),
        reason,
      );
  });
});

test("only what runs or is paused can be checkpointed", () => {
  leavesNothing(() => {
    const id = newId();
    const path = images();
    failed(tsrun.call(["checkpoint", "--image-path", path, id]), /does not exist/);
    succeeded(tsrun.call(["create", "-b", waiting.path, id]), "create");
    failed(
      tsrun.call(["checkpoint", "--image-path", path, id]),
      /checkpointing the container .*it is created, not running or paused/,
    );
    succeeded(tsrun.call(["delete", "--force", id]), "delete");
    const ended = makeBundle(["true"]);
    succeeded(tsrun.call(["run", "--detach", "-b", ended.path, id]), "run");
    becomes(id, "stopped");
    failed(tsrun.call(["checkpoint", "--image-path", path, id]), /it is stopped, not running/);
    assert.ok(!existsSync(path), "no directory is made for nothing");
    succeeded(tsrun.call(["delete", id]), "delete");
  });
});

test("--parent-path must be relative to the images, and be there", () => {
  whileRunning((id) => {
    const call = (parent: string) =>
      tsrun.call(["checkpoint", "--image-path", images(), "--parent-path", parent, id]);
    failed(call("/tmp"), /--parent-path \/tmp must be relative to the images' directory/);
    failed(call("../nowhere"), /opening --parent-path.*nowhere.*ENOENT/);
  });
});

test("restoring from a directory that is none, or holds no checkpoint", () => {
  leavesNothing(() => {
    const restore = (path: string) =>
      tsrun.call(["restore", "-b", waiting.path, "--image-path", path, newId()]);
    const empty = newFolder("empty");
    failed(restore(join(empty, "none")), /reading the checkpoint in .*none.*ENOENT/);
    failed(restore(empty), /it is not complete.*descriptors\.json.*ENOENT.*--image-path must be/);
    writeFileSync(join(empty, "descriptors.json"), "[1, 2]");
    failed(restore(empty), /its descriptors\.json is not a list of texts/);
    writeFileSync(join(empty, "descriptors.json"), "[");
    failed(restore(empty), /reading the checkpoint in/);
    writeFileSync(join(empty, "file"), "");
    failed(restore(join(empty, "file")), /ENOTDIR/);
  });
});

test("an id that is taken is refused", () => {
  whileRunning((id) => {
    const path = newFolder("images");
    writeFileSync(join(path, "descriptors.json"), "[]");
    failed(
      tsrun.call(["restore", "-b", waiting.path, "--image-path", path, id]),
      /a container with the id .* exists already/,
    );
  });
});

test("namespaces that criu cannot join, and idmapped mounts, are refused by their place", () => {
  leavesNothing(() => {
    const path = newFolder("images");
    writeFileSync(join(path, "descriptors.json"), "[]");
    const source = newFolder("source");
    const joining = shellBundle(WAITS, {
      edit: (config) => {
        config.linux.namespaces = config.linux.namespaces
          .filter(({ type }) => type !== "cgroup")
          .concat({ type: "cgroup", path: "/proc/self/ns/cgroup" });
      },
    });
    const idmapped = shellBundle(WAITS, {
      edit: (config) => {
        const ids = [{ containerID: 0, hostID: 1000, size: 1 }];
        const mount = { destination: "/mnt", type: "bind", source, options: ["bind"] };
        config.mounts.push(Object.assign(mount, { uidMappings: ids, gidMappings: ids }));
      },
    });
    const restore = (bundle: string) =>
      tsrun.call(["restore", "-b", bundle, "--image-path", path, newId()]);
    failed(
      restore(joining.path),
      /criu cannot restore into another's cgroup namespace/,
      /\/linux\/namespaces\/\d/,
    );
    failed(restore(idmapped.path), /cannot restore the idmapped mount on \/mnt/, /\/mounts\/\d/);
  });
});

test("a user is refused: criu needs the machine's root", () => {
  const bundle = newFolder("user");
  chmodSync(bundle, 0o777);
  mkdirSync(join(bundle, "state"), { mode: 0o777 });
  for (const args of [
    ["checkpoint", "x"],
    ["restore", "x"],
  ])
    failed(
      tsrun
        .calledBy("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups")
        .call(["--root", join(bundle, "state"), ...args], { cwd: bundle }),
      /saving and restoring processes takes the machine's root/,
    );
});

test("the root of a user namespace may search the directory of its images, or it is said how", () => {
  const bundle = shellBundle(WAITS, {
    edit: ({ linux }) => {
      linux.namespaces.push({ type: "user" });
      linux.uidMappings = [{ containerID: 0, hostID: HOST_UID, size: 1000 }];
      linux.gidMappings = [{ containerID: 0, hostID: HOST_UID + 1, size: 1000 }];
    },
  });
  const id = newId();
  const made = images();
  const theirs = newFolder("images");
  leavesNothing(() => {
    succeeded(tsrun.call(["run", "--detach", "-b", bundle.path, id]), "run");
    for (const path of [made, theirs]) {
      const env = { PATH: newFolder("empty") };
      failed(tsrun.call(["checkpoint", "--image-path", path, id], { env }), /no criu in PATH/);
    }
    succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
  });
  const { mode, gid } = statSync(made);
  assert.deepEqual([mode & 0o777, gid], [0o710, HOST_UID + 1]);
  assert.equal(statSync(theirs).mode & 0o777, 0o755, "a directory that was there is left alone");

  const restore = () =>
    tsrun.call(["restore", "-b", bundle.path, "--image-path", made, id], {
      env: { PATH: newFolder("empty") },
    });
  writeFileSync(join(made, "descriptors.json"), '["/dev/null","/dev/null","/dev/null"]');
  failed(restore(), /no criu in PATH/);
  chmodSync(made, 0o700);
  failed(
    restore(),
    new RegExp(`the host's user ${HOST_UID}, may not search the directory of the images, ${made}`),
    new RegExp(`chgrp ${HOST_UID + 1} ${made} && chmod g\\+x ${made}`),
    /\/linux\/uidMappings/,
  );
});

test("options with values that cannot be meant are refused", () => {
  const wrong: [string[], RegExp][] = [
    [["checkpoint", "--manage-cgroups-mode", "none", "x"], /expected soft, full, strict or ignore/],
    [["restore", "--manage-cgroups-mode", "none", "x"], /expected soft, full, strict or ignore/],
    [["checkpoint", "--empty-ns", "ipc", "x"], /only network can be empty/],
    [["checkpoint", "--status-fd", "0", "x"], /no descriptor that can be written to/],
    [["checkpoint", "--status-fd", "99", "x"], /no descriptor that can be written to/],
    [["checkpoint", "--status-fd", "one", "x"], /no descriptor that can be written to/],
    [["checkpoint", "--page-server", "somewhere", "x"], /expected address:port/],
    [["checkpoint", "--page-server", "::1:80", "x"], /expected address:port/],
    [["checkpoint", "--page-server", "host:65536", "x"], /expected address:port/],
  ];
  for (const [args, reason] of wrong) failed(tsrun.call(args), reason);
});
