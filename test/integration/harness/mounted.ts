/** Filesystems that a test mounts on the host, for containers to bind. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "./bundle.ts";

const mount = (type: string, options: string, folder: string): void => {
  execFileSync("mount", ["-t", type, "-o", options, "none", folder]);
};

/** Runs `use` with a folder where a filesystem is mounted, and with `below`, where one more is on its folder `below`. */
export function mounted(
  type: string,
  options: string,
  use: (folder: string) => void,
  below?: string,
): void {
  const folder = newFolder("mounted");
  mount(type, options, folder);
  try {
    if (below !== undefined) {
      mkdirSync(join(folder, "below"));
      mount("tmpfs", below, join(folder, "below"));
    }
    use(folder);
  } finally {
    execFileSync("umount", ["--recursive", folder]);
  }
}
