/** Places for tests to write to. */
import { AT_FDCWD, DT_DIR, O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY } from "#abi";
import { env } from "#host";
import {
  mkdirAt,
  open,
  openAt,
  readDirectory,
  rmdirAt,
  unlinkAt,
  using,
  writeText,
} from "../../../src/linux/fs.ts";
import { getpid } from "../../../src/linux/process.ts";

let made = 0;

/** Runs `use` in a new directory, which is removed with all that is in it. */
export function inScratch(use: (directory: number, path: string) => void): void {
  const path = `${env("TMPDIR") ?? "/tmp"}/tsrun-unit-${getpid()}-${made++}`;
  mkdirAt(AT_FDCWD, path, 0o755);
  try {
    using(open(path, O_RDONLY | O_DIRECTORY), (directory) => use(directory, path));
  } finally {
    using(open(path, O_RDONLY | O_DIRECTORY), empty);
    rmdirAt(AT_FDCWD, path);
  }
}

function empty(directory: number): void {
  for (const { name, type } of readDirectory(directory))
    if (type === DT_DIR) {
      using(openAt(directory, name, O_RDONLY | O_DIRECTORY), empty);
      rmdirAt(directory, name);
    } else unlinkAt(directory, name);
}

export function makeFile(directory: number, name: string, text = ""): void {
  writeText(name, text, O_CREAT | O_WRONLY, directory, 0o644);
}

/** How many descriptors this process has. In Node fewer than a moment ago are no news: it closes its own when it likes. */
export const descriptorCount = (): number =>
  using(open("/proc/self/fd", O_RDONLY | O_DIRECTORY), (fd) => readDirectory(fd).length);
