/**
 * A service manager ($NOTIFY_SOCKET, sd_notify(3)) waits to hear that what it has started is ready, and that is a
 * container. As with runc, the container gets a socket of its own on /run/notify, whoever starts it listens there, and
 * of what the container says only READY=1 goes on to the service manager: it must not speak for its host.
 */

import type { Mount } from "@opencontainers-types";
import {
  EAGAIN,
  O_DIRECTORY,
  O_PATH,
  POLLIN,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SYS_read,
} from "#abi";
import { syscall } from "#host";
import { umask } from "../linux/credentials.ts";
import { check } from "../linux/errno.ts";
import { findAt, mkdirAt, unlinkAt, using } from "../linux/fs.ts";
import { getpid } from "../linux/process.ts";
import { poll, type Watched } from "../linux/signals.ts";
import { bindAt, connectTo, send, socketpair } from "../linux/socket.ts";
import { encode } from "../linux/text.ts";
import type { Context } from "./context.ts";
import { withProcess } from "./process.ts";
import type { StateDirectory, StoredState } from "./store.ts";

const FOLDER = "notify";
const SOCKET = "notify.sock";
const FOLDER_INSIDE = "/run/notify";

export const NOTIFY_VARIABLE = `NOTIFY_SOCKET=${FOLDER_INSIDE}/${SOCKET}`;

/** Whoever the container's process is, it may come to the socket and write to it. */
function withoutUmask<T>(make: () => T): T {
  const callersMask = umask(0);
  try {
    return make();
  } finally {
    umask(callersMask);
  }
}

/** Makes the folder in which there will be the socket, and returns its mount for the container. */
export function makeNotifyFolder(context: Context, directory: StateDirectory): Mount {
  withoutUmask(() => mkdirAt(directory.fd, FOLDER, 0o755));
  return mountOf(context, directory);
}

/** The mount of a container that was created with the folder; undefined for another one. */
export function notifyMount(context: Context, directory: StateDirectory): Mount | undefined {
  const folder = findAt(directory.fd, FOLDER, O_PATH | O_DIRECTORY);
  return folder === undefined ? undefined : using(folder, () => mountOf(context, directory));
}

const mountOf = ({ root }: Context, { id }: StateDirectory): Mount => ({
  destination: FOLDER_INSIDE,
  type: "bind",
  source: `${root}/${id}/${FOLDER}`,
  options: ["bind", "nosuid", "noexec", "nodev", "ro"],
});

/** Listens for a container that was created with the folder; undefined for another one, which was told of no socket. */
export function listenForReadiness(
  context: Context,
  directory: StateDirectory,
): Readiness | undefined {
  const folder = findAt(directory.fd, FOLDER, O_PATH | O_DIRECTORY);
  if (folder === undefined) return undefined;
  return using(folder, () => {
    // One that an earlier start has left, which failed.
    unlinkAt(folder, SOCKET);
    const path = `/proc/self/fd/${folder}/${SOCKET}`;
    return new Readiness(
      context,
      withoutUmask(() => bindAt(path, SOCK_DGRAM | SOCK_NONBLOCK)),
    );
  });
}

/** A longer message is cut (sd_notify(3) asks for less). */
const MESSAGE_MAX = 4096;

/** Who says more has to wait: there are signals to pass on as well. */
const MESSAGES_AT_ONCE = 64;

/** How long a service manager may take to have read what it was told. */
const BARRIER_MS = 30_000;

/** The socket on which a container says that it is ready. */
export class Readiness {
  readonly #context: Context;
  readonly #fd: number;
  #isTold = false;

  constructor(context: Context, fd: number) {
    this.#context = context;
    this.#fd = fd;
  }

  /**
   * Waits until the container is ready, and tells the service manager that it is to watch the container's process from
   * now on; or until that has ended.
   */
  await(state: StoredState): void {
    withProcess(state, (pidfd) => {
      for (;;) {
        const ready = poll([pidfd, this.#fd].map((fd) => ({ fd, events: POLLIN })));
        if (ready.some(({ fd }) => fd === this.#fd) && this.#isSaid())
          return tellReady(this.#context, state.process?.pid ?? 0, waitForBarrier);
        if (ready.some(({ fd }) => fd === pidfd)) return;
      }
    });
  }

  /** What to wait for in the foreground: what a container goes on to say is read, or it would have to wait for that. */
  watched(): Watched[] {
    return [{ fd: this.#fd, events: POLLIN }];
  }

  /** In the foreground tsrun stays, and is what the service manager goes on watching. */
  move(ready: ReadonlySet<number>): void {
    if (!ready.has(this.#fd) || !this.#isSaid() || this.#isTold) return;
    this.#isTold = true;
    tellReady(this.#context, getpid());
  }

  /** Whether it has been said in one of the messages that have come. */
  #isSaid(): boolean {
    const buffer = new Uint8Array(MESSAGE_MAX);
    for (let count = 0; count < MESSAGES_AT_ONCE; count++) {
      // Without room for descriptors, which a message may carry.
      const length = syscall(SYS_read, this.#fd, buffer, buffer.length);
      if (length === -EAGAIN) return false;
      const message = String.fromCharCode(...buffer.subarray(0, check(length, "read", this.#fd)));
      if (message.split("\n").includes("READY=1")) return true;
    }
    return false;
  }
}

/** For a container that was restored: it has said so before, or else never will. `stays`: this process goes on beside it. */
export function announceRestored(context: Context, { process }: StoredState, stays: boolean): void {
  if (stays) tellReady(context, getpid());
  else tellReady(context, process?.pid ?? 0, waitForBarrier);
}

/** A service manager that does not listen is no reason to stop a container that runs. */
function tellReady(
  { notifySocket = "", warn }: Context,
  pid: number,
  afterwards: (manager: number) => void = () => {},
): void {
  // A name of the abstract namespace (unix(7)), as sd_notify(3) writes it.
  const path = notifySocket.startsWith("@") ? `\0${notifySocket.slice(1)}` : notifySocket;
  try {
    using(connectTo(path, SOCK_DGRAM), (manager) => {
      send(manager, encode(`MAINPID=${pid}\nREADY=1`));
      afterwards(manager);
    });
  } catch (error) {
    warn(`telling ${notifySocket} that the container is ready: ${(error as Error).message}`);
  }
}

/**
 * Waits until the service manager has dealt with what it was told, which it shows by closing the descriptor that comes
 * with this message: of a process that has ended it could not tell whose it was (sd_notify_barrier(3)).
 */
function waitForBarrier(manager: number): void {
  const [own, sent] = socketpair(SOCK_STREAM);
  using(own, () => {
    using(sent, () => send(manager, encode("BARRIER=1"), [sent]));
    if (poll([{ fd: own, events: POLLIN }], BARRIER_MS).length === 0)
      throw new Error(`no answer within ${BARRIER_MS / 1000} s`);
  });
}
