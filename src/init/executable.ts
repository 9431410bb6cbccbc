/** Finding the program of process.args before it is needed, as execvp(3) would. */
import {
  AT_EACCESS,
  AT_FDCWD,
  EACCES,
  ENOENT,
  ENOEXEC,
  ENOTDIR,
  O_PATH,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  X_OK,
} from "#abi";
import { Failure } from "../failure.ts";
import { Errno, errnoText } from "../linux/errno.ts";
import { access, open, stat, using } from "../linux/fs.ts";

const MISSING = errnoText(ENOENT);
const FORBIDDEN = errnoText(EACCES);

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
  // In runc's words, by which engines and their users' scripts know what it was.
  const refused = `unable to start container process: exec: ${JSON.stringify(program)}`;
  if (program.includes("/")) {
    const problem = whyNotExecutable(program);
    if (problem === undefined) return program;
    const step = problem === MISSING ? `stat ${program}: ` : "";
    throw new Failure(`${refused}: ${step}${problem}`, { pointer });
  }
  const path = lookupEnv(env, "PATH") || DEFAULT_PATH;
  let found: string | undefined;
  for (const directory of path.split(":")) {
    const candidate = `${directory || "."}/${program}`;
    const problem = whyNotExecutable(candidate);
    if (problem === undefined) return candidate;
    if (problem !== MISSING) found ??= `${candidate}: ${problem}`;
  }
  const problem = found ?? "executable file not found in $PATH";
  throw new Failure(`${refused}: ${problem}`, { pointer, hint: `PATH is ${path}` });
}

function whyNotExecutable(path: string): string | undefined {
  try {
    const { mode } = using(open(path, O_PATH), stat);
    if ((mode & S_IFMT) === S_IFDIR) return `${FORBIDDEN}: it is a directory`;
    if ((mode & S_IFMT) !== S_IFREG) return `${FORBIDDEN}: it is not a regular file`;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.errno === ENOENT || error.errno === ENOTDIR) return MISSING;
    return error.errno === EACCES
      ? `${FORBIDDEN}: a directory on the way is closed to the user`
      : error.message;
  }
  return access(AT_FDCWD, path, X_OK, AT_EACCESS) === 0
    ? undefined
    : `${FORBIDDEN}: it is not executable for the user`;
}

/** What execve(2) says of a program that findExecutable has found. */
const REFUSALS: Readonly<Record<number, string>> = {
  [ENOENT]: `${MISSING}: it or its interpreter`,
  [EACCES]: `${FORBIDDEN}: it or its interpreter`,
  [ENOEXEC]:
    "exec format error (ENOEXEC): it is neither a script nor a program of this architecture",
};

/** The error of execve(2) as one that says why. */
export function executionFailure(path: string, error: unknown): Failure {
  const reason = error instanceof Errno ? REFUSALS[error.errno] : undefined;
  return new Failure(reason ? `executing ${path}: ${reason}` : `executing ${path}`, {
    cause: reason ? undefined : error,
    pointer: "/process/args/0",
  });
}
