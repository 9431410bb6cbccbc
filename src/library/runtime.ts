/** The runtime as a front-end calls it. */
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Features, LinuxResources, Process, Spec } from "@opencontainers-types";
import { stringifyJson } from "../../spec/json.ts";
import { readStatistics, type Statistics } from "../cgroup/statistics/statistics.ts";
import { Failure } from "../failure.ts";
import { processStatus } from "../linux/proc.ts";
import { callerOf } from "../runtime/caller.ts";
import type { CgroupManager, Context } from "../runtime/context.ts";
import { defaultConfig, toRootless } from "../runtime/defaultConfig.ts";
import type { ContainerEvent } from "../runtime/events.ts";
import { list } from "../runtime/list.ts";
import { inOwnGroup } from "../runtime/ownGroup.ts";
import { identityOf, livingProcess } from "../runtime/process.ts";
import { processes } from "../runtime/ps.ts";
import { stateRoot } from "../runtime/root.ts";
import { type ContainerState, state } from "../runtime/state.ts";
import { StateDirectory } from "../runtime/store.ts";
import { onAbort } from "./abort.ts";
import { Binary, type OutputOptions, type Running, withText } from "./binary.ts";
import { BinaryError, inProcess, runtimeErrorOf, toRuntimeError } from "./errors.ts";
import { AttachedProcess, ContainerProcess, type Signal, toSignalNumber } from "./handle.ts";
import { killWholeOn, readPid, untilStarted } from "./making.ts";
import { type Stdio, Streams } from "./stdio.ts";
import { Handover, openTerminal, sizeOf, Terminal, type TerminalSize } from "./terminal.ts";

/** What holds for all calls of a Runtime. */
export interface RuntimeOptions {
  /** The tsrun binary. Default: `$TSRUN`, else the one in this package, else `tsrun` in `$PATH`. */
  binary?: string;
  /** The directory of the containers' states. Default: `/run/tsrun`; without privilege `$XDG_RUNTIME_DIR/tsrun`. */
  root?: string;
  /** Who makes the containers' cgroups; `"disabled"`: they have none of their own. Default: `"cgroupfs"`. */
  cgroupManager?: CgroupManager;
  /** Whether containers go without what takes the privilege of root. Default: whether this process has none. */
  rootless?: boolean;
  /**
   * The environment of the binary. Default: that of this process, without what a service manager has told this process alone
   * (`NOTIFY_SOCKET`, `LISTEN_FDS`).
   */
  env?: Readonly<Record<string, string | undefined>>;
  /**
   * Hears what did not go as asked but has not stopped a call. Default: a warning of the process. What it throws, the call
   * rejects with.
   */
  warn?: (message: string) => void;
}

/** Options of every call that runs the binary. */
export interface CallOptions {
  /**
   * Kills the call and the process that it makes; it then rejects with the signal's reason. What an interrupted creation
   * leaves behind, `delete` with `force` removes.
   */
  signal?: AbortSignal;
}

/** Where a process's streams lead. A terminal takes the place of all three. */
export interface StreamOptions {
  /** The standard streams. Default: nowhere. */
  stdio?: Stdio;
  /**
   * Gives the process a terminal, of this size or of none in particular. For a container config.json has to ask for one, too,
   * and for a whole process its `terminal`; `exec` of a program needs no more than this.
   */
  terminal?: boolean | TerminalSize;
  /** Descriptors of this process that the new one gets as 3, 4 and so on. */
  preserveFds?: readonly number[];
}

/** Options of every call that makes a process. */
export interface MakingOptions extends CallOptions, StreamOptions {
  /** A file to write the pid to, for other programs. */
  pidFile?: string;
}

/** How a container is created. */
export interface CreateOptions extends MakingOptions {
  /** The bundle's directory. */
  bundle: string;
  /** A unix socket that gets a descriptor of the process, for other programs. */
  pidfdSocket?: string;
  /** Do not change the root with pivot_root(2): for a root filesystem on a ramdisk. */
  noPivot?: boolean;
  /** Do not make a session keyring: the container has the caller's. */
  noNewKeyring?: boolean;
}

/** How a container is run. */
export interface RunOptions extends CreateOptions {
  /** Do not wait for the process: nobody will know its exit status. */
  detach?: boolean;
  /** Do not delete the container when its process has ended. */
  keep?: boolean;
}

/** What a further process is, where it departs from the container's own. */
export interface ProcessChanges {
  /** The working directory. */
  cwd?: string;
  /**
   * Variables, added to those of the container's process. Everybody on the machine can read them in the command line of tsrun
   * while that runs; those of a whole process go to it in a file that only this user can read.
   */
  env?: Readonly<Record<string, string | undefined>>;
  /** The user, and the group. */
  user?: { uid: number; gid?: number };
  /** Groups, added to those of the container's process. */
  additionalGids?: readonly number[];
  /** Capabilities, added to those of the container's process. */
  capabilities?: readonly string[];
  /** Whether the process, and what it executes, gets no new privileges. */
  noNewPrivileges?: boolean;
  /** Its AppArmor profile. */
  apparmorProfile?: string;
  /** Its SELinux label. */
  selinuxLabel?: string;
}

/** How a further process is executed. */
export interface ExecOptions extends MakingOptions, ProcessChanges {
  /** Do not wait for the process: nobody will know its exit status. */
  detach?: boolean;
  /** A unix socket that gets a descriptor of the process, for other programs. */
  pidfdSocket?: string;
  /** A group below the container's own to begin in. */
  cgroup?: string;
  /** Execute it in a paused container, too: it goes on when that does. */
  ignorePaused?: boolean;
}

/** How resources are changed. */
export interface UpdateOptions extends CallOptions {
  /** Of linux.intelRdt, what can be changed: a line of the schemata for the cache, and one for the memory's bandwidth. */
  intelRdt?: { l3CacheSchema?: string; memBwSchema?: string };
}

/** What is told of a container. */
export interface EventsOptions extends CallOptions {
  /** Milliseconds between two statistics. Default: 5000. */
  interval?: number;
  /** What is told of as pressure, such as `"memory:some:150ms/1s"`. */
  pressure?: readonly string[];
  /** Adds to the statistics, as `cgroup`, all that the files of the cgroup say. */
  cgroup?: boolean;
}

/** Options of `checkpoint` and `restore` alike. */
export interface ImageOptions extends CallOptions {
  /** The directory of the images. */
  imagePath: string;
  /** The directory of criu's log and its other files. Default: that of the images. */
  workPath?: string;
  /** Allow open TCP connections. */
  tcpEstablished?: boolean;
  /** Allow connections over unix sockets to processes outside of the container. */
  extUnixSk?: boolean;
  /** Allow a session and a terminal that begin outside of the container. */
  shellJob?: boolean;
  /** Allow file locks. */
  fileLocks?: boolean;
  /** Drop from older images the memory that newer ones have. */
  autoDedup?: boolean;
  /** Fetch memory when it is needed (userfaultfd(2)). */
  lazyPages?: boolean;
  /** What becomes of the container's cgroups. */
  manageCgroupsMode?: "soft" | "full" | "strict" | "ignore";
}

/** How a container is saved. */
export interface CheckpointOptions extends ImageOptions {
  /** Let the container go on; otherwise it is deleted. */
  leaveRunning?: boolean;
  /** The directory of an earlier `preDump`, relative to that of the images. */
  parentPath?: string;
  /** Save the memory only, and let the container go on. */
  preDump?: boolean;
  /** Leave out TCP connections that are not established yet. */
  tcpSkipInFlight?: boolean;
  /** Give files a name again that were deleted and are still open, where possible. */
  linkRemap?: boolean;
  /** Send the memory to a page server: `address:port`. */
  pageServer?: string;
  /** A descriptor of this process that a NUL is written to when `lazyPages` can be served: now is the time to restore. */
  statusFd?: number;
}

/** How a container is brought back. */
export interface RestoreOptions extends ImageOptions, Omit<MakingOptions, "preserveFds"> {
  /** The bundle that it was made of. */
  bundle: string;
  /** Do not wait for the process: nobody will know its exit status. */
  detach?: boolean;
  /** AppArmor profile or SELinux label for the processes: `type:name`. */
  lsmProfile?: string;
  /** SELinux label for the mounts. */
  lsmMountContext?: string;
}

/** The versions of a binary. */
export interface Version {
  /** tsrun's own. */
  tsrun: string;
  /** That of the runtime specification. */
  spec: string;
}

type Words = readonly string[];

/**
 * tsrun for a program: a method for every command. What makes or enters a container or changes one is done by the tsrun
 * binary; what only reads is done in this process, whose working directory, umask and namespaces nothing here changes. All
 * methods reject with a {@link RuntimeError}, but for a signal's reason, and a TypeError or RangeError for values that no
 * configuration can have.
 */
export class Runtime {
  readonly #binary: Binary;
  readonly #context: Context;

  /** Throws a {@link RuntimeError} for a root that cannot be one. */
  constructor(options: RuntimeOptions = {}) {
    const { binary, root, cgroupManager = "cgroupfs", rootless, env } = options;
    const warn = options.warn ?? ((message) => process.emitWarning(message, "TsrunWarning"));
    const caller = callerOf(rootless);
    this.#context = {
      root: inProcess(() => stateRoot(root, caller)),
      // A front-end that is new on a machine has no containers yet.
      rootMustExist: false,
      cgroupManager,
      caller,
      warn,
    };
    const globals = [
      ...["--root", this.#context.root, "--cgroup-manager", cgroupManager],
      ...valued("rootless", rootless),
    ];
    this.#binary = new Binary(binary, globals, env, warn);
  }

  /** Creates a container, whose process waits for `start`. */
  async create(id: string, options: CreateOptions): Promise<ContainerProcess> {
    return this.#detached(["create", ...creationWords(options)], [id], options);
  }

  /** Lets the process of a created container go on to the program, and resolves when that runs. */
  async start(id: string, options?: CallOptions): Promise<void> {
    await this.#call(["start"], [id], options);
  }

  /** Creates and starts a container, and does not wait for its end. */
  async run(id: string, options: RunOptions & { detach: true }): Promise<ContainerProcess>;
  /** Creates and starts a container, waits for its end, and deletes it then. Resolves when the program runs. */
  async run(id: string, options: RunOptions & { detach?: false }): Promise<AttachedProcess>;
  /** With `detach` or without; an AttachedProcess if without. */
  async run(id: string, options: RunOptions): Promise<ContainerProcess>;
  async run(id: string, options: RunOptions): Promise<ContainerProcess> {
    const words = ["run", ...flag("keep", options.keep), ...creationWords(options)];
    return options.detach
      ? this.#detached([...words, "--detach"], [id], options)
      : this.#attached(words, [id], options);
  }

  /** Executes one more process in a container, and does not wait for its end. */
  async exec(
    id: string,
    program: readonly string[] | Process,
    options: ExecOptions & { detach: true },
  ): Promise<ContainerProcess>;
  /**
   * Executes one more process in a container. `program` is its arguments, which run as the container's own process does but
   * for what the options change; or all of a process, as config.json has it. Resolves when the program runs.
   */
  async exec(
    id: string,
    program: readonly string[] | Process,
    options?: ExecOptions & { detach?: false },
  ): Promise<AttachedProcess>;
  /** With `detach` or without; an AttachedProcess if without. */
  async exec(
    id: string,
    program: readonly string[] | Process,
    options: ExecOptions,
  ): Promise<ContainerProcess>;
  async exec(
    id: string,
    program: readonly string[] | Process,
    options: ExecOptions = {},
  ): Promise<ContainerProcess> {
    const words = ["exec", ...execWords(options)];
    const start = (more: Words, after: Words) =>
      options.detach
        ? this.#detached([...words, ...more, "--detach"], after, options)
        : this.#attached([...words, ...more], after, options);
    if (isWords(program)) return start(changeWords(options), [id, "--", ...program]);
    refuseChanges(options);
    return Handover.within((handover) => {
      const text = stringifyJson(program);
      inProcess(() => writeFileSync(handover.processFile, text, { mode: 0o600 }));
      return start(["--process", handover.processFile], [id]);
    });
  }

  /** Sends a signal (default: SIGTERM) to the container's first process, or with `all` to all of its processes. */
  async kill(
    id: string,
    signal: Signal = "SIGTERM",
    { all = false, ...options }: CallOptions & { all?: boolean } = {},
  ): Promise<void> {
    const number = String(toSignalNumber(signal));
    await this.#call(["kill", ...flag("all", all)], [id, number], options);
  }

  /** Removes a container that has ended, or with `force` any; with that, one that is not there is no error. */
  async delete(
    id: string,
    { force = false, ...options }: CallOptions & { force?: boolean } = {},
  ): Promise<void> {
    await this.#call(["delete", ...flag("force", force)], [id], options);
  }

  /** Stops all processes of a container where they are. */
  async pause(id: string, options?: CallOptions): Promise<void> {
    await this.#call(["pause"], [id], options);
  }

  /** Lets the processes of a paused container go on. */
  async resume(id: string, options?: CallOptions): Promise<void> {
    await this.#call(["resume"], [id], options);
  }

  /** Changes a container's resources; what is not given stays as it is. */
  async update(id: string, resources: LinuxResources, options: UpdateOptions = {}): Promise<void> {
    const { intelRdt = {}, ...call } = options;
    const words = [
      ...["update", "--resources", "-"],
      ...valued("l3-cache-schema", intelRdt.l3CacheSchema),
      ...valued("mem-bw-schema", intelRdt.memBwSchema),
    ];
    await withText(stringifyJson(resources), (input) =>
      this.#call(words, [id], { ...call, input }),
    );
  }

  /** Saves a running container with criu. */
  async checkpoint(id: string, options: CheckpointOptions): Promise<void> {
    const { signal, statusFd } = options;
    await this.#call(["checkpoint", ...imageWords(options), ...checkpointWords(options)], [id], {
      ...(signal ? { signal } : {}),
      ...(statusFd === undefined ? {} : { more: [statusFd] }),
    });
  }

  /** Brings a saved container back, and does not wait for its end. */
  async restore(id: string, options: RestoreOptions & { detach: true }): Promise<ContainerProcess>;
  /** Brings a saved container back, waits for its end, and deletes it then. Resolves when it goes on. */
  async restore(id: string, options: RestoreOptions & { detach?: false }): Promise<AttachedProcess>;
  /** With `detach` or without; an AttachedProcess if without. */
  async restore(id: string, options: RestoreOptions): Promise<ContainerProcess>;
  async restore(id: string, options: RestoreOptions): Promise<ContainerProcess> {
    const { bundle, lsmProfile, lsmMountContext } = options;
    const words = [
      ...["restore", `--bundle=${bundle}`, ...imageWords(options)],
      ...valued("lsm-profile", lsmProfile),
      ...valued("lsm-mount-context", lsmMountContext),
    ];
    return options.detach
      ? this.#detached([...words, "--detach"], [id], options)
      : // Its processes do not execute anything.
        this.#attached(words, [id], options, () => true);
  }

  /** What a container is and does. */
  async state(id: string): Promise<ContainerState> {
    return inProcess(() => state(this.#context, id));
  }

  /** All containers of the root, in the order of their ids. */
  async list(): Promise<ContainerState[]> {
    return inProcess(() => list(this.#context));
  }

  /** What a container's cgroup has used and may use. */
  async statistics(id: string): Promise<Statistics> {
    return inProcess(() => {
      const stored = StateDirectory.look(this.#context.root, id, (directory) => directory.known());
      return inOwnGroup(stored, readStatistics);
    });
  }

  /** The pids of a container's processes, in the PID namespace of this process. */
  async processes(id: string): Promise<number[]> {
    return inProcess(() => processes(this.#context, id));
  }

  /** What ps(1) with these options (default: `-ef`) prints of a container's processes, with its header. */
  async processTable(
    id: string,
    psOptions: readonly string[] = [],
    options?: CallOptions,
  ): Promise<string> {
    return this.#binary.output(["ps", "--", id, ...psOptions], options);
  }

  /**
   * What happens in a container, and at each interval what it uses, until it ends, the loop is left, or the signal comes,
   * with whose reason it rejects.
   */
  events(id: string, options: EventsOptions = {}): AsyncGenerator<ContainerEvent, void> {
    const leaving = new AbortController();
    const events = this.#events(id, options, leaving.signal);
    // A generator is left when what it waits for has come: here that may take an interval.
    const { return: leave, throw: fail } = events;
    return Object.assign(events, {
      return: (...value: Parameters<typeof leave>) => {
        leaving.abort();
        return leave.apply(events, value);
      },
      throw: (error: unknown) => {
        leaving.abort();
        return fail.call(events, error);
      },
    });
  }

  async *#events(
    id: string,
    { interval = 5000, pressure = [], cgroup, signal }: EventsOptions,
    left: AbortSignal,
  ): AsyncGenerator<ContainerEvent, void> {
    signal?.throwIfAborted();
    const triggers = pressure.flatMap((trigger) => ["--pressure", trigger]);
    const words = ["--interval", `${interval}ms`, ...triggers, ...flag("cgroup", cgroup), "--", id];
    const streams = inProcess(() => new Streams({ stdout: "pipe" }));
    try {
      const running = this.#start(streams, ["events", ...words], [], signal);
      onAbort(left, () => running.child.kill());
      try {
        const lines = createInterface({ input: streams.stdout as NodeJS.ReadableStream });
        for await (const line of lines)
          yield this.#binary.parse(line, "an event") as ContainerEvent;
        if (!left.aborted) await running.ended;
      } finally {
        running.child.kill();
      }
    } finally {
      streams.destroy();
    }
  }

  /** The configuration that `tsrun spec` writes, to begin from; with `rootless` one that this user can run. */
  async spec({ rootless = false }: { rootless?: boolean } = {}): Promise<Spec> {
    const config = defaultConfig();
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
    return rootless ? toRootless(config, uid, gid) : config;
  }

  /** What the binary knows (the specification's features.md). */
  async features(options?: CallOptions): Promise<Features> {
    const text = await this.#binary.output(["features"], options);
    return this.#binary.parse(text, "the features") as Features;
  }

  /** The versions of the binary. */
  async version(options?: CallOptions): Promise<Version> {
    const text = await this.#binary.output(["--version"], options);
    const [, tsrun, spec] = /^tsrun version (\S+)[\s\S]*^spec: (\S+)$/m.exec(text) ?? [];
    if (tsrun === undefined || spec === undefined)
      throw new BinaryError(
        new Failure(`${this.#binary.path} is no tsrun: it has no version of one`),
      );
    return { tsrun, spec };
  }

  async #call(words: Words, after: Words, options?: OutputOptions): Promise<void> {
    await this.#binary.output([...words, "--", ...after], options);
  }

  /** A command that makes a process and ends. */
  async #detached(words: Words, after: Words, options: MakingOptions): Promise<ContainerProcess> {
    const { terminal, preserveFds = [], signal } = options;
    const size = sizeOf(terminal);
    signal?.throwIfAborted();
    return Handover.within(async (handover) => {
      const pidFile = options.pidFile || handover.pidFile;
      const line = [...words, "--pid-file", pidFile, ...preserved(preserveFds)];
      if (terminal) {
        inProcess(() => handover.listen());
        line.push("--console-socket", handover.consoleSocket);
      }
      const streams = inProcess(() => new Streams(terminal ? {} : (options.stdio ?? {})));
      let shown: Terminal | undefined;
      try {
        const running = this.#start(streams, [...line, "--", ...after], preserveFds);
        const takeBack = killWholeOn(signal, running, pidFile);
        const status = await running.ended.catch(rethrow(signal)).finally(takeBack);
        if (status !== 0)
          throw toRuntimeError(new Failure(`tsrun ${words[0]} has ended with status ${status}`));
        const pid = readPid(pidFile, status);
        const process = identityOf(pid);
        const mayComeBack = () => livingProcess({ process }) !== undefined;
        if (terminal) shown = new Terminal(handover.takeTerminal(), { mayComeBack });
        if (size) shown?.resize(size);
        return new ContainerProcess(pid, streams, shown);
      } catch (error) {
        shown?.destroy();
        streams.destroy();
        return rethrow(signal)(error);
      }
    });
  }

  /** A command that waits for the process that it makes. `isThere`: whether that has come to its program. */
  async #attached(
    words: Words,
    after: Words,
    options: MakingOptions,
    isThere = (pid: number) => processStatus(pid)?.hasExecuted === true,
  ): Promise<AttachedProcess> {
    const { terminal, preserveFds = [], signal } = options;
    const size = sizeOf(terminal);
    signal?.throwIfAborted();
    return Handover.within(async (handover) => {
      const pidFile = options.pidFile || handover.pidFile;
      const line = [...words, "--pid-file", pidFile, ...preserved(preserveFds), "--", ...after];
      let running: Running | undefined;
      // It is the terminal of tsrun, which gives the other one the same size, and passes on that it was hung up.
      const pty = terminal
        ? inProcess(() =>
            openTerminal(size, {
              resized: () => running?.child.kill("SIGWINCH"),
              hungUp: () => running?.child.kill("SIGHUP"),
            }),
          )
        : undefined;
      const streams = inProcess(() => new Streams(options.stdio ?? {}, pty?.slave));
      try {
        const call = this.#start(streams, line, preserveFds);
        running = call;
        const takeBack = killWholeOn(signal, call, pidFile);
        const started = await untilStarted(call, pidFile, isThere).finally(takeBack);
        const ended = call.ended.finally(() => signal?.throwIfAborted());
        const attached = new AttachedProcess(started, ended, streams, pty?.terminal);
        attached.killOn(signal);
        // Both may have come at once: whatever the signal interrupts is no process that somebody waits for.
        signal?.throwIfAborted();
        return attached;
      } catch (error) {
        pty?.terminal.destroy();
        streams.destroy();
        return rethrow(signal)(error);
      }
    });
  }

  #start(streams: Streams, words: Words, more: readonly number[] = [], signal?: AbortSignal) {
    try {
      return this.#binary.run({ words, descriptors: [...streams.descriptors, ...more], signal });
    } finally {
      streams.give();
    }
  }
}

/** Throws the reason of the signal, if that has come, or what went wrong as a RuntimeError. */
const rethrow =
  (signal: AbortSignal | undefined) =>
  (error: unknown): never => {
    signal?.throwIfAborted();
    throw runtimeErrorOf(error);
  };

const isWords = (program: readonly string[] | Process): program is Words => Array.isArray(program);

const flag = (name: string, isSet: boolean | undefined): Words => (isSet ? [`--${name}`] : []);

const valued = (name: string, value: string | number | boolean | undefined): Words =>
  value === undefined ? [] : [`--${name}=${value}`];

function preserved(descriptors: readonly number[]): Words {
  for (const fd of descriptors)
    if (!Number.isInteger(fd) || fd < 0)
      throw new RangeError(`preserveFds has ${fd}: no descriptor`);
  return descriptors.length > 0 ? ["--preserve-fds", String(descriptors.length)] : [];
}

const creationWords = ({ bundle, noPivot, noNewKeyring, pidfdSocket }: CreateOptions): Words => [
  `--bundle=${bundle}`,
  ...valued("pidfd-socket", pidfdSocket),
  ...flag("no-pivot", noPivot),
  ...flag("no-new-keyring", noNewKeyring),
];

const execWords = ({ cgroup, ignorePaused, pidfdSocket }: ExecOptions): Words => [
  ...valued("pidfd-socket", pidfdSocket),
  ...valued("cgroup", cgroup),
  ...flag("ignore-paused", ignorePaused),
];

const CHANGES: readonly (keyof ProcessChanges)[] = [
  ...(["cwd", "env", "user", "additionalGids", "capabilities", "noNewPrivileges"] as const),
  ...(["apparmorProfile", "selinuxLabel"] as const),
];

/** A whole process has all of it already, and tsrun would not look at them. */
function refuseChanges(options: ProcessChanges): void {
  const given = CHANGES.filter((name) => options[name] !== undefined);
  if (given.length > 0)
    throw toRuntimeError(
      new Failure(`exec has got a whole process, and the options ${given.join(", ")} beside it`, {
        hint: "say them in the process",
      }),
    );
}

const changeWords = (changes: ExecOptions): Words => [
  ...flag("tty", Boolean(changes.terminal)),
  ...valued("cwd", changes.cwd),
  ...Object.entries(changes.env ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`--env=${name}=${value}`],
  ),
  ...valued("user", changes.user && [changes.user.uid, changes.user.gid ?? []].flat().join(":")),
  ...(changes.additionalGids ?? []).map((gid) => `--additional-gids=${gid}`),
  ...(changes.capabilities ?? []).map((capability) => `--cap=${capability}`),
  ...flag("no-new-privs", changes.noNewPrivileges),
  ...valued("apparmor", changes.apparmorProfile),
  ...valued("process-label", changes.selinuxLabel),
];

const imageWords = (options: ImageOptions): Words => [
  ...valued("image-path", options.imagePath),
  ...valued("work-path", options.workPath),
  ...flag("tcp-established", options.tcpEstablished),
  ...flag("ext-unix-sk", options.extUnixSk),
  ...flag("shell-job", options.shellJob),
  ...flag("file-locks", options.fileLocks),
  ...flag("auto-dedup", options.autoDedup),
  ...flag("lazy-pages", options.lazyPages),
  ...valued("manage-cgroups-mode", options.manageCgroupsMode),
];

const checkpointWords = (options: CheckpointOptions): Words => [
  ...flag("leave-running", options.leaveRunning),
  ...flag("pre-dump", options.preDump),
  ...flag("tcp-skip-in-flight", options.tcpSkipInFlight),
  ...flag("link-remap", options.linkRemap),
  ...valued("parent-path", options.parentPath),
  ...valued("page-server", options.pageServer),
  ...valued("status-fd", options.statusFd === undefined ? undefined : 3),
];
