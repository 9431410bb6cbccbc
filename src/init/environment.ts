/** process.env, with the HOME that programs expect even where config.json does not give one. */
import { O_RDONLY } from "#abi";
import { findInRoot, readBytes, using } from "../linux/fs.ts";
import { lookupEnv } from "./executable.ts";

/** An image's passwd is not trusted to be small. */
const PASSWD_MAX = 1 << 20;
const NEWLINE = 0x0a;

/** The environment of the process: the last value of a name wins, HOME is added as runc does. */
export function environmentOf(env: readonly string[], root: number, uid: number): string[] {
  const unique = [
    ...new Map(env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry])).values(),
  ];
  return lookupEnv(unique, "HOME")
    ? unique
    : [...unique.filter((entry) => !entry.startsWith("HOME=")), `HOME=${homeOf(root, uid)}`];
}

/** The home directory that the container's /etc/passwd gives a user (passwd(5)), or `/`. */
function homeOf(root: number, uid: number): string {
  const fd = findInRoot(root, "/etc/passwd", O_RDONLY);
  if (fd === undefined) return "/";
  const bytes = using(fd, () => readBytes(fd, PASSWD_MAX));
  // Lines are compared as Latin-1, so that a name in another encoding in one line does not cost the others.
  const fields = latin1Lines(bytes)
    .map((line) => line.split(":"))
    .find((line) => line[2] === String(uid));
  return fields?.[5] || "/";
}

function latin1Lines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start);
    const line = bytes.subarray(start, end < 0 ? bytes.length : end);
    lines.push(String.fromCharCode(...line));
    start += line.length + 1;
  }
  return lines;
}
