/** process.env, with the HOME that programs expect even where config.json does not give one. */
import { O_NOCTTY, O_NONBLOCK, O_PATH, O_RDONLY, S_IFMT, S_IFREG } from "#abi";
import { Errno } from "../linux/errno.ts";
import { findInRoot, openInRoot, readBytes, stat, using } from "../linux/fs.ts";
import { userField } from "../linux/passwd.ts";
import { lookupEnv } from "./executable.ts";

/** An image's passwd is not trusted to be small. */
const PASSWD_MAX = 1 << 20;

/** The environment of the process: the last value of a name wins, HOME is added as runc does. */
export function environmentOf(env: readonly string[], root: number, uid: number): string[] {
  const unique = [
    ...new Map(env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry])).values(),
  ];
  return lookupEnv(unique, "HOME")
    ? unique
    : [...unique.filter((entry) => !entry.startsWith("HOME=")), `HOME=${homeOf(root, uid)}`];
}

/** What tells a program of the sockets that it inherits, from descriptor 3 on (sd_listen_fds(3)). */
export const listenVariables = (count: number): string[] => [`LISTEN_FDS=${count}`, "LISTEN_PID=1"];

/** The home directory that the container's /etc/passwd gives a user (passwd(5)), or `/`. */
function homeOf(root: number, uid: number): string {
  const passwd = readPasswd(root);
  return (passwd && userField(passwd, uid, "home")) || "/";
}

/** An image may put anything there: only a plain file is opened and read, and what cannot be read is not there. */
function readPasswd(root: number): Uint8Array | undefined {
  try {
    const found = findInRoot(root, "/etc/passwd", O_PATH);
    if (found === undefined || !using(found, isPlain)) return undefined;
    // What opens may be another one by now.
    return using(openInRoot(root, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY), (fd) =>
      isPlain(fd) ? readBytes(fd, PASSWD_MAX) : undefined,
    );
  } catch (error) {
    // A RangeError: it has grown.
    if (error instanceof Errno || error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * A file with contents of its own. Those of the kernel, as in /proc, have no size, and reading them with the privilege of
 * this process may tell or change something: /proc/kmsg hands out the host's log.
 */
function isPlain(fd: number): boolean {
  const { mode, size } = stat(fd);
  return (mode & S_IFMT) === S_IFREG && size > 0 && size <= PASSWD_MAX;
}
