/** The container's own /dev/null: the host's would let a container's root change the mode of a file of the host. */
import { F_SETFL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDWR, S_IFCHR, S_IFMT } from "#abi";
import { doing, Failure } from "../failure.ts";
import { dup, fcntl, findInRoot, openInRoot, stat, using } from "../linux/fs.ts";

const PATH = "/dev/null";

function isNull(fd: number): boolean {
  const { mode, rdev } = stat(fd);
  return (mode & S_IFMT) === S_IFCHR && rdev.major === 1 && rdev.minor === 3;
}

/** Opens it with O_PATH, to mount it elsewhere. Whatever else stands there is refused (CVE-2025-31133). */
export function openNull(root: number): number {
  const fd = openInRoot(root, PATH, O_PATH | O_NOFOLLOW);
  checkNull(fd);
  return fd;
}

function checkNull(fd: number): void {
  if (!isNull(fd)) throw new Failure("the container's /dev/null is not the null device (1, 3)");
}

/** Puts it in the place of standard streams that are the host's, where the container has one. */
export function replaceNullStreams(root: number): void {
  const streams = [0, 1, 2].filter(isNull);
  if (streams.length === 0 || !hasNull(root)) return;
  doing("opening the container's /dev/null for its standard streams", undefined, () =>
    // A container that is entered may put something else there meanwhile, such as a FIFO to wait for.
    using(openInRoot(root, PATH, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), (fd) => {
      checkNull(fd);
      fcntl(fd, F_SETFL, 0);
      for (const stream of streams) dup(fd, stream);
    }),
  );
}

function hasNull(root: number): boolean {
  const fd = findInRoot(root, PATH, O_PATH | O_NOFOLLOW);
  return fd !== undefined && using(fd, isNull);
}
