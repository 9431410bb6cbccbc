/**
 * The state directory of each container: `<root>/<id>/` with state.json, the lock of whoever is changing the container,
 * the socket that `start` speaks to and the lock that the container's process holds until execve.
 */

import type { Hooks, LinuxResources, Spec } from "@opencontainers-types";
import {
  AT_FDCWD,
  DT_DIR,
  DT_UNKNOWN,
  EACCES,
  EEXIST,
  ELOOP,
  ENOENT,
  ENOTDIR,
  EPERM,
  EROFS,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from "#abi";
import { maxJsonBytes, parseJson, stringifyJson } from "../../spec/json.ts";
import type { Scope } from "../cgroup/driver.ts";
import { doing, Failure } from "../failure.ts";
import { geteuid } from "../linux/credentials.ts";
import { isErrno, unless } from "../linux/errno.ts";
import {
  close,
  emptyDirectory,
  findAt,
  flock,
  mkdirAt,
  open,
  openAt,
  readBytes,
  readDirectory,
  readlinkAt,
  removeAt,
  renameAt,
  rmdirAt,
  stat,
  unlinkAt,
  using,
  writeText,
} from "../linux/fs.ts";
import { poll } from "../linux/signals.ts";
import { decode, printable } from "../linux/text.ts";
import { checkId, isId } from "./id.ts";
import type { ResctrlGroup } from "./intelRdt.ts";
import { checkState } from "./stateCheck.ts";

/** What is remembered of a container between commands. */
export interface StoredState {
  ociVersion: string;
  id: string;
  bundle: string;
  rootfs: string;
  /** When its creation was complete, RFC 3339. */
  created?: string;
  annotations: Record<string, string>;
  /** Its group below the cgroup2 mount; absent if it has none of its own. */
  cgroup?: string;
  /** That group's inode: after a reboot, or once it was removed, the path may be another container's. */
  cgroupInode?: number;
  /** The systemd unit that holds the group, if one does. */
  scope?: Scope;
  /** Its group of the resctrl filesystem, if it asked for one. */
  resctrl?: ResctrlGroup;
  /** What the group is limited to now; `update` changes parts of it. */
  resources?: LinuxResources;
  /** The id of the mount of its root filesystem, if that is in the mount namespace of its creator. */
  rootMount?: number;
  /** Whether it has a PID namespace of its own, in which nothing outlives the first process (pid_namespaces(7)). */
  endsWithProcess: boolean;
  /** Absent until there is one. */
  process?: ProcessIdentity;
  /** Whether criu has restored it: its processes are in a time namespace then, whatever config.json says. */
  isRestored?: boolean;
  /** Whether its processes have the session keyring of their caller (`--no-new-keyring`). */
  noNewKeyring?: boolean;
  /** What its standard streams were when it was created (ownStreams.ts); absent for a terminal. */
  streams?: string[];
  /** Those that run after create: config.json may have changed by then. */
  hooks: Pick<Hooks, "poststart" | "poststop">;
}

/** Known by both together: the pid alone may be another process's by now. */
export interface ProcessIdentity {
  pid: number;
  /** In clock ticks since boot (/proc/<pid>/stat, proc(5)). */
  startTime: number;
}

const STATE_FILE = "state.json";
const STAGED_STATE_FILE = "state.json.new";
export const START_SOCKET = "start.sock";
const EXEC_LOCK = "exec.lock";
const CONFIG_FILE = "config.json";
const CRIU_ROOT = "criu-root";
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Root looks at users' containers as well: one of them may have put a pipe there, which nobody shall wait for. */
const LOOKING = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** How long a command waits for another one that is changing the same container, and how often it looks. */
const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 10;

/** An opened state directory. Whoever changes the container holds its lock; closing gives it up. */
export class StateDirectory {
  readonly id: string;
  readonly fd: number;
  readonly #root: string;

  private constructor(root: string, id: string, fd: number) {
    this.#root = root;
    this.id = id;
    this.fd = fd;
  }

  /** Makes the directory: of several creators of one id one succeeds. Throws a Failure for the others. */
  static reserve(root: string, id: string): StateDirectory {
    checkId(id);
    return using(findOrMakeRoot(root), (fd) => {
      try {
        mkdirAt(fd, id, DIRECTORY_MODE);
      } catch (cause) {
        if (!isErrno(cause, EEXIST))
          throw new Failure(`making the state directory ${root}/${id}`, { cause });
        refuseStranger(fd, id, root);
        throw new Failure(`a container with the id ${JSON.stringify(id)} exists already`, {
          hint: `choose another id, or remove it with \`tsrun delete ${id}\``,
          kind: "container-exists",
        });
      }
      const directory = new StateDirectory(
        root,
        id,
        openAt(fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
      );
      if (directory.lock()) return directory;
      // Somebody has deleted it in between.
      directory.close();
      return StateDirectory.reserve(root, id);
    });
  }

  /** Opens the directory of an existing container, without its lock; undefined if there is none. */
  static find(root: string, id: string): StateDirectory | undefined {
    checkId(id);
    const path = `${root}/${id}`;
    const fd = doing(`opening the state directory ${path}`, undefined, () =>
      findAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
    );
    if (fd === undefined) return undefined;
    try {
      refuseForeign(fd, path);
      return new StateDirectory(root, id, fd);
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /**
   * Opens the container directories of a root one after the other, in the order of their ids and without their locks, for
   * someone who only looks: here whoever owns them. False if there is no such root.
   */
  static visit(root: string, look: (directory: StateDirectory) => void): boolean {
    const fd = findRoot(root);
    if (fd === undefined) return false;
    using(fd, () => {
      for (const id of idsIn(fd)) {
        // A name that is a link or a file is no container, and one that was deleted meanwhile none any more.
        const found = unless([ENOENT, ENOTDIR, ELOOP], () =>
          openAt(fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
        );
        if (found !== undefined) using(found, () => look(new StateDirectory(root, id, found)));
      }
    });
    return true;
  }

  /** As `find`, or a Failure. */
  static get(root: string, id: string): StateDirectory {
    const found = StateDirectory.find(root, id);
    if (found === undefined) throw noContainer(root, id);
    return found;
  }

  /** Opens it for someone who only looks, and closes it again: the caller may be a process that stays. */
  static look<T>(root: string, id: string, look: (directory: StateDirectory) => T): T {
    const directory = StateDirectory.get(root, id);
    return using(directory.fd, () => look(directory));
  }

  /**
   * Takes the lock. False if the container has been deleted meanwhile. Throws a Failure when another command does not
   * give the lock up in time.
   */
  lock(): boolean {
    for (let waited = 0; !flock(this.fd, LOCK_EX | LOCK_NB); waited += LOCK_POLL_MS) {
      if (waited >= LOCK_WAIT_MS)
        throw new Failure(
          `another command has been changing the container ${this.id} for more than ${LOCK_WAIT_MS / 1000} s`,
          { hint: "is one of its hooks hanging, or is it being checkpointed?" },
        );
      poll([], LOCK_POLL_MS);
    }
    return stat(this.fd).nlink > 0;
  }

  unlock(): void {
    flock(this.fd, LOCK_UN);
  }

  /** Whether another command is changing the container. */
  isLocked(): boolean {
    return !using(openAt(this.fd, ".", O_RDONLY | O_DIRECTORY), (fd) =>
      flock(fd, LOCK_SH | LOCK_NB),
    );
  }

  /** Undefined for a container whose creation was cut off before it wrote anything. */
  read(): StoredState | undefined {
    return doing(`reading ${this.#root}/${this.id}/${STATE_FILE}`, undefined, () => {
      const fd = findAt(this.fd, STATE_FILE, LOOKING);
      if (fd === undefined) return undefined;
      return using(fd, () => checkState(parseJson(decode(readBytes(fd, maxJsonBytes))), this.id));
    });
  }

  /** As `read`, or a Failure. */
  known(): StoredState {
    const state = this.read();
    if (state !== undefined) return state;
    const isGone = stat(this.fd).nlink === 0;
    throw isGone ? noContainer(this.#root, this.id) : noState(this.id);
  }

  /** Replaces the state at once: whoever reads sees the old one or the new one, whole. */
  write(state: StoredState): void {
    this.stage(state);
    this.commit();
  }

  /** Writes a state that becomes the container's with `commit`. */
  stage(state: StoredState): void {
    const flags = O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW;
    doing(`writing the state of ${this.id}`, undefined, () =>
      writeText(STAGED_STATE_FILE, stringifyJson(state), flags, this.fd, FILE_MODE),
    );
  }

  commit(): void {
    renameAt(this.fd, STAGED_STATE_FILE, STATE_FILE);
  }

  /** Gives up what was staged, if anything. */
  unstage(): void {
    unlinkAt(this.fd, STAGED_STATE_FILE);
  }

  /** Keeps the text of the config.json that the container was made of: the bundle's may have changed by the time of `exec`. */
  keepConfig(text: string): void {
    const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
    doing(`keeping the configuration of ${this.id}`, undefined, () =>
      writeText(CONFIG_FILE, text, flags, this.fd, FILE_MODE),
    );
  }

  /**
   * What was kept: it was checked then, and nobody else can write there. What is null in it is absent from the result. Throws
   * a Failure if there is none.
   */
  keptConfig(): Spec {
    return doing(`reading ${this.#root}/${this.id}/${CONFIG_FILE}`, undefined, () => {
      const fd = openAt(this.fd, CONFIG_FILE, O_RDONLY | O_NOFOLLOW);
      return parseJson(decode(using(fd, readBytes)), { withoutNulls: true }) as Spec;
    });
  }

  /** A path to a file in the directory that fits into a socket's address however long the root is. */
  socketPath(): string {
    return `/proc/self/fd/${this.fd}/${START_SOCKET}`;
  }

  /**
   * A lock that lasts as long as any process holds the returned descriptor, which is close-on-exec: while the
   * container's process holds it, execve has not happened.
   */
  holdExecLock(): number {
    const fd = openAt(this.fd, EXEC_LOCK, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, {
      mode: FILE_MODE,
    });
    flock(fd, LOCK_EX);
    return fd;
  }

  /** Whether the container's process has not come to execve yet. */
  isExecLocked(): boolean {
    const fd = findAt(this.fd, EXEC_LOCK, LOOKING);
    return fd !== undefined && using(fd, () => !flock(fd, LOCK_SH | LOCK_NB));
  }

  /** Makes a directory for criu to find the root filesystem on (criuRoot.ts); returns its path, without links. */
  makeCriuRoot(): string {
    mkdirAt(this.fd, CRIU_ROOT, DIRECTORY_MODE);
    return `${readlinkAt(AT_FDCWD, `/proc/self/fd/${this.fd}`)}/${CRIU_ROOT}`;
  }

  removeCriuRoot(): void {
    unless([ENOENT], () => rmdirAt(this.fd, CRIU_ROOT));
  }

  /**
   * Removes the directory with all that is in it; state.json last, so that what is left of an interrupted removal can still
   * be deleted.
   */
  remove(): void {
    doing(`removing the state directory of ${this.id}`, undefined, () => {
      using(openAt(this.fd, ".", O_RDONLY | O_DIRECTORY), (fd) => emptyDirectory(fd, STATE_FILE));
      removeAt(this.fd, STATE_FILE);
      using(openRoot(this.#root), (fd) => unless([ENOENT], () => rmdirAt(fd, this.id)));
    });
  }

  close(): void {
    close(this.fd);
  }
}

/** Throws a Failure for a name that is no container's. */
function refuseStranger(root: number, id: string, path: string): void {
  try {
    close(openAt(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  } catch (error) {
    if (isErrno(error, ENOTDIR, ELOOP))
      throw new Failure(`${path}/${id} is no container, but is in the way of one`, {
        hint: "remove it, or choose another id",
      });
    if (!isErrno(error, ENOENT)) throw error;
  }
}

/** `@seccomp` is none, and nobody's bytes that are not even text. */
const idsIn = (root: number): string[] =>
  readDirectory(root)
    .filter(({ type }) => type === DT_DIR || type === DT_UNKNOWN)
    .map(({ rawName }) => printable(rawName.subarray(0, -1)))
    .filter(isId)
    .sort();

/** Who writes a state says which hooks run, which process is killed and which cgroup is removed: that is for its owner. */
function refuseForeign(fd: number, path: string): void {
  const { uid } = stat(fd);
  if (uid !== geteuid())
    throw new Failure(`the container's state directory ${path} belongs to another user, ${uid}`, {
      hint: `call tsrun as that user, for instance with setpriv --reuid=${uid}`,
    });
}

/** Of a directory in which nothing was written yet. */
export const noState = (id: string): Failure =>
  new Failure(`the creation of the container ${id} has not come to a state`, {
    hint: `if nobody is creating it, remove what is left with \`tsrun delete --force ${id}\``,
    kind: "container-status",
  });

/** Engines look for "does not exist" in it. */
export const noContainer = (root: string, id: string): Failure =>
  new Failure(`the container ${JSON.stringify(id)} does not exist in ${root}`, {
    kind: "no-container",
  });

/** Undefined if there is none. */
function findRoot(root: string): number | undefined {
  try {
    return findAt(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
  } catch (cause) {
    throw new Failure(`opening the state directory ${root}`, { cause, hint: rootRemedy(cause) });
  }
}

function findOrMakeRoot(root: string): number {
  try {
    const found = findAt(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
    if (found !== undefined) return found;
    makeDirectories(root);
    return openRoot(root);
  } catch (cause) {
    throw new Failure(`making the state directory ${root}`, { cause, hint: rootRemedy(cause) });
  }
}

const rootRemedy = (cause: unknown): string | undefined =>
  isErrno(cause, EACCES, EPERM, EROFS)
    ? "set XDG_RUNTIME_DIR to a directory of yours, such as /run/user/1000, or give --root"
    : undefined;

const openRoot = (root: string): number => open(root, O_RDONLY | O_DIRECTORY);

/** mkdir -p; what is made is for the owner only. Returns whether it was. */
export function makeDirectories(path: string): boolean {
  if (path.length > 1 && path.endsWith("/")) return makeDirectories(path.slice(0, -1));
  try {
    mkdirAt(AT_FDCWD, path, DIRECTORY_MODE);
    return true;
  } catch (error) {
    if (isErrno(error, EEXIST)) return false;
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (!isErrno(error, ENOENT) || parent === "") throw error;
    makeDirectories(parent);
    return makeDirectories(path);
  }
}
