/** What `create` and `run` have in common: their options, and what these say to the runtime. */

import { env } from "#host";
import { getpid } from "../linux/process.ts";
import type { CreateOptions } from "../runtime/context.ts";
import type { OptionTable } from "./command.ts";
import { checkPreserved, toDescriptorCount } from "./preservedDescriptors.ts";

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

/** How many descriptors, from 3 on, the container keeps. */
function preservedDescriptors(
  additional: string | undefined,
): Pick<CreateOptions, "preserveFds" | "listenFds"> {
  const listenFds = listenDescriptors();
  const preserveFds = listenFds + toDescriptorCount("--preserve-fds", additional || "0");
  checkPreserved(preserveFds);
  return { preserveFds, listenFds };
}

/** Sockets that systemd hands over: $LISTEN_FDS, if $LISTEN_PID says that they are for this process (sd_listen_fds(3)). */
function listenDescriptors(): number {
  const listenFds = env("LISTEN_FDS");
  if (!listenFds || env("LISTEN_PID") !== String(getpid())) return 0;
  return toDescriptorCount("LISTEN_FDS", listenFds);
}
