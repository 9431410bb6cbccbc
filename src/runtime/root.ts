/** Where the state directories of containers are. */
import { AT_EACCESS, AT_FDCWD, EEXIST, S_IFDIR, S_IFMT, W_OK } from "#abi";
import { env } from "#host";
import { Failure } from "../failure.ts";
import { geteuid, inUserNamespace } from "../linux/credentials.ts";
import { unless } from "../linux/errno.ts";
import { access, mkdirAt, readlinkAt, statAt } from "../linux/fs.ts";
import { cleanPath } from "../linux/path.ts";
import type { Caller } from "./caller.ts";

/**
 * The absolute path of the root: what `--root` says, or the default, which below $XDG_RUNTIME_DIR is made if it is not
 * there. Throws a Failure.
 */
export function stateRoot(given: string | undefined, caller: Caller): string {
  if (given !== undefined) return checkedRoot(given);
  const runtimeDir = env("XDG_RUNTIME_DIR");
  // "If an implementation encounters a relative path […] it should consider the path invalid and ignore it."
  const isSet = runtimeDir?.startsWith("/") === true;
  return isSet && belongsToUser(caller) ? userRoot(runtimeDir) : "/run/tsrun";
}

/** Absolute, without `.` and `..`; the root of the filesystem is surely a mistake. */
function checkedRoot(path: string): string {
  const start = path.startsWith("/") ? "" : readlinkAt(AT_FDCWD, "/proc/self/cwd");
  const clean = cleanPath(`${start}/${path}`);
  if (clean === "/") throw new Failure(`--root is ${JSON.stringify(path)}: it must not be /`);
  return clean;
}

/**
 * Whether this is not the host's root user; in a user namespace, unless $USER says root, as runc decides, and /run is that
 * root's, as in a system container: the environment may just have been kept.
 */
const belongsToUser = ({ isUser }: Caller): boolean =>
  isUser ||
  (inUserNamespace() &&
    (env("USER") !== "root" || access(AT_FDCWD, "/run", W_OK, AT_EACCESS) !== 0));

/** The sticky bit keeps a directory below $XDG_RUNTIME_DIR from being cleaned up (XDG Base Directory Specification). */
const STICKY_PRIVATE = 0o1700;

function userRoot(runtimeDir: string): string {
  const root = `${runtimeDir}/tsrun`;
  try {
    unless([EEXIST], () => mkdirAt(AT_FDCWD, root, STICKY_PRIVATE));
  } catch (error) {
    throw new Failure(`making ${root}`, {
      cause: error,
      hint: "$XDG_RUNTIME_DIR must be a directory that you can write to; or give --root",
    });
  }
  refuseForeign(root);
  return root;
}

const OTHERS_MAY_WRITE = 0o022;

/** Whoever can write to it can put a container there whose hooks this user would run, and whose pid it would kill. */
function refuseForeign(root: string): void {
  const { uid, mode } = statAt(AT_FDCWD, root);
  if ((mode & S_IFMT) !== S_IFDIR || uid !== geteuid() || (mode & OTHERS_MAY_WRITE) !== 0)
    throw new Failure(`${root} is not a directory that is yours alone`, {
      hint: "$XDG_RUNTIME_DIR must be a directory of yours that nobody else can write to; or give --root",
    });
}
