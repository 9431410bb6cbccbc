/** linux.rootfsPropagation on a host whose mounts are all shared, as systemd makes them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shellBundle } from "./harness/bundle.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** Shell: runs a command where every mount is shared; fails with the difference that it made to the mounts. */
const WATCHED = `
  mounts() { cut -d ' ' -f 5- /proc/self/mountinfo; }
  mounts > /run/before; "$@"; status=$?; mounts > /run/after
  diff /run/before /run/after >&2 || status=99
  rm /run/before /run/after
  exit $status`;

/** tsrun in a mount namespace of its own, so that what it leaves there harms nobody. */
const onSharedHost = new Runtime("tsrun", [
  ...["unshare", "--mount", "--propagation", "shared", "sh", "-c", WATCHED, "sh"],
  tsrunPath,
]);

/** Shell: the optional fields of the root's line in mountinfo (proc_pid_mountinfo(5)). */
const PROPAGATION_OF_ROOT = `
  while read -r id parent device root point options fields; do
    [ "$point" = / ] && echo "\${fields%%- *}"
  done < /proc/self/mountinfo; true`;

const EXPECTED: Record<string, RegExp> = {
  private: /^\n$/,
  rprivate: /^\n$/,
  slave: /^(master:\d+ )?\n$/,
  rslave: /^(master:\d+ )?\n$/,
  unbindable: /^unbindable \n$/,
  runbindable: /^unbindable \n$/,
  shared: /^shared:\d+ \n$/,
  rshared: /^shared:\d+ \n$/,
};

for (const [propagation, expected] of Object.entries(EXPECTED)) {
  test(`rootfsPropagation ${propagation} leaves no mount on a host whose mounts are shared`, () => {
    const bundle = shellBundle(PROPAGATION_OF_ROOT, {
      edit: (config) => {
        config.linux.rootfsPropagation = propagation;
        config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs" });
      },
    });
    const { stdout } = succeeded(onSharedHost.call(["run", "-b", bundle.path, newId()]));
    assert.match(stdout, expected);
  });
}
