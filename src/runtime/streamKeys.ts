/**
 * The standard streams of a container that lead out of it. Images hold them by a key, and a restored container gets the
 * restorer's streams in their place. As with runc, descriptors.json in the images' directory lists the keys of the three.
 */
import {
  ENOENT,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_TRUNC,
  O_WRONLY,
  S_IFCHR,
  S_IFMT,
} from "#abi";
import { parseJson, stringifyJson } from "../../spec/json.ts";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { findAt, open, readText, type Status, stat, using, writeText } from "../linux/fs.ts";
import { type MountInfo, openProcRoot } from "../linux/proc.ts";

const STREAMS = [0, 1, 2];
const FILE = "descriptors.json";

/** What is no file of the container's, whatever it does later: pipes and sockets, which criu and procfs call alike. */
const isNameless = (link: string): boolean => /^(pipe|socket):\[\d+\]$/.test(link);

/** Virtual consoles and serial lines, /dev/tty and /dev/console, and both ends of pseudoterminals (devices.txt of the kernel). */
const isTerminal = ({ mode, rdev: { major } }: Status): boolean =>
  (mode & S_IFMT) === S_IFCHR && (major === 4 || major === 5 || (major >= 128 && major <= 143));

/**
 * The keys of the standard streams of the process `pid`, which began with `streams`: of a pipe its name, of a file outside
 * of the container's mounts the word by which criu knows such files (criu(8), --external). A terminal has none: criu takes
 * the restorer's from its own standard input (--shell-job), which it would close for a key.
 */
export function streamKeys(
  pid: number,
  streams: readonly string[],
  mounts: readonly MountInfo[],
): string[] {
  const inside = new Set(mounts.map(({ id }) => id));
  return using(openProcRoot(), (proc) =>
    STREAMS.map((fd) => {
      const first = streams[fd] ?? "";
      if (isNameless(first)) return first;
      const file = findAt(proc, `${pid}/fd/${fd}`, O_PATH);
      if (file === undefined) return first;
      const status = using(file, stat);
      const { mountId, ino } = status;
      return inside.has(mountId) || isTerminal(status)
        ? first
        : `file[${mountId.toString(16)}:${ino.toString(16)}]`;
    }),
  );
}

export const isFileKey = (key: string): boolean => key.startsWith("file[");

export function writeStreamKeys(images: number, keys: readonly string[]): void {
  const flags = O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW;
  writeText(FILE, stringifyJson(keys), flags, images, 0o600);
}

/** The key of each stream that a restored container is to get, with its descriptor. Throws a Failure. */
export function readStreamKeys(imagePath: string): { key: string; fd: number }[] {
  const keys = doing(`reading the checkpoint in ${imagePath}`, undefined, () => {
    const keys = parseJson(using(open(imagePath, O_PATH | O_DIRECTORY), readKeys));
    if (Array.isArray(keys) && keys.every((key) => typeof key === "string")) return keys;
    throw new Failure(`its ${FILE} is not a list of texts`);
  });
  return (
    keys
      .slice(0, STREAMS.length)
      .map((key, fd) => ({ key, fd }))
      // One file may be several streams.
      .filter(({ key }, i) => keys.indexOf(key) === i && (isNameless(key) || isFileKey(key)))
  );
}

function readKeys(images: number): string {
  try {
    return readText(FILE, images);
  } catch (cause) {
    throw new Failure("it is not complete", {
      cause,
      hint: isErrno(cause, ENOENT)
        ? "--image-path must be a directory that `tsrun checkpoint` has written; --pre-dump alone is not enough"
        : undefined,
    });
  }
}
