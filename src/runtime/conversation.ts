/** What a process on its way to its program says to its maker, and what it hears from it. */
import type { LinuxSeccomp, State } from "@opencontainers-types";
import { load } from "#host";
import { Failure } from "../failure.ts";
import { type CreatorEnd, endedEarly, type FromInit, type Message } from "../init/channel.ts";
import { close, using } from "../linux/fs.ts";
import { type Child, exitStatus, wait } from "../linux/process.ts";
import { passTerminal } from "./terminal.ts";

/** A process that is on its way, as its maker knows it. */
export interface Newcomer {
  child: Child;
  channel: CreatorEnd;
  consoleSocket: string | undefined;
  /** What linux.seccomp says. */
  seccomp: LinuxSeccomp | undefined;
  /** The container's, for the agent of a seccomp listener. */
  state: () => State;
}

/**
 * Answers the process until it is ready; `mounted` is called when it waits for hooks. Returns the master of its terminal, if
 * it has one that went to no console socket. Throws a Failure.
 */
export function serve(newcomer: Newcomer, mounted = () => {}): number | undefined {
  const { child, channel, consoleSocket } = newcomer;
  let terminal: number | undefined;
  for (;;) {
    const { message, descriptors } = hear(child, channel);
    if (message.type === "created") return terminal;
    if (message.type === "console")
      terminal = passTerminal(consoleSocket, descriptors[0] as number);
    else if (message.type === "filtering") handListener(newcomer, message.listener);
    // If the process sends its listener after it was fetched, that is one too many.
    else if (message.type === "listener") descriptors.forEach(close);
    else mounted();
  }
}

function handListener({ child, channel, seccomp, state }: Newcomer, descriptor: number): void {
  const { fetchListener, passListener } = load(import("./seccompListener.ts"));
  const fetched = fetchListener(child, channel.fd, descriptor);
  const listener = fetched ?? (hear(child, channel).descriptors[0] as number);
  using(listener, () => passListener(seccomp ?? {}, child.pid, state(), listener));
}

/** The next message of the process. Throws the Failure that it reports, or that it has ended. */
export function hear(child: Child, channel: CreatorEnd): Message<FromInit> {
  const received = channel.receive();
  if (received === undefined) {
    const ending = wait(child.pidfd);
    throw endedEarly(ending && ` with status ${exitStatus(ending)}`);
  }
  if (received.message.type === "failed") throw Failure.from(received.message.failure);
  return received;
}
