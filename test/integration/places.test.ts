/** Places of the container that config.json and the image dispute: mounts, devices, links, the working directory. */
import assert from "node:assert/strict";
import { readFileSync, rmdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, type Outcome, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const runs = (bundle: { path: string }): Outcome => tsrun.call(["run", "-b", bundle.path, newId()]);

test("a working directory that is missing is made, in a read-only root too", () => {
  const bundle = shellBundle("pwd; touch here 2>/dev/null || echo read-only", {
    edit: (config) => {
      config.process.cwd = "/srv/made/deep";
      config.root.readonly = true;
    },
  });
  assert.equal(succeeded(runs(bundle)).stdout, "/srv/made/deep\nread-only\n");
});

test("a device bound over a default one works, and stays", () => {
  const bundle = shellBundle("stat -c %t:%T /dev/random; head -c 8 /dev/random | wc -c", {
    edit: (config) =>
      config.mounts.push({
        destination: "/dev/random",
        type: "bind",
        source: "/dev/urandom",
        options: ["bind"],
      }),
  });
  assert.equal(succeeded(runs(bundle)).stdout, "1:9\n8\n");
});

test("a configured device does not replace a file that is seen through a bind mount", () => {
  const host = newFolder("host");
  writeFileSync(join(host, "thing"), "of the host");
  const bundle = makeBundle(["true"], {
    edit: (config) => {
      config.mounts.push({ destination: "/mnt", source: host, options: ["bind", "rw"] });
      config.linux.devices = [{ path: "/mnt/thing", type: "c", major: 1, minor: 3 }];
    },
  });
  leavesNothing(() => failed(runs(bundle), /\/linux\/devices\/0/, /\/mnt\/thing/));
  assert.ok(statSync(join(host, "thing")).isFile());
  assert.equal(readFileSync(join(host, "thing"), "utf8"), "of the host");
});

test("a mount below a link that leads nowhere yet is made where the link points, in the root", () => {
  const inHost = join(newFolder("host"), "run");
  for (const target of ["/run", "../run", inHost]) {
    const bundle = shellBundle(
      'grep -c " /var/run/secrets \\| .*run/secrets " /proc/self/mountinfo',
      {
        prepare: (rootfs) => {
          rmdirSync(join(rootfs, "run"));
          rmSync(join(rootfs, "var/run"), { force: true });
          symlinkSync(target, join(rootfs, "var/run"));
        },
        edit: (config) =>
          config.mounts.push({ destination: "/var/run/secrets", type: "tmpfs", source: "tmpfs" }),
      },
    );
    assert.equal(succeeded(runs(bundle)).stdout, "1\n", target);
    const inside = join(bundle.rootfs, target.startsWith("/") ? target : "run", "secrets");
    assert.ok(statSync(inside).isDirectory(), `${inside} was not made`);
  }
  assert.throws(() => statSync(inHost), /ENOENT/, "made on the host");
});

test("recursive options count for a new filesystem too: rro on a tmpfs", () => {
  const bundle = shellBundle("(touch /mnt/file) 2>/dev/null && echo written; true", {
    edit: (config) =>
      config.mounts.push({
        destination: "/mnt",
        type: "tmpfs",
        source: "tmpfs",
        options: ["rro"],
      }),
  });
  assert.equal(succeeded(runs(bundle)).stdout, "");
});
