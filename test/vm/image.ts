/** The guest's image, made once for each recipe and kept for all checkouts. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const recipe = join(import.meta.dirname, "guest");

/** A digest of the names, permissions and contents of all files in a folder. */
export function keyOf(folder: string): string {
  const hash = createHash("sha256");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  for (const name of names) {
    const path = join(folder, name);
    const stats = statSync(path);
    if (!stats.isFile()) continue;
    const content = readFileSync(path);
    hash.update(`${name}\0${(stats.mode & 0o111) !== 0}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

/** The files that a machine is started from, in a folder of their own. */
export interface Image {
  readonly folder: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
  readonly swap: string;
}

/** Finds the image, or makes it, which takes minutes. Of several callers one makes it. */
export function image(): Image {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tsrun", "vm");
  const folder = join(cache, keyOf(recipe));
  mkdirSync(cache, { recursive: true });
  execFileSync(
    "flock",
    [join(cache, "lock"), join(import.meta.dirname, "make-image.sh"), recipe, folder],
    { stdio: ["ignore", 2, 2] },
  );
  const file = (name: string): string => join(folder, name);
  return {
    folder,
    kernel: file("kernel"),
    initrd: file("initrd"),
    root: file("root.ext4"),
    swap: file("swap"),
  };
}
