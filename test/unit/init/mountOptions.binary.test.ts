/** What the options of the specification's table become is taken by the kernel. Needs root. */
import { equal, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import { CLONE_NEWNS, O_DIRECTORY, O_PATH } from "#abi";
import { parseMountOptions } from "../../../src/init/mountOptions.ts";
import { mkdirAt, open, using } from "../../../src/linux/fs.ts";
import { attachMount, createMount, setMountAttributes } from "../../../src/linux/mount.ts";
import { mountInfo } from "../../../src/linux/proc.ts";
import { inChild } from "../linux/child.ts";
import { inScratch } from "../linux/scratch.ts";

/** An option, and how mountinfo shows it; undefined where it does not. */
const OPTIONS: [option: string, mount: string | undefined, superblock?: string][] = [
  ["ro", "ro"],
  ["rw", "rw"],
  ["nosuid", "nosuid"],
  ["suid", undefined],
  ["nodev", "nodev"],
  ["dev", undefined],
  ["noexec", "noexec"],
  ["exec", undefined],
  ["noatime", "noatime"],
  ["atime", "relatime"],
  ["relatime", "relatime"],
  ["nostrictatime", "relatime"],
  ["strictatime", undefined],
  ["norelatime", undefined],
  ["nodiratime", "nodiratime"],
  ["diratime", undefined],
  ["nosymfollow", "nosymfollow"],
  ["symfollow", undefined],
  ["sync", undefined, "sync"],
  ["async", undefined],
  ["dirsync", undefined, "dirsync"],
  ["lazytime", undefined, "lazytime"],
  ["nolazytime", undefined],
  ["mand", undefined, "mand"],
  ["nomand", undefined],
  ["silent", undefined],
  ["loud", undefined],
  ["iversion", undefined],
  ["noiversion", undefined],
  ["defaults", "rw"],
  ["user", "noexec"],
  ["group", "nosuid"],
  ["noauto", undefined],
];

describe("a tmpfs with", () => {
  for (const [option, shown, superblock] of OPTIONS)
    test(option, () => {
      inScratch((dir, path) => {
        mkdirAt(dir, "mnt", 0o755);
        inChild(() => {
          const { attributes, parameters } = parseMountOptions([option]);
          using(createMount("tmpfs", parameters, attributes.set), (fd) => {
            setMountAttributes(fd, attributes);
            using(open(`${path}/mnt`, O_PATH | O_DIRECTORY), (target) => attachMount(fd, target));
          });
          const found = mountInfo().findLast(({ mountPoint }) => mountPoint === `${path}/mnt`);
          const all = found?.options.join(",") ?? "no mount";
          if (shown) ok(found?.options.includes(shown), all);
          if (/^(strict|norel)atime$/.test(option)) equal(all, "rw");
          if (superblock) ok(found?.superOptions.includes(superblock), found?.superOptions.join());
        }, CLONE_NEWNS);
      });
    });
});
