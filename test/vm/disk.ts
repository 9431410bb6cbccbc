/** File systems on disks, made and read without mounting them. */
import { execFileSync } from "node:child_process";

const SPACE_MIB = 2048;

/** Makes a disk that holds what is in a folder, with space for more. */
export function makeDisk(disk: string, folder: string): void {
  const used = Number(execFileSync("du", ["-sm", folder], { encoding: "utf8" }).split("\t")[0]);
  execFileSync("mke2fs", [
    ...["-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=0", "-d", folder],
    ...[disk, `${SPACE_MIB + 2 * used}M`],
  ]);
}

/** Copies a folder in the root of a disk into a folder of the host. */
export function readDisk(disk: string, folder: string, into: string): void {
  execFileSync("debugfs", ["-R", `rdump /${folder} ${into}`, disk], { stdio: "ignore" });
}
