/** What has changed on a descriptor (epoll(7), "edge-triggered"), where poll(2) would go on saying what is so. */
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLLET,
  EPOLLIN,
  SYS_epoll_create1,
  SYS_epoll_ctl,
  SYS_epoll_pwait,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";

/** Room for a struct epoll_event, whose size depends on the architecture; `events` comes first in all of them. */
const EVENT_SIZE = 16;

/** A descriptor that is readable (poll(2)) from the next change on `fd` to the next `takeChange`. */
export function openChanges(fd: number): number {
  const changes = check(syscall(SYS_epoll_create1, EPOLL_CLOEXEC), "epoll_create1");
  const event = new Uint8Array(EVENT_SIZE);
  new DataView(event.buffer).setUint32(0, (EPOLLIN | EPOLLET) >>> 0, true);
  check(syscall(SYS_epoll_ctl, changes, EPOLL_CTL_ADD, fd, event), "epoll_ctl", fd);
  return changes;
}

/** Forgets the changes that there have been. */
export function takeChange(changes: number): void {
  check(
    syscall(SYS_epoll_pwait, changes, new Uint8Array(EVENT_SIZE), 1, 0, null, 0),
    "epoll_pwait",
    changes,
  );
}
