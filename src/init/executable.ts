/** Finding the program of process.args before it is needed, as execvp(3) would. */
import {
  AT_EACCESS,
  AT_FDCWD,
  EACCES,
  ENOENT,
  ENOTDIR,
  O_PATH,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  X_OK,
} from "#abi";
import { Failure } from "../failure.ts";
import { Errno } from "../linux/errno.ts";
import { access, open, stat, using } from "../linux/fs.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The value of the last NAME=… in an environment, as getenv of a shell sees it. */
export const lookupEnv = (env: readonly string[], name: string): string | undefined =>
  env.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);

/**
 * The path of the program, checked as the container's user in the container's root and working directory. Throws a
 * Failure that says why it cannot be run.
 */
export function findExecutable(program: string, env: readonly string[]): string {
  const pointer = "/process/args/0";
  if (program.includes("/")) {
    const problem = whyNotExecutable(program);
    if (problem === undefined) return program;
    throw new Failure(`the program ${JSON.stringify(program)} cannot be run: ${problem}`, {
      pointer,
    });
  }
  const path = lookupEnv(env, "PATH") || DEFAULT_PATH;
  let refused: string | undefined;
  for (const directory of path.split(":")) {
    const candidate = `${directory || "."}/${program}`;
    const problem = whyNotExecutable(candidate);
    if (problem === undefined) return candidate;
    if (problem !== MISSING) refused ??= `${candidate}: ${problem}`;
  }
  throw new Failure(
    `the program ${JSON.stringify(program)} ${refused ? `cannot be run (${refused})` : "is not in the container's PATH"}`,
    { pointer, hint: `PATH is ${path}` },
  );
}

const MISSING = "there is no such file (ENOENT)";

function whyNotExecutable(path: string): string | undefined {
  try {
    const { mode } = using(open(path, O_PATH), stat);
    if ((mode & S_IFMT) === S_IFDIR) return "it is a directory (EISDIR)";
    if ((mode & S_IFMT) !== S_IFREG) return "it is not a regular file (EACCES)";
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.errno === ENOENT || error.errno === ENOTDIR) return MISSING;
    return error.errno === EACCES
      ? "a directory on the way is closed to the user (EACCES)"
      : error.message;
  }
  return access(AT_FDCWD, path, X_OK, AT_EACCESS) === 0
    ? undefined
    : "it is not executable for the user (EACCES)";
}
