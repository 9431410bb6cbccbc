/** The container's terminal: a pty of its own devpts, its slave on the standard streams and on /dev/console. */

import type { Box } from "@opencontainers-types";
import {
  DEVPTS_SUPER_MAGIC,
  O_DIRECTORY,
  O_NOCTTY,
  O_PATH,
  O_RDWR,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFCHR,
  S_IFMT,
  S_IFREG,
} from "#abi";
import { Failure } from "../failure.ts";
import { close, dup, filesystemType, openAt, openInRoot, stat, using } from "../linux/fs.ts";
import { attachMount, cloneMount } from "../linux/mount.ts";
import { openPeer, setControllingTerminal, setWindowSize } from "../linux/tty.ts";
import type { InitEnd } from "./channel.ts";
import { makeFile } from "./inRoot.ts";

export interface Terminal {
  master: number;
  slave: number;
}

/**
 * Opens a new pty of the container's own devpts instance. An image's imitation, or what a container has put in its place, is
 * refused before it is opened: opening a device may do anything.
 */
export function openTerminal(root: number, size: Box | undefined): Terminal {
  const master = using(openInRoot(root, "/dev/pts", O_PATH | O_DIRECTORY), (pts) => {
    if (filesystemType(pts) !== DEVPTS_SUPER_MAGIC)
      throw new Failure("a terminal needs a devpts filesystem on /dev/pts", {
        pointer: "/process/terminal",
        hint: 'add a mount of type "devpts" on /dev/pts, or set process.terminal to false',
      });
    return openAt(pts, "ptmx", O_RDWR | O_NOCTTY, {
      resolve: RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    });
  });
  const slave = openPeer(master);
  if (size) setWindowSize(slave, { rows: Number(size.height), columns: Number(size.width) });
  return { master, slave };
}

/** Hands the master to the maker of this process. */
export function giveTerminal(channel: InitEnd, { master }: Terminal): void {
  channel.send({ type: "console" }, [master]);
  close(master);
}

/**
 * Binds the terminal on /dev/console. What is mounted is the very descriptor and where it goes is checked to be a plain
 * file or a device, never a link (CVE-2025-52565).
 */
export function mountConsole(dev: number, slave: number): void {
  using(makeFile(dev, "console", 0o666), (target) => {
    const type = stat(target).mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFCHR)
      throw new Failure("the container's /dev/console is neither a file nor a device");
    using(cloneMount(slave), (mount) => attachMount(mount, target));
  });
}

/** Makes the slave the standard streams and the session's controlling terminal. */
export function adoptTerminal({ slave }: Terminal): void {
  for (const fd of [0, 1, 2]) dup(slave, fd);
  close(slave);
  setControllingTerminal(0);
}
