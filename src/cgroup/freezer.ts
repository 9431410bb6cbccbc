/** Freezing a group: its processes, and those of the groups below it, stop until it is thawed (cgroup.freeze). */
import { O_RDONLY, O_WRONLY, POLLPRI } from "#abi";
import { Failure } from "../failure.ts";
import { openAt, readText, rereadText, using, writeText } from "../linux/fs.ts";
import { poll } from "../linux/signals.ts";

/** How long the processes may take: one that waits for a disk or a dead server stops when it comes back. */
const FREEZE_WAIT_MS = 10_000;

/** Freezes a group and waits until all its processes have stopped. Throws a Failure, and then it is thawed again. */
export function freeze(group: number): void {
  using(openAt(group, "cgroup.events", O_RDONLY), (events) => {
    writeText("cgroup.freeze", "1", O_WRONLY, group);
    const deadline = Date.now() + FREEZE_WAIT_MS;
    while (!/^frozen 1$/m.test(rereadText(events))) {
      const left = deadline - Date.now();
      if (left > 0) poll([{ fd: events, events: POLLPRI }], left);
      else {
        thaw(group);
        throw new Failure(`not all processes stopped within ${FREEZE_WAIT_MS / 1000} s`, {
          hint: "one of them waits in the kernel, for a disk or a network filesystem perhaps",
        });
      }
    }
  });
}

/** Lets the processes go on. A group above that is frozen keeps them frozen. Throws Errno. */
export const thaw = (group: number): void => writeText("cgroup.freeze", "0", O_WRONLY, group);

/** Whether the group itself was frozen; the root group cannot be. Throws Errno. */
export const isFrozen = (group: number): boolean =>
  readText("cgroup.freeze", group).startsWith("1");
