/** Places inside the container's root, whose contents an image chose: found, or made, without leaving it. */
import {
  EEXIST,
  EINVAL,
  ENOENT,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFMT,
} from "#abi";
import { isErrno, unless } from "../linux/errno.ts";
import {
  close,
  findInRoot,
  mkdirAt,
  openAt,
  openInRoot,
  readlinkAt,
  stat,
  using,
} from "../linux/fs.ts";

const DIRECTORY_MODE = 0o755;

export const isDirectory = (fd: number): boolean => (stat(fd).mode & S_IFMT) === S_IFDIR;

/** As many links as path_resolution(7) allows on the way. */
const MAX_LINKS = 40;

/**
 * A directory in the root (O_PATH); what is missing of it is made, step by step. A link that leads nowhere yet is
 * followed, inside the root, to what it names: minimal images have /var/run -> /run without a /run.
 */
export function makeDirectoryInRoot(root: number, path: string, links = 0): number {
  const found = findInRoot(root, path, O_PATH | O_DIRECTORY);
  if (found !== undefined) return found;
  const { directory, name } = splitPath(path);
  return using(makeDirectoryInRoot(root, directory, links), (parent) => {
    if (isDots(name)) return openInRoot(root, path, O_PATH | O_DIRECTORY);
    try {
      mkdirAt(parent, name, DIRECTORY_MODE);
    } catch (error) {
      if (!isErrno(error, EEXIST) || links === MAX_LINKS) throw error;
      const target = linkTarget(parent, directory, name);
      if (target !== undefined) return makeDirectoryInRoot(root, target, links + 1);
    }
    return openAt(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  });
}

/**
 * A place in the root that is no directory (O_PATH); an empty file is made where there is none, also where a link leads to
 * one: images have /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf.
 */
export function makeFileInRoot(
  root: number,
  path: string,
  mode: number = DIRECTORY_MODE,
  links = 0,
): number {
  const found = findInRoot(root, path, O_PATH);
  if (found !== undefined) return found;
  const { directory, name } = splitPath(path);
  return using(makeDirectoryInRoot(root, directory), (parent) => {
    if (isDots(name)) return openInRoot(root, path, O_PATH);
    const target = links === MAX_LINKS ? undefined : linkTarget(parent, directory, name);
    return target === undefined
      ? makeFile(parent, name, mode)
      : makeFileInRoot(root, target, mode, links + 1);
  });
}

/** Where a link leads, seen from the root; undefined for what is none. */
function linkTarget(parent: number, directory: string, name: string): string | undefined {
  const target = unless([EINVAL, ENOENT], () => readlinkAt(parent, name));
  return target === undefined || target.startsWith("/") ? target : `${directory}/${target}`;
}

/** Of these no file is made in a directory: and from the root itself `..` would lead out. */
const isDots = (name: string): boolean => name === "." || name === "..";

/** The directory and the last name of a path. A `..` stays: behind a link, only the kernel knows where it leads. */
export function splitPath(path: string): { directory: string; name: string } {
  const [, directory = "", name = ""] = /^(.*?)([^/]*)\/*$/s.exec(path) ?? [];
  return { directory: directory || "/", name: name || "." };
}

/** An empty file in a directory (O_PATH); one that is there already will do, unless it is a link (ELOOP). */
export function makeFile(parent: number, name: string, mode: number): number {
  try {
    close(openAt(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, { mode }));
  } catch (error) {
    if (!isErrno(error, EEXIST)) throw error;
  }
  return openAt(parent, name, O_PATH, { resolve: RESOLVE_NO_SYMLINKS });
}
