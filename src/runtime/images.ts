/** The images of a container: the directory that they are in, and what `checkpoint` and `restore` both tell criu. */
import type { Spec } from "@opencontainers-types";
import {
  AT_FDCWD,
  CLONE_NEWNET,
  F_OK,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from "#abi";
import { keepHierarchyOptions } from "../cgroup/hierarchyOptions.ts";
import { type Criu, type Notification, Refusal } from "../criu/client.ts";
import { logErrors } from "../criu/log.ts";
import { CGROUP_MODES, type CgroupMode, type Options, type Response } from "../criu/messages.ts";
import { Failure } from "../failure.ts";
import { inUserNamespace } from "../linux/credentials.ts";
import { access, close, findAt, open, stat, unlinkAt, using } from "../linux/fs.ts";
import type { Context } from "./context.ts";

export type { CgroupMode };

/** Options that both commands have. */
export interface ImageOptions {
  /** The images' directory. */
  imagePath: string;
  /** Where criu writes its log and its other files; by default into the images' directory. */
  workPath: string | undefined;
  tcpEstablished: boolean;
  externalUnixSockets: boolean;
  shellJob: boolean;
  fileLocks: boolean;
  autoDedup: boolean;
  lazyPages: boolean;
  cgroupMode: CgroupMode;
}

/** criu works as the machine's root: in a user namespace it can neither look into all processes nor make them. */
export function refuseRootless({ caller }: Context): void {
  if (caller.isUser || inUserNamespace())
    throw new Failure("saving and restoring processes takes the machine's root", {
      hint: "containers of users cannot be checkpointed",
    });
}

/** The directories of one run of criu, opened, and its log. */
export interface Places {
  images: number;
  work: number;
  /** The log's name in `work`. */
  log: string;
  /** The same for people. */
  logPath: string;
}

/** Opens the directories, which must be there. */
export function openPlaces({ imagePath, workPath }: ImageOptions, log: string): Places {
  const images = open(imagePath, O_RDONLY | O_DIRECTORY);
  const work = workPath === undefined ? images : open(workPath, O_RDONLY | O_DIRECTORY);
  emptyLog(work, log);
  return { images, work, log, logPath: `${workPath ?? imagePath}/${log}` };
}

/**
 * What an earlier run has written there must not be taken for this one's. The file itself stays: Podman and CRI-O have made
 * it, with a label of SELinux with which the container's processes, too, may write there while criu saves them. What is no
 * file, or one that has another name elsewhere, nobody has made for this.
 */
function emptyLog(work: number, log: string): void {
  const found = findAt(work, log, O_PATH | O_NOFOLLOW);
  if (found === undefined) return;
  using(found, (fd) => {
    const { mode, nlink } = stat(fd);
    if ((mode & S_IFMT) === S_IFREG && nlink === 1)
      close(open(`/proc/self/fd/${fd}`, O_WRONLY | O_TRUNC));
    else unlinkAt(work, log);
  });
}

export function closePlaces({ images, work }: Places): void {
  for (const fd of new Set([images, work])) close(fd);
}

/** What runc asks for, and engines look at in the log. */
const LOG_LEVEL = 4;

export const commonOptions = (
  options: ImageOptions,
  { images, work, log }: Places,
  config: Spec,
): Options => ({
  images_dir_fd: images,
  work_dir_fd: work,
  log_file: log,
  log_level: LOG_LEVEL,
  tcp_established: options.tcpEstablished,
  ext_unix_sk: options.externalUnixSockets,
  shell_job: options.shellJob,
  file_locks: options.fileLocks,
  auto_dedup: options.autoDedup,
  lazy_pages: options.lazyPages,
  manage_cgroups: true,
  manage_cgroups_mode: CGROUP_MODES[options.cgroupMode],
  // Its devices are the engine's to make: as with runc, a new network namespace comes back empty.
  empty_ns: CLONE_NEWNET,
  orphan_pts_master: true,
  ...configurationFile(config),
});

/** runc's annotation: it names a file whose settings override all these, or with "" none. */
const CONFIGURATION = "org.criu.config";

/** Without the annotation one of tsrun, or the one that engines' documentation tells to write for runc. */
const CONFIGURATIONS = ["/etc/criu/tsrun.conf", "/etc/criu/runc.conf"];

function configurationFile({ annotations = {} }: Spec): Options {
  const path =
    annotations[CONFIGURATION] ??
    CONFIGURATIONS.find((path) => access(AT_FDCWD, path, F_OK, 0) === 0);
  return path ? { config_file: path } : {};
}

/** Has criu do something. Throws a Failure with the reason that criu's log gives. */
export function perform(
  { warn }: Context,
  criu: Criu,
  type: number,
  options: Options,
  { work, log, logPath }: Places,
  listen: (notification: Notification) => void,
): Response {
  try {
    // criu mounts the hierarchy to work on groups (https://github.com/checkpoint-restore/criu/issues/3029).
    return keepHierarchyOptions(() => criu.perform(type, options, listen), warn);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const errors = logErrors(work, log);
    const message = errors.length > 0 ? `criu fails: ${errors.join("; ")}` : error.message;
    throw new Failure(message, { hint: `its log is ${logPath}` });
  }
}
