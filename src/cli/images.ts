/** What `checkpoint` and `restore` have in common: their options, and what these say to the runtime. */

import { Failure } from "../failure.ts";
import type { CgroupMode, ImageOptions } from "../runtime/images.ts";
import type { OptionTable } from "./command.ts";

export interface ImageFlags {
  imagePath?: string;
  workPath?: string;
  tcpEstablished?: boolean;
  extUnixSk?: boolean;
  shellJob?: boolean;
  fileLocks?: boolean;
  manageCgroupsMode?: CgroupMode | "";
  emptyNs?: string[];
  autoDedup?: boolean;
  lazyPages?: boolean;
}

export const imageOptions: OptionTable = {
  "--image-path <directory>": 'directory of the images (default: "checkpoint")',
  "--work-path <directory>":
    "directory for criu's log and its other files (default: that of the images)",
  "--tcp-established": "allow open TCP connections",
  "--ext-unix-sk": "allow connections over unix sockets to processes outside of the container",
  "--shell-job": "allow a session and a terminal that begin outside of the container",
  "--file-locks": "allow file locks",
  "--manage-cgroups-mode <soft|full|strict|ignore>":
    "what becomes of the container's cgroups (default: soft)",
  "--empty-ns <namespace>...": "only network; it has no effect, since that always comes back empty",
  "--auto-dedup": "drop from older images the memory that newer ones have",
  "--lazy-pages": "fetch memory when it is needed (userfaultfd(2))",
};

/** A paragraph of both commands' description. */
export const CRIU_SETTINGS = `\
Settings of criu itself are taken from /etc/criu/tsrun.conf, or else /etc/criu/runc.conf; the
annotation org.criu.config names another file, or with an empty value none.`;

/** An empty value means that the option was not given, as with runc. */
export function toImageOptions(flags: ImageFlags): ImageOptions {
  for (const namespace of flags.emptyNs ?? [])
    if (namespace !== "network")
      throw new Failure(`--empty-ns is ${JSON.stringify(namespace)}: only network can be empty`);
  return {
    imagePath: flags.imagePath || "checkpoint",
    workPath: flags.workPath || undefined,
    tcpEstablished: flags.tcpEstablished ?? false,
    externalUnixSockets: flags.extUnixSk ?? false,
    shellJob: flags.shellJob ?? false,
    fileLocks: flags.fileLocks ?? false,
    autoDedup: flags.autoDedup ?? false,
    lazyPages: flags.lazyPages ?? false,
    cgroupMode: flags.manageCgroupsMode || "default",
  };
}
