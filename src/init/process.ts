/**
 * How a process becomes the program: the last part of what a container's first process does, and one that is executed in
 * a running container. It stands in all its namespaces already, with the full capabilities of whoever made it.
 */
import type { Linux, Process } from "@opencontainers-types";
import {
  CLOSE_RANGE_CLOEXEC,
  EACCES,
  ELOOP,
  ENOENT,
  ENOTDIR,
  O_DIRECTORY,
  O_PATH,
  PER_LINUX,
  PER_LINUX32,
  PR_SET_NO_NEW_PRIVS,
  SYS_getcwd,
  SYS_personality,
} from "#abi";
import { load, syscall } from "#host";
import { doing, Failure } from "../failure.ts";
import { joinSessionKeyring, umask } from "../linux/credentials.ts";
import { check, Errno, errnoText, isErrno } from "../linux/errno.ts";
import { closeFrom, openInRoot, using, writeAll } from "../linux/fs.ts";
import { fchdir } from "../linux/namespaces.ts";
import { exit, prctl, prepareExec } from "../linux/process.ts";
import { unblockSignals } from "../linux/signals.ts";
import { send } from "../linux/socket.ts";
import { decode, encode } from "../linux/text.ts";
import type { Filter, Voice } from "../seccomp/filter.ts";
import { applyCapabilities, type CapabilityPlan, limitBounding } from "./capabilities.ts";
import { EXECUTING, EXECUTING_MUTE } from "./channel.ts";
import type { Terminal } from "./console.ts";
import { environmentOf } from "./environment.ts";
import { executionFailure, findExecutable } from "./executable.ts";
import { applyRlimits, becomeUser, giveStandardStreams, isStream } from "./identity.ts";
import type { Labels } from "./labels.ts";
import { replaceNullStreams } from "./nullDevice.ts";

/** What was decided of the program and of how it runs. */
export interface ProcessPlan {
  process: Process;
  /** What else it gets by linux. */
  linux: Pick<Linux, "personality" | "memoryPolicy">;
  capabilities: CapabilityPlan;
  /** What linux.seccomp asks for. */
  seccomp: Filter | undefined;
  /** The name of its session keyring; undefined for that of its caller. */
  keyring: string | undefined;
  /** Whether it has the supplementary groups of its caller, and not those of process.user. */
  keepsGroups: boolean;
  preserveFds: number;
  /** The soft limit of descriptors to go back to, if it was raised. */
  openFiles: bigint | undefined;
  /** What the runtime adds to process.env, as NAME=value. */
  variables: string[];
}

/** What is left to do. */
export interface Ready {
  /** The program's environment. */
  env: readonly string[];
  execute: () => never;
}

/** Opened below the host's /proc (`openProcRoot`), which is out of sight later. */
export function openLabels(process: Process, proc?: number): Labels | undefined {
  if (!process.apparmorProfile && !process.selinuxLabel) return undefined;
  return load(import("./labels.ts")).openLabels(process, proc);
}

/** The name of a container's session keyring (keyrings(7)), as with runc. */
export const keyringOf = (id: string): string => `_ses.${id}`;

/** Gives up what is not the user's, and returns the last step. */
export function becomeProcess(
  plan: ProcessPlan,
  root: number,
  terminal: Terminal | undefined,
  labels: Labels | undefined,
): Ready {
  const { process, linux, capabilities, keyring } = plan;
  const user = process.user ?? { uid: 0, gid: 0 };
  labels?.keyring();
  if (keyring !== undefined)
    doing("giving the process a session keyring of its own", undefined, () =>
      joinSessionKeyring(keyring),
    );
  if (terminal) load(import("./console.ts")).adoptTerminal(terminal);
  else replaceNullStreams(root);
  // A terminal of its own was made for it.
  giveStandardStreams(user.uid, terminal ? () => true : isStream);
  setPersonality(linux);
  if (linux.memoryPolicy) load(import("./memoryPolicy.ts")).applyMemoryPolicy(linux.memoryPolicy);
  labels?.program();
  doing("limiting the bounding set", "/process/capabilities/bounding", () =>
    limitBounding(capabilities.bounding),
  );
  const env = environmentOf([...(process.env ?? []), ...plan.variables], root, user.uid);
  const entered = enterWorkingDirectory(root, process.cwd, [EACCES]);
  becomeUser(user, plan.keepsGroups);
  if (!entered) enterWorkingDirectory(root, process.cwd, []);
  verifyWorkingDirectory(process.cwd);
  const retained = plan.seccomp
    ? load(import("./seccomp.ts")).capabilityToLoad(process.noNewPrivileges)
    : 0n;
  doing("setting the capabilities", "/process/capabilities", () =>
    applyCapabilities(capabilities, retained),
  );
  if (process.noNewPrivileges) prctl(PR_SET_NO_NEW_PRIVS, 1);
  umask(user.umask ?? 0o022);
  return { env, execute: lastStep(plan, env) };
}

/** The program is looked for as its user, in its root. */
function lastStep(plan: ProcessPlan, env: readonly string[]): () => never {
  const { args = [], rlimits = [] } = plan.process;
  const path = findExecutable(args[0] as string, env);
  closeFrom(3 + plan.preserveFds, CLOSE_RANGE_CLOEXEC);
  const exec = prepareExec(path, args, env);
  const loadFilter = plan.seccomp && load(import("./seccomp.ts")).lastStep(plan.seccomp);
  if (plan.openFiles !== undefined) load(import("./openFiles.ts")).restoreOpenFiles(plan.openFiles);
  return () => {
    applyRlimits(rlimits);
    loadFilter?.();
    try {
      return exec();
    } catch (error) {
      throw executionFailure(path, error);
    }
  };
}

function setPersonality({ personality }: ProcessPlan["linux"]): void {
  if (!personality) return;
  const persona = personality.domain === "LINUX32" ? PER_LINUX32 : PER_LINUX;
  doing("setting the personality", "/linux/personality", () =>
    check(syscall(SYS_personality, persona), "personality", personality.domain),
  );
}

/**
 * process.cwd, followed inside the root and through no magic link (CVE-2024-21626). First as root, then, where that is
 * closed to root (a network filesystem), as the user. False if one of `tolerated` stopped it.
 */
function enterWorkingDirectory(root: number, cwd: string, tolerated: readonly number[]): boolean {
  return doing(`entering the working directory ${cwd}`, "/process/cwd", () => {
    try {
      using(openInRoot(root, cwd, O_PATH | O_DIRECTORY), fchdir);
      return true;
    } catch (error) {
      if (isErrno(error, ...tolerated)) return false;
      if (!isErrno(error, EACCES, ELOOP, ENOENT, ENOTDIR)) throw error;
      // Podman knows what was wrong by "chdir to cwd".
      throw new Failure(`chdir to cwd: ${errnoText(error.errno)}`, { errno: error.errno });
    }
  });
}

/** A working directory outside the root reads as `(unreachable)…` (getcwd(3)). */
function verifyWorkingDirectory(cwd: string): void {
  const buffer = new Uint8Array(4096);
  const length = check(syscall(SYS_getcwd, buffer, buffer.length), "getcwd");
  if (!decode(buffer.subarray(0, length)).startsWith("/"))
    throw new Failure(`the working directory ${cwd} is outside the container's root`, {
      pointer: "/process/cwd",
    });
}

/**
 * Runs the program, after `before`. Never returns: `connection` closes by itself at execve (close-on-exec), so that silence
 * on it, after the word that it comes to that, is success.
 */
export function executeTelling(
  connection: number,
  { execute }: Ready,
  voice: Voice | undefined,
  before = () => {},
): never {
  try {
    before();
    sayBeginning(connection, voice);
    unblockSignals();
    return execute();
  } catch (error) {
    tell(connection, Failure.of(error), voice);
    return exit(1);
  }
}

function sayBeginning(connection: number, voice: Voice | undefined): void {
  const data = encode(voice === "none" ? EXECUTING_MUTE : EXECUTING);
  attempt(() => send(connection, data));
}

/** A seccomp filter may kill for the one way of sending, and allow the other. */
function tell(connection: number, failure: Failure, voice: Voice | undefined): void {
  const data = encode(JSON.stringify(failure.toData()));
  attempt(() => (voice === "write" ? writeAll : send)(connection, data));
}

/** Whoever waits may have gone, and the agent of a seccomp filter may refuse it: the process goes on. */
function attempt(say: () => void): void {
  try {
    say();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}
