/** The other end of a container's terminal: who gets the master. */
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import { close } from "../linux/fs.ts";
import { send } from "../linux/socket.ts";
import { encode } from "../linux/text.ts";
import { withPeer } from "./peerSocket.ts";

/** A terminal needs somebody at its other end, and a console socket needs a terminal. */
export function checkTerminal(
  terminal: boolean,
  consoleSocket: string | undefined,
  foreground: boolean,
): void {
  const pointer = "/process/terminal";
  if (terminal && !foreground && consoleSocket === undefined)
    throw new Failure("the container wants a terminal and nobody would be at its other end", {
      pointer,
      hint: "pass --console-socket, run it in the foreground, or set process.terminal to false",
    });
  if (consoleSocket !== undefined && (foreground || !terminal))
    throw new Failure(`the console socket ${consoleSocket} would get no terminal`, {
      ...(terminal ? {} : { pointer }),
      hint: "--console-socket goes with process.terminal and a container that is created or detached",
    });
}

/**
 * Sends the master to whoever listens at --console-socket, as engines expect it: one message with one descriptor. Without
 * such a socket, returns it to be relayed, as large as the caller's terminal.
 */
export function passTerminal(
  consoleSocket: string | undefined,
  master: number,
): number | undefined {
  if (consoleSocket === undefined) {
    load(import("./callersTerminal.ts")).fitWindow(master);
    return master;
  }
  doing(`sending the terminal to the console socket ${consoleSocket}`, undefined, () =>
    withPeer(consoleSocket, (socket) => send(socket, encode("/dev/ptmx"), [master])),
  );
  close(master);
  return undefined;
}
