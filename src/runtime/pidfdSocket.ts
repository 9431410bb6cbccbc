/** Who gets a descriptor of the new process: what listens at --pidfd-socket. */
import { doing } from "../failure.ts";
import { send } from "../linux/socket.ts";
import { encode } from "../linux/text.ts";
import { withPeer } from "./peerSocket.ts";

/**
 * Sends a process's pidfd as runc does: one message with one descriptor, whose text says what the process is, the container's
 * first ("standard") or one that entered it ("setns"). Throws a Failure when nobody listens there.
 */
export function passPidfd(
  socketPath: string,
  pidfd: number,
  process: "standard" | "setns" = "standard",
): void {
  doing(`sending the process's descriptor to the pidfd socket ${socketPath}`, undefined, () =>
    withPeer(socketPath, (socket) => send(socket, encode(process), [pidfd])),
  );
}
