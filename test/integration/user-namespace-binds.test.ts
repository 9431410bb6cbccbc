/** Bind mounts in a user namespace of the container's own, where the flags of the host's mounts are locked. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config } from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** A container with a mount of `source` on /mnt. */
function binding(
  source: string,
  options: string[],
  script: string,
  edit: (config: Config) => void = addUserNamespace,
): Bundle {
  return shellBundle(script, {
    edit: (config) => {
      edit(config);
      config.mounts.push({ destination: "/mnt", type: "bind", source, options });
    },
  });
}

/** Runs `use` with a folder where a filesystem is mounted. */
function mounted(type: string, options: string, use: (folder: string) => void): void {
  const folder = newFolder("mounted");
  execFileSync("mount", ["-t", type, "-o", options, "none", folder]);
  try {
    use(folder);
  } finally {
    execFileSync("umount", ["--recursive", folder]);
  }
}

function output({ path }: Bundle): string {
  return succeeded(tsrun.call(["run", "--bundle", path, newId()])).stdout;
}

const FLAGS = "grep -o ' /mnt [a-z,]*' /proc/self/mountinfo";

const LOCKED = "ro,nosuid,nodev,noexec,relatime";

// Later releases of runc refuse to clear what is locked, and those of crun lose it.
for (const options of [["rw"], ["suid", "dev", "exec"], ["rw", "suid", "relatime"]])
  test(`${options} leave a mount as it is that is locked`, () => {
    mounted("tmpfs", LOCKED, (folder) => {
      assert.equal(output(binding(folder, ["rbind", ...options], FLAGS)), ` /mnt ${LOCKED}\n`);
    });
  });

test("access times that are locked stay, and what is not locked changes", () => {
  mounted("tmpfs", "nosuid,noatime", (folder) => {
    const bundle = binding(folder, ["bind", "rw", "suid", "relatime", "noexec"], FLAGS);
    assert.equal(output(bundle), " /mnt rw,nosuid,noexec,noatime\n");
  });
});

test("without a user namespace nothing is locked", () => {
  mounted("tmpfs", "ro,nosuid,noatime", (folder) => {
    const bundle = binding(folder, ["bind", "rw", "suid", "relatime"], FLAGS, () => {});
    assert.equal(output(bundle), " /mnt rw,relatime\n");
  });
});

/** [what, options of the source's mount, those of the bind, the error]. */
const EXPLAINED: [string, string, string[], ...RegExp[]][] = [
  ["a flag of all mounts below", "ro", ["rbind", "rrw"], /EPERM/, /locked in a user namespace/],
  ["a mount below that would be uncovered", "rw", ["bind"], /EINVAL/, /use rbind/],
];

for (const [name, given, options, ...patterns] of EXPLAINED)
  test(`what the kernel refuses is explained: ${name}`, () => {
    mounted("tmpfs", "rw", (folder) => {
      mkdirSync(join(folder, "below"));
      execFileSync("mount", ["-t", "tmpfs", "-o", given, "none", join(folder, "below")]);
      const { path, config } = binding(folder, options, "true");
      const pointer = new RegExp(`/mounts/${config.mounts.length - 1}`);
      leavesNothing(() => failed(tsrun.call(["run", "-b", path, newId()]), pointer, ...patterns));
    });
  });

test("a link of /proc to an open file is not followed, and named", () => {
  const { path } = binding("/proc/self/fd/0", ["bind"], "true");
  leavesNothing(() =>
    failed(tsrun.call(["run", "-b", path, newId()]), /\/proc\/self\/fd\/0/, /is not followed/),
  );
});

for (const [where, edit] of [
  ["", () => {}],
  [" in a user namespace", addUserNamespace],
] as const)
  test(`what belongs to an automount point is bound, not the point itself${where}`, (t) => {
    mounted("debugfs", "rw", (folder) => {
      const point = join(folder, "tracing");
      if (!existsSync(point)) return t.skip("the kernel has no tracefs");
      const type = "grep -o ' /mnt .*- [a-z]*' /proc/self/mountinfo | sed 's/.* //'";
      assert.equal(output(binding(point, ["bind"], type, edit)), "tracefs\n");
    });
  });

test("of several mounts on /dev the last one counts", () => {
  const bundle = binding("/tmp", ["bind"], "echo x > /dev/null && echo written", (config) => {
    addUserNamespace(config);
    const options = ["rbind"];
    config.mounts.unshift({ destination: "/dev", type: "bind", source: "/dev", options });
  });
  assert.equal(output(bundle), "written\n");
});
