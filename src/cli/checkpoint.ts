import { EBADF, F_GETFL, O_ACCMODE, O_RDONLY } from "#abi";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { fcntl } from "../linux/fs.ts";
import type { PageServer } from "../runtime/checkpoint.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";
import { CRIU_SETTINGS, type ImageFlags, imageOptions, toImageOptions } from "./images.ts";

interface CheckpointFlags extends ImageFlags {
  parentPath?: string;
  leaveRunning?: boolean;
  tcpSkipInFlight?: boolean;
  linkRemap?: boolean;
  statusFd?: string;
  pageServer?: string;
  preDump?: boolean;
}

export const checkpoint: Command<CheckpointFlags> = {
  summary: "checkpoint a running container",
  arguments: ["<container-id>"],
  options: {
    ...imageOptions,
    "--parent-path <directory>":
      "directory of an earlier --pre-dump, relative to that of the images: what it holds is not saved again",
    "--leave-running": "let the container go on; otherwise it is deleted",
    "--tcp-skip-in-flight": "leave out TCP connections that are not established yet",
    "--link-remap": "give files a name again that were deleted and are still open, where possible",
    "--status-fd <fd>": "descriptor that a NUL is written to when --lazy-pages can be served",
    "--page-server <address:port>": "send the memory to a page server",
    "--pre-dump": "save the memory only, and let the container go on",
  },
  details: `${EXISTING_CONTAINER}

criu (https://criu.org) saves its processes, with all that they have in memory and open, in the
directory of the images. "tsrun restore" makes a container of them again.

${CRIU_SETTINGS}`,
  execute({ runtime, context }, [id = ""], flags) {
    const { parentPath, statusFd, pageServer } = flags;
    runtime.checkpoint(context, id, {
      ...toImageOptions(flags),
      parentPath: parentPath || undefined,
      leaveRunning: flags.leaveRunning ?? false,
      tcpSkipInFlight: flags.tcpSkipInFlight ?? false,
      linkRemap: flags.linkRemap ?? false,
      preDump: flags.preDump ?? false,
      // runc's word for none.
      statusFd: statusFd && statusFd !== "-1" ? toWritable(statusFd) : undefined,
      pageServer: pageServer ? toPageServer(pageServer) : undefined,
    });
    return 0;
  },
};

/** Checked here, where tsrun has not opened any descriptors of its own yet. */
function toWritable(text: string): number {
  const fd = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  const mode = fd === undefined ? undefined : unless([EBADF], () => fcntl(fd, F_GETFL) & O_ACCMODE);
  if (fd === undefined || mode === undefined || mode === O_RDONLY)
    throw new Failure(
      `--status-fd is ${JSON.stringify(text)}: no descriptor that can be written to`,
    );
  return fd;
}

/** An address of IPv6 stands in brackets: [::1]:27277. */
function toPageServer(text: string): PageServer {
  const [, bracketed, plain, port] = /^(?:\[([^[\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined || Number(port) < 1 || Number(port) > 65535)
    throw new Failure(`--page-server is ${JSON.stringify(text)}: expected address:port`);
  return { address, port: Number(port) };
}
