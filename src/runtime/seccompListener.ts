/** Hands the listener of a seccomp filter to the agent that is to answer (config-linux.md, "Seccomp"). */
import type { ContainerProcessState, LinuxSeccomp, State } from "@opencontainers-types";
import { EBADF, EPERM, POLLIN } from "#abi";
import { specVersion } from "../../spec/version.ts";
import { doing, Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { type Child, pidfdGetfd } from "../linux/process.ts";
import { poll } from "../linux/signals.ts";
import { send, sendAll } from "../linux/socket.ts";
import { encode } from "../linux/text.ts";
import { withPeer } from "./peerSocket.ts";

/** How often the creator looks for the listener, and for how long, where the filter does not let it be sent. */
const LOOK_EVERY_MS = 1;
const LOOKS = 3000;

/**
 * The listener of the container's process, which is or will be its `descriptor`; undefined once there is a message on the
 * channel, which brings it, or the reason why there is none.
 */
export function fetchListener(child: Child, channel: number, descriptor: number) {
  for (let looks = 0; looks < LOOKS; looks++) {
    if (poll([{ fd: channel, events: POLLIN }], LOOK_EVERY_MS).length > 0) return undefined;
    // EBADF: it is not there yet. EPERM: this creator must not look into the process.
    const listener = unless([EBADF, EPERM], () => pidfdGetfd(child.pidfd, descriptor));
    if (listener !== undefined) return listener;
  }
  throw new Failure(
    "the seccomp filter keeps the container's process from handing its listener over",
    {
      pointer: "/linux/seccomp",
      hint: "without CAP_SYS_PTRACE, SCMP_ACT_NOTIFY must not be used for sendmsg",
    },
  );
}

/** Sends the listener and the container process state to linux.seccomp.listenerPath. `pid`: of the filtered process. */
export function passListener(
  { listenerPath = "", listenerMetadata }: Pick<LinuxSeccomp, "listenerPath" | "listenerMetadata">,
  pid: number,
  state: State,
  listener: number,
): void {
  const message: ContainerProcessState = {
    ociVersion: specVersion,
    fds: ["seccompFd"],
    pid,
    ...(listenerMetadata ? { metadata: listenerMetadata } : {}),
    state,
  };
  const data = encode(JSON.stringify(message));
  doing(`sending the seccomp listener to ${listenerPath}`, "/linux/seccomp/listenerPath", () =>
    withPeer(listenerPath, (agent) =>
      // "The file descriptors MUST be sent only in the first call."
      sendAll(agent, data.subarray(send(agent, data, [listener]))),
    ),
  );
}
