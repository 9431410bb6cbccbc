import type { Command } from "./command.ts";
import { CRIU_SETTINGS, type ImageFlags, imageOptions, toImageOptions } from "./images.ts";

interface RestoreFlags extends ImageFlags {
  bundle?: string;
  consoleSocket?: string;
  detach?: boolean;
  pidFile?: string;
  subreaper?: boolean;
  lsmProfile?: string;
  lsmMountContext?: string;
}

export const restore: Command<RestoreFlags> = {
  summary: "restore a container from a previous checkpoint",
  arguments: ["<new-container-id>"],
  options: {
    "-b, --bundle <directory>": "the bundle's directory (default: the current directory)",
    "--console-socket <path>":
      "AF_UNIX socket that receives a descriptor of the master end of the container's terminal",
    "-d, --detach": "do not wait for the container's process",
    "--pid-file <path>": "file to write the process id to",
    ...imageOptions,
    "--lsm-profile <type:name>": "AppArmor profile or SELinux label for the processes",
    "--lsm-mount-context <label>": "SELinux label for the mounts",
    "--no-pivot": "accepted as runc does; criu decides how the root is changed",
    "--no-subreaper":
      "do not become the parent of the container's orphans (by default tsrun does, and waits for them)",
  },
  details: `\
"<new-container-id>" is your name for the instance of the container that you are restoring. It
must be unique on your host.

The bundle must be the one that the container was made of, or the same at another place. The images
decide what runs in the container, and with which privileges: restore only those that you trust.

${CRIU_SETTINGS}`,
  exitStatus: `\
The exit status is that of the container's process, or 128 + n if signal n killed it; 0 with
--detach; 1 for an error.`,
  execute({ runtime, context }, [id = ""], flags) {
    return runtime.restore(context, {
      ...toImageOptions(flags),
      id,
      bundle: flags.bundle || ".",
      consoleSocket: flags.consoleSocket || undefined,
      pidFile: flags.pidFile || undefined,
      detach: flags.detach ?? false,
      subreaper: flags.subreaper ?? true,
      lsmProfile: flags.lsmProfile || undefined,
      lsmMountContext: flags.lsmMountContext || undefined,
    });
  },
};
