/** What the global options say to every command. */
import type { Caller } from "./caller.ts";

export interface Context {
  /** The directory that holds a state directory per container, such as /run/tsrun. */
  root: string;
  /** Whether it is an error if there is none: the user named it, and it is not only the usual one. */
  rootMustExist: boolean;
  cgroupManager: CgroupManager;
  caller: Caller;
  /** Where a service manager waits to hear that the container is ready: $NOTIFY_SOCKET (sd_notify(3)). */
  notifySocket?: string | undefined;
  /** Tells the user of something that did not go as asked but does not stop the command. */
  warn: (message: string) => void;
}

/** `disabled`: containers stay in the cgroup of their creator, as with crun. */
export type CgroupManager = "cgroupfs" | "systemd" | "disabled";

/** The options of `create`, in runc's words. */
export interface CreateOptions {
  id: string;
  /** The bundle's directory. */
  bundle: string;
  /** A unix socket that gets the master of the container's terminal. */
  consoleSocket?: string | undefined;
  /** A unix socket that gets a pidfd of the container's process. */
  pidfdSocket?: string | undefined;
  pidFile?: string | undefined;
  noPivot: boolean;
  noNewKeyring: boolean;
  /** How many descriptors, from 3 on, the container's process keeps. */
  preserveFds: number;
  /** How many of these, the first ones, are sockets that were handed over (sd_listen_fds(3)). */
  listenFds: number;
}

export interface RunOptions extends CreateOptions {
  /** Do not wait for the process. */
  detach: boolean;
  /** Do not delete the container when its process has ended. */
  keep: boolean;
  /** While waiting, be the parent of the orphans that the container's processes leave. */
  subreaper: boolean;
}
