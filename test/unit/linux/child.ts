/** Processes for tests in the binary. */
import { MFD_CLOEXEC, SEEK_SET } from "#abi";
import { close, dup, lseek, memfd, readBytes, writeAll } from "../../../src/linux/fs.ts";
import { type Ending, exit, spawn, wait } from "../../../src/linux/process.ts";
import { decode } from "../../../src/linux/text.ts";

export interface Ended {
  ending: Ending | undefined;
  /** What the child wrote to its standard output and standard error. */
  output: string;
}

/** Runs `body` in a child with new namespaces (`flags` are CLONE_NEW*), to its end. */
export function runChild(body: () => never, flags = 0): Ended {
  const file = memfd("output", MFD_CLOEXEC);
  const { pidfd } = spawn({ flags }, () => {
    dup(file, 1);
    dup(file, 2);
    return body();
  });
  const ending = wait(pidfd);
  close(pidfd);
  lseek(file, 0, SEEK_SET);
  const output = decode(readBytes(file));
  close(file);
  return { ending, output };
}

/** A part of a test that needs a process of its own: what fails there fails here. */
export function inChild(part: () => void, flags = 0): void {
  const { ending, output } = runChild(() => {
    try {
      part();
    } catch (error) {
      writeAll(1, `${(error as Error).message}\n${(error as Error).stack}`);
      exit(1);
    }
    return exit(0);
  }, flags);
  if (!ending || !("exited" in ending) || ending.exited !== 0)
    throw new Error(`the child ended with ${JSON.stringify(ending)}: ${output}`);
}
