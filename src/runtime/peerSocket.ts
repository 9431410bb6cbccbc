/** The sockets of other programs that get descriptors of a container: who listens there need not be well. */
import { EAGAIN, SOCK_STREAM } from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { connectTo } from "../linux/socket.ts";

/** How long to wait for whoever listens: a command that hangs holds up all others for its container. */
const PATIENCE_MS = 5000;

/** Calls `use` with a connection to the socket at `path`. Throws a Failure where nobody accepts one, or takes what is sent. */
export function withPeer(path: string, use: (socket: number) => void): void {
  try {
    using(connectTo(path, SOCK_STREAM, PATIENCE_MS), use);
  } catch (cause) {
    if (!isErrno(cause, EAGAIN)) throw cause;
    throw new Failure(`whoever listens there has not taken it for ${PATIENCE_MS / 1000} s`, {
      cause,
    });
  }
}
