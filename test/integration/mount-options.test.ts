/** Options of mounts (specification, "Linux mount options"; mount(8)), on the kernel and beside runc and crun. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { alike, mountsBelow, printed } from "./harness/alike.ts";
import { type Bundle, shellBundle } from "./harness/bundle.ts";
import { recentRunc } from "./harness/cgroup.ts";
import type { Config, Mount } from "./harness/config.ts";
import { failed } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { mounted } from "./harness/mounted.ts";
import { crun, newId, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** A container with these mounts more, that prints its mounts on /mnt. */
const mounting = (
  mounts: Mount[],
  script = mountsBelow("/mnt"),
  edit?: (config: Config) => void,
): Bundle =>
  shellBundle(script, {
    edit: (config) => {
      config.mounts.push(...mounts);
      edit?.(config);
    },
  });

const bind = (source: string, ...options: string[]): Mount => ({
  destination: "/mnt",
  type: "bind",
  source,
  options,
});

const tmpfs = (...options: string[]): Mount => ({
  destination: "/mnt",
  type: "tmpfs",
  source: "tmpfs",
  options: ["mode=755", ...options],
});

/** Those of which crun 1.8.1 knows less, or which it takes for others. */
const BEYOND_CRUN = /symfollow|r\w*atime|ro,r?rw/;

describe("a bind mount of two filesystems has the options", () => {
  const lists = [
    ...["ro", "rw", "nosuid,nodev,noexec", "suid,dev,exec", "noatime", "nodiratime"],
    ...["strictatime", "relatime", "noatime,nodiratime,ro", "ro,rw", "nosymfollow"],
    ...["rro", "rro,rnosuid,rnodev,rnoexec", "rrw", "ro,rnosuid", "ro,rrw", "rslave", "rprivate"],
    ...["rnoatime", "rnodiratime", "rstrictatime", "rrelatime", "rnosymfollow"],
    ...["rsuid,rdev,rexec", "rsuid,rdev,rexec,rdiratime,rsymfollow"],
  ];
  for (const list of lists)
    test(list, () => {
      mounted(
        "tmpfs",
        "rw",
        (folder) => {
          const bundle = mounting([bind(folder, "rbind", ...list.split(","))]);
          alike(bundle, runc, ...(BEYOND_CRUN.test(list) ? [] : [crun]));
        },
        "nosuid,noexec",
      );
    });

  test("ratime and rnostrictatime, which clear what is there", () => {
    mounted(
      "tmpfs",
      "noatime",
      (folder) => {
        const { length } = [
          ...printed(mounting([bind(folder, "rbind", "ratime")])).matchAll(/relatime/g),
        ];
        assert.equal(length, 2);
      },
      "noatime",
    );
  });

  // "Do not use the relatime feature" (mount(8)); runc leaves relatime, since mount(2) has no word for it.
  test("rnorelatime: each access counts", () => {
    mounted(
      "tmpfs",
      "rw",
      (folder) => {
        const bundle = mounting([bind(folder, "rbind", "rnorelatime")]);
        assert.match(printed(bundle), /^\/ \/mnt rw - .*\n\/ \/mnt\/below rw - .*\n$/);
      },
      "rw",
    );
  });

  test("recursive ones in the release of runc that is measure", needs("recent runc"), () => {
    for (const list of ["rro", "rnoatime,rnosuid", "rrelatime", "rnosymfollow", "rro,rrw"])
      mounted(
        "tmpfs",
        "nodev",
        (folder) => {
          alike(mounting([bind(folder, "rbind", ...list.split(","))]), recentRunc);
        },
        "noexec",
      );
  });
});

describe("a new filesystem has the options", () => {
  const lists = [
    ...[
      "ro",
      "nosuid,nodev,noexec,noatime",
      "nodiratime",
      "sync",
      "dirsync",
      "size=1m,nr_inodes=10",
    ],
    ...["mode=1777", "uid=5,gid=6"],
  ];
  for (const list of lists)
    test(list, () => {
      // runc 1.1 changes even a mode that was given to that of the folder, after it has mounted.
      alike(mounting([tmpfs(...list.split(","))]), crun);
    });

  test("rro, for what a recursive option is as good as another", () => {
    assert.match(printed(mounting([tmpfs("rro", "rnoexec")])), /^\/ \/mnt ro,noexec,relatime - /);
  });

  test("of mount(8): user implies noexec, nosuid and nodev; those of other programs are nothing", () => {
    const options = ["user", "exec", "noauto", "_netdev", "x-systemd.automount", "X-mount.mkdir"];
    assert.match(printed(mounting([tmpfs(...options)])), /^\/ \/mnt rw,nosuid,nodev,relatime - /);
  });

  test("nofail: without its source there is no mount, and a warning", () => {
    const bundle = mounting([
      bind("/nowhere", "bind", "nofail"),
      { ...tmpfs(), destination: "/tmp" },
    ]);
    const { status, stdout, stderr } = tsrun.call(["run", "--bundle", bundle.path, newId()]);
    assert.deepEqual([status, stdout], [0, ""]);
    assert.match(stderr, /nothing is mounted on \/mnt: there is no \/nowhere/);
  });
});

describe("a tmpfs that is read-only", () => {
  test("has places for other mounts, and becomes read-only with them", () => {
    const mounts = [tmpfs("ro"), { ...tmpfs("size=4k"), destination: "/mnt/a/b" }];
    const script = `${mountsBelow("/mnt")}; echo x 2>/dev/null > /mnt/file || echo read-only`;
    assert.match(alike(mounting(mounts, script), crun), /read-only\n$/);
  });

  test("is open to hooks until then, as with runc", () => {
    const bundle = mounting(
      [tmpfs("ro")],
      "ls /mnt; mkdir /mnt/other 2>/dev/null || echo read-only",
      (config) => {
        const path = "/usr/bin/mkdir";
        config.hooks = { createContainer: [{ path, args: ["mkdir", "rootfs/mnt/hooked"] }] };
      },
    );
    assert.equal(printed(bundle), "hooked\nread-only\n");
  });
});

describe("remount", () => {
  test("changes what an earlier entry has mounted, its filesystem as well", () => {
    const again = tmpfs("remount", "size=128k", "noexec", "ro");
    alike(mounting([tmpfs("size=64k"), again]), crun);
  });

  test("with bind changes the mount, whatever source it names", () => {
    mounted("tmpfs", "rw", (folder) => {
      const mounts = [
        bind(folder, "bind", "nodev"),
        bind(folder, "bind", "remount", "ro", "nosuid"),
      ];
      // runc and crun clear what is not said again, as mount(2) does it.
      assert.match(printed(mounting(mounts)), /^\/ \/mnt ro,nosuid,nodev,relatime - /);
    });
  });

  test("is refused where nothing is mounted", () => {
    const { path, config } = mounting([tmpfs("remount", "ro")]);
    const pointer = new RegExp(`/mounts/${config.mounts.length - 1}`);
    leavesNothing(() =>
      failed(tsrun.call(["run", "-b", path, newId()]), pointer, /nothing is mounted on \/mnt/),
    );
  });

  test("is refused with an option that cannot be changed", () => {
    const { path } = mounting([tmpfs(), { ...tmpfs(), options: ["remount", "nosuchoption=1"] }]);
    leavesNothing(() =>
      failed(tsrun.call(["run", "-b", path, newId()]), /nosuchoption/, /EINVAL/, /can be changed/),
    );
  });
});

describe("values that are longer than fsconfig(2) takes", () => {
  /** An overlay of so many layers, whose names take some 60 bytes each. */
  function overlay(count: number, edit: (options: string[]) => void = () => {}): Bundle {
    return shellBundle(`ls /mnt | wc -l; ${mountsBelow("/mnt")} | sed 's/lowerdir.*//'`, {
      prepare: (_, bundle) => {
        for (let i = 0; i < count; i++) {
          const layer = join(bundle, `layer-with-a-long-name-${i}`);
          mkdirSync(layer);
          writeFileSync(join(layer, `file-${i}`), "");
        }
        for (const folder of ["upper", "work"]) mkdirSync(join(bundle, folder));
      },
      edit: (config, bundle) => {
        const layers = Array.from({ length: count }, (_, i) =>
          join(bundle, `layer-with-a-long-name-${i}`),
        );
        const options = [`lowerdir=${layers.join(":")}`];
        edit(options);
        config.mounts.push({ destination: "/mnt", type: "overlay", source: "overlay", options });
      },
    });
  }

  // The folder of the tests is a tmpfs, which cannot be the upper layer before Linux 6.6.
  for (const count of [2, 40])
    test(`an overlay of ${count} layers, as runc and crun have it`, () => {
      assert.match(alike(overlay(count), runc, crun), new RegExp(`^${count}\n`));
    });

  test("more layers than fit into the page of mount(2)", () => {
    assert.match(printed(overlay(110)), /^110\n/);
  });

  test("other values go through mount(2), which leaves nothing behind", () => {
    const size = `size=${"0".repeat(300)}10000`;
    const mounts = [
      tmpfs("nosuid", "noatime", "sync", size),
      { ...tmpfs("ro", size), destination: "/mnt/a" },
    ];
    const bundle = mounting(mounts, `${mountsBelow("/mnt")}; wc -l < /proc/self/mountinfo`);
    alike(bundle, crun);
  });

  test("what the page of mount(2) does not hold is refused, never cut off", () => {
    const { path } = mounting([tmpfs(`size=${"0".repeat(5000)}10000`)]);
    leavesNothing(() => failed(tsrun.call(["run", "-b", path, newId()]), /longer than 4095 bytes/));
  });

  test("a comma in one is refused: it would end it", () => {
    const { path } = mounting([tmpfs(`size=${"0".repeat(300)},mode=777`)]);
    leavesNothing(() => failed(tsrun.call(["run", "-b", path, newId()]), /has a comma/));
  });

  test("relative layers begin in the bundle, as with crun", () => {
    const bundle = overlay(2, (options) => {
      options[0] = "lowerdir=layer-with-a-long-name-0:layer-with-a-long-name-1";
    });
    assert.match(printed(bundle), /^2\n/);
  });
});
