/**
 * Files of the host that a container is made of: its root filesystem, the sources of its bind mounts, devices.
 *
 * The root of a user namespace is nobody on the host and cannot reach what lies in a closed directory. So its creator opens
 * these for it, in the mount namespace of the container: what is cloned from there keeps the mount flags that the kernel
 * has locked for the user namespace (mount_namespaces(7)), and no `ro` or `nosuid` of the host is lost on the way.
 */
import { AT_FDCWD, ELOOP, EXDEV, F_DUPFD_CLOEXEC, O_DIRECTORY, O_PATH } from "#abi";
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { close, fcntl, findAt, findInRoot, open, openInRoot, using } from "../linux/fs.ts";
import { openProcRoot } from "../linux/proc.ts";
import { MAX_DESCRIPTORS } from "../linux/socket.ts";
import { type CreatorEnd, endedEarly, type InitEnd } from "./channel.ts";
import type { Idmap } from "./idmappedMounts.ts";

export interface Source {
  /** Absolute, on the host. */
  path: string;
  pointer: string | undefined;
  /** Handed over as a detached mount whose ids are mapped, */
  idmap?: Idmap;
  /** with all that is mounted below it. */
  recursive?: boolean;
}

/** A source has its path for a name, and one with ids mapped, of which there may be several, its pointer. */
export const sourceName = ({ path, pointer, idmap }: Source): string =>
  idmap && pointer !== undefined ? pointer : path;

/** Opens a file of the host (O_PATH), or a mount that the creator has prepared, by the source's name; the caller closes it. */
export type OpenSource = (name: string) => number;

export interface Sources {
  open: OpenSource;
  /** Whether idmapped mounts come prepared. */
  prepared: boolean;
  /** Lets go of what was handed over: it would keep filesystems of the host busy. */
  close: () => void;
}

/** For a process that may reach everything itself. */
export const directSources: Sources = { open: openOnHost, prepared: false, close: () => {} };

/** A directory first as one: only that has an automount point mounted, O_PATH alone names the empty point (open(2)). */
function openOnHost(path: string): number {
  return findAt(AT_FDCWD, path, O_PATH | O_DIRECTORY) ?? open(path, O_PATH);
}

/** As `openOnHost`, below the root of another process. */
function openBelow(root: number, path: string): number {
  try {
    return findInRoot(root, path, O_PATH | O_DIRECTORY) ?? openInRoot(root, path, O_PATH);
  } catch (cause) {
    if (!isErrno(cause, ELOOP, EXDEV)) throw cause;
    throw new Failure("following its links", {
      cause,
      hint: "a link such as /proc/self/fd/0 is not followed for a user namespace: name the file that it leads to",
    });
  }
}

function openRootOf(proc: number, pid: number): number {
  const root = findAt(proc, `${pid}/root`, O_PATH | O_DIRECTORY);
  if (root === undefined) throw endedEarly();
  return root;
}

/** The creator's part: opens all sources as the process `pid` would see them if it might, and hands them over. */
export function sendSources(pid: number, sources: readonly Source[], channel: CreatorEnd): void {
  using(openProcRoot(), (proc) =>
    using(openRootOf(proc, pid), (root) => {
      for (const part of inMessages(sources)) {
        const opened: number[] = [];
        try {
          for (const source of part)
            opened.push(
              doing(`opening the source ${source.path}`, source.pointer, () =>
                openFor(proc, pid, root, source),
              ),
            );
          channel.send({ type: "sources" }, opened);
        } finally {
          opened.forEach(close);
        }
      }
    }),
  );
}

function openFor(proc: number, pid: number, root: number, source: Source): number {
  const fd = openBelow(root, source.path);
  if (source.idmap === undefined) return fd;
  const { cloneForProcess } = load(import("./idmappedMounts.ts"));
  return using(fd, () => cloneForProcess(proc, pid, fd, source));
}

/** The process's part. Undefined if its creator has gone. */
export function receiveSources(sources: readonly Source[], channel: InitEnd): Sources | undefined {
  const held = new Map<string, number>();
  for (const part of inMessages(sources)) {
    const received = doing("taking over the sources of the mounts", "/mounts", () =>
      channel.receive(),
    );
    if (received === undefined) return undefined;
    part.forEach((source, i) => {
      held.set(sourceName(source), received.descriptors[i] as number);
    });
  }
  return holding(held);
}

/** For a process that is about to lose its creator's rights, and has a user's only: it opens all sources itself. */
export function openSources(sources: readonly Source[]): Sources {
  const open = ({ path, pointer }: Source) =>
    doing(`opening the source ${path}`, pointer, () => openOnHost(path));
  return holding(new Map(sources.map((source) => [source.path, open(source)])));
}

const holding = (held: ReadonlyMap<string, number>): Sources => ({
  prepared: true,
  open(name) {
    const fd = held.get(name);
    if (fd === undefined) throw new Error(`${name} was not handed over`);
    return fcntl(fd, F_DUPFD_CLOEXEC);
  },
  close() {
    for (const fd of held.values()) close(fd);
  },
});

/** As many as go into one message. */
const inMessages = (sources: readonly Source[]): Source[][] =>
  Array.from({ length: Math.ceil(sources.length / MAX_DESCRIPTORS) }, (_, i) =>
    sources.slice(i * MAX_DESCRIPTORS, (i + 1) * MAX_DESCRIPTORS),
  );
