/** Runs a task in a machine of its own. */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { makeDisk, readDisk } from "./disk.ts";
import { image } from "./image.ts";
import { boot, type Ending } from "./machine.ts";

export interface Task {
  /** A copy of it becomes /job; an empty one without it. */
  readonly folder: string | undefined;
  /** A shell script that runs as root in /job. */
  readonly command: string;
  /** Where the content of /job/out goes on the host, if the command makes that folder. */
  readonly results: string | undefined;
  readonly terminal: boolean;
  /** By default stdout. */
  readonly output?: Writable;
  /** Seconds until the machine is taken for hung. */
  readonly deadline: number;
}

/** Boots the guest, and waits for the task's end. */
export async function run(task: Task): Promise<Ending> {
  const made = image();
  const scratch = mkdtempSync(join(tmpdir(), "tsrun-vm-"));
  try {
    const disk = join(scratch, "disk");
    makeDisk(disk, task.folder ?? mkdtempSync(join(scratch, "empty-")));
    const ending = await boot(made, { output: process.stdout, ...task, disk, scratch });
    if (task.results !== undefined) takeResults(disk, scratch, task.results);
    return ending;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function takeResults(disk: string, scratch: string, results: string): void {
  readDisk(disk, "out", scratch);
  const out = join(scratch, "out");
  if (existsSync(out)) cpSync(out, results, { recursive: true });
}
