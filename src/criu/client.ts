/**
 * criu (https://criu.org) as a program that serves requests over a socket (`criu swrk`, https://criu.org/RPC): one request
 * at a time, and while it works on one, it notifies of how far it has come and waits for an answer.
 */
import {
  CLOSE_RANGE_CLOEXEC,
  ECONNRESET,
  EPIPE,
  F_DUPFD_CLOEXEC,
  SHUT_WR,
  SOCK_SEQPACKET,
  SYS_shutdown,
} from "#abi";
import { syscall } from "#host";
import { FAILURE_BYTES, Failure, type FailureData } from "../failure.ts";
import { Errno, unless } from "../linux/errno.ts";
import { close, closeFrom, dup, fcntl, using } from "../linux/fs.ts";
import {
  type Child,
  describeEnding,
  type Ending,
  exit,
  exitStatus,
  ownEnvironment,
  prepareExec,
  spawn,
  wait,
} from "../linux/process.ts";
import { findProgram } from "../linux/program.ts";
import { resetSignalActions, unblockSignals } from "../linux/signals.ts";
import { receive, send, socketpair } from "../linux/socket.ts";
import { decode, encode } from "../linux/text.ts";
import {
  FEATURE_CHECK,
  type Features,
  NOTIFY,
  type Options,
  REQUEST,
  RESPONSE,
  type Request,
  type Response,
  VERSION,
} from "./messages.ts";
import { decodeMessage, encodeMessage } from "./protobuf.ts";

const INSTALL =
  "install criu 3.16 or later (Debian's and Fedora's package criu), and see `criu check`";

/** The first to know external PID namespaces, cgroup v2's freezer and labels of security modules (--lsm-profile). */
const OLDEST = 31600;

/** Of criu's messages: they name a file or two at most. */
const RESPONSE_MAX = 65536;

/** Where criu finds its socket, and from where on what it inherits. */
const SOCKET = 3;
export const FIRST_INHERITED = 4;

/** What criu tells while it works (https://criu.org/Action_scripts). */
export interface Notification {
  /** How far it has come, such as `setup-namespaces`. */
  script: string;
  /** The restored process's, where there is one. */
  pid: number | undefined;
  descriptors: readonly number[];
}

/** How criu is to be started. */
export interface Start {
  /** The directory of the cgroup in which it begins. */
  cgroup?: number | undefined;
  /** Its standard streams; by default those of this process. */
  streams?: readonly [input: number, output: number, errors: number];
  /** Descriptors that it finds from FIRST_INHERITED on. */
  inherited?: readonly number[];
}

/** criu has not done what it was asked for; `message` has its own word, if it gave one. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** A criu that runs. */
export class Criu {
  /** Its process. */
  readonly child: Child;
  readonly #socket: number;

  private constructor(child: Child, socket: number) {
    this.child = child;
    this.#socket = socket;
  }

  /** Starts criu. Throws a Failure if there is none in PATH, it is too old or it cannot be executed. */
  static start(start: Start = {}): Criu {
    const path = findProgram("criu");
    if (path === undefined) throw new Failure("there is no criu in PATH", { hint: INSTALL });
    const [own, theirs] = socketpair(SOCK_SEQPACKET);
    const [hears, tells] = socketpair(SOCK_SEQPACKET);
    const child = spawn({ cgroup: start.cgroup }, () => become(path, theirs, tells, start));
    close(theirs);
    close(tells);
    const criu = new Criu(child, own);
    try {
      // Closed by execve: silence is success.
      const message = using(hears, () => receive(hears, FAILURE_BYTES));
      if (message) throw Failure.from(JSON.parse(decode(message.data)) as FailureData);
      criu.#refuseOld(path);
      return criu;
    } catch (error) {
      criu.end();
      throw error;
    }
  }

  #refuseOld(path: string): void {
    const { version } = this.#ask({ type: VERSION });
    const { major_number = 0, minor_number = 0, sublevel = 0 } = version ?? {};
    if (major_number * 10000 + minor_number * 100 + sublevel < OLDEST)
      throw new Failure(`${path} is of version ${major_number}.${minor_number}, which is too old`, {
        hint: INSTALL,
      });
  }

  /** Whether criu and the kernel have a feature. */
  has(feature: keyof Features): boolean {
    const { features } = this.#ask({ type: FEATURE_CHECK, features: { [feature]: true } });
    return features?.[feature] ?? false;
  }

  #ask(request: Request): Response {
    this.#send({ ...request, keep_open: true });
    return accepted(this.#receive().response);
  }

  /**
   * Has criu do something, which is its last request. `listen` hears all that criu notifies of; what it throws is thrown
   * when criu has undone what it did. Throws a Refusal if criu itself fails.
   */
  perform(type: number, opts: Options, listen: (notification: Notification) => void): Response {
    this.#send({ type, opts: { ...opts, notify_scripts: true } });
    let problem: { error: unknown } | undefined;
    for (;;) {
      const { response, descriptors } = this.#receive();
      if (response.type !== NOTIFY) {
        if (problem !== undefined) throw problem.error;
        return accepted(response);
      }
      try {
        const { script = "", pid } = response.notify ?? {};
        listen({ script, pid, descriptors });
      } catch (error) {
        problem ??= { error };
      }
      this.#send({ type: NOTIFY, notify_success: problem === undefined });
    }
  }

  /** That criu has ended is heard where its answer should be. */
  #send(request: Request): void {
    unless([EPIPE, ECONNRESET], () => send(this.#socket, encodeMessage(REQUEST, request)));
  }

  #receive(): { response: Response; descriptors: readonly number[] } {
    const received = unless([ECONNRESET], () => receive(this.#socket, RESPONSE_MAX));
    if (received === undefined) throw new Refusal("criu ended before it had answered");
    return {
      response: decodeMessage(RESPONSE, received.data),
      descriptors: received.descriptors,
    };
  }

  /** Lets criu end, which may wait for requests. Returns how it ended, to follow its name in a sentence, if not well. */
  end(): string | undefined {
    syscall(SYS_shutdown, this.#socket, SHUT_WR);
    const ending = wait(this.child.pidfd) as Ending;
    close(this.#socket);
    close(this.child.pidfd);
    return exitStatus(ending) === 0 ? undefined : describeEnding(ending);
  }
}

/** The errno is of criu's own making where nothing else is known (EBADRQC: an option that it does not like). */
function accepted(response: Response): Response {
  if (response.success) return response;
  const { cr_errmsg, cr_errno } = response;
  const reason = cr_errmsg?.trim() || (cr_errno && new Errno(cr_errno, "criu").message);
  throw new Refusal(`criu fails${reason ? `: ${reason}` : " and gives no reason"}`);
}

function become(path: string, socket: number, tells: number, start: Start): never {
  const { streams = [0, 1, 2], inherited = [] } = start;
  const end = FIRST_INHERITED + inherited.length;
  let voice = tells;
  try {
    // Out of the way first: a descriptor may be where another one is to go.
    const away = (fd: number) => fcntl(fd, F_DUPFD_CLOEXEC, end);
    voice = away(tells);
    const moved = [...streams, socket, ...inherited].map(away);
    moved.forEach(dup);
    closeFrom(end, CLOSE_RANGE_CLOEXEC);
    const exec = prepareExec(path, ["criu", "swrk", String(SOCKET)], ownEnvironment());
    resetSignalActions();
    unblockSignals();
    return exec();
  } catch (error) {
    send(voice, encode(JSON.stringify(Failure.of(error).toData())));
    return exit(1);
  }
}
