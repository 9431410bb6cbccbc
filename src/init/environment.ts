/** process.env, with the HOME that programs expect even where config.json does not give one. */
import { O_NOCTTY, O_NONBLOCK, O_PATH, O_RDONLY, S_IFMT, S_IFREG } from "#abi";
import { Errno } from "../linux/errno.ts";
import { findInRoot, openInRoot, readBytes, stat, using } from "../linux/fs.ts";
import { decode } from "../linux/text.ts";
import { lookupEnv } from "./executable.ts";

/** An image's passwd is not trusted to be small. */
const PASSWD_MAX = 1 << 20;
const NEWLINE = 0x0a;

/** A longer line of passwd is nobody's. */
const LINE_MAX = 4096;

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
  const bytes = readPasswd(root) ?? new Uint8Array(0);
  // Lines are compared as Latin-1, so that a name in another encoding in one line does not cost the others.
  const fields = latin1Lines(bytes)
    .map((line) => line.split(":"))
    .find((line) => line[2] === String(uid));
  return utf8(fields?.[5]) || "/";
}

/** An image may put anything there: only a plain file of reasonable size is opened, and what cannot be read is not there. */
function readPasswd(root: number): Uint8Array | undefined {
  try {
    const found = findInRoot(root, "/etc/passwd", O_PATH);
    if (found === undefined) return undefined;
    return using(found, () => {
      const { mode, size } = stat(found);
      if ((mode & S_IFMT) !== S_IFREG || size > PASSWD_MAX) return undefined;
      const flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
      return using(openInRoot(root, "/etc/passwd", flags), (fd) => readBytes(fd, PASSWD_MAX));
    });
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
}

/** A home whose name is not UTF-8 counts as none. */
function utf8(latin1: string | undefined): string | undefined {
  try {
    return latin1 && decode(Uint8Array.from(latin1, (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

function latin1Lines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start);
    const line = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (line.length <= LINE_MAX) lines.push(String.fromCharCode(...line));
    start += line.length + 1;
  }
  return lines;
}
