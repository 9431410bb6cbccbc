/** What `create` and `run` have in common: their options, and what these say to the runtime. */

import { EBADF, F_GETFD } from "#abi";
import { env } from "#host";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { fcntl } from "../linux/fs.ts";
import { getpid } from "../linux/process.ts";
import type { CreateOptions } from "../runtime/context.ts";
import type { OptionTable } from "./command.ts";

export interface CreationFlags {
  bundle?: string;
  consoleSocket?: string;
  pidfdSocket?: string;
  pidFile?: string;
  pivot?: boolean;
  newKeyring?: boolean;
  preserveFds?: string;
}

export const creationOptions: OptionTable = {
  "-b, --bundle <directory>": "the bundle's directory (default: the current directory)",
  "--console-socket <path>":
    "AF_UNIX socket that receives a descriptor of the master end of the container's terminal",
  "--pidfd-socket <path>": "AF_UNIX socket that receives a descriptor of the container's process",
  "--pid-file <path>": "file to write the process id to",
  "--no-pivot":
    "do not change the root with pivot_root(2); for a root filesystem on top of a ramdisk",
  "--no-new-keyring": "do not create a session keyring; the container inherits the caller's",
  "--preserve-fds <n>":
    "pass n additional descriptors to the container (stdio + $LISTEN_FDS + n in total)",
};

export const creationDetails = `\
"<new-container-id>" is your name for the instance of the container that you are starting. It must
be unique on your host.

A bundle is a directory with a specification file named "config.json" and a root filesystem. The
args parameter of the specification is the command that runs in the container; see "tsrun spec
--help".`;

/** An empty value means that the option was not given, as with runc. */
export const toCreateOptions = (id: string, flags: CreationFlags): CreateOptions => ({
  id,
  bundle: flags.bundle || ".",
  consoleSocket: flags.consoleSocket || undefined,
  pidfdSocket: flags.pidfdSocket || undefined,
  pidFile: flags.pidFile || undefined,
  noPivot: flags.pivot === false,
  noNewKeyring: flags.newKeyring === false,
  ...preservedDescriptors(flags.preserveFds),
});

const FIRST_PRESERVED = 3;

/**
 * How many descriptors, from 3 on, the container keeps. They are checked here, where tsrun has not opened any of its
 * own yet: one of those under a preserved number would end up in the container (CVE-2024-21626).
 */
function preservedDescriptors(
  additional: string | undefined,
): Pick<CreateOptions, "preserveFds" | "listenFds"> {
  const listenFds = listenDescriptors();
  const count = listenFds + toCount("--preserve-fds", additional || "0");
  for (let fd = FIRST_PRESERVED; fd < FIRST_PRESERVED + count; fd++)
    if (!isOpen(fd))
      throw new Failure(`preserving ${count} descriptors: descriptor ${fd} is not open`);
  return { preserveFds: count, listenFds };
}

/** Sockets that systemd hands over: $LISTEN_FDS, if $LISTEN_PID says that they are for this process (sd_listen_fds(3)). */
function listenDescriptors(): number {
  const listenFds = env("LISTEN_FDS");
  if (!listenFds || env("LISTEN_PID") !== String(getpid())) return 0;
  return toCount("LISTEN_FDS", listenFds);
}

function toCount(what: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new Failure(`${what} is ${JSON.stringify(text)}, which is not a number of descriptors`);
  return Number(text);
}

function isOpen(fd: number): boolean {
  try {
    return fcntl(fd, F_GETFD) >= 0;
  } catch (error) {
    if (isErrno(error, EBADF)) return false;
    throw error;
  }
}
