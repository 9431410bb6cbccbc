/** Whether a container with this filter could come to its program at all. */
import type { LinuxSeccomp } from "@opencontainers-types";
import {
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_LOG,
  SECCOMP_RET_USER_NOTIF,
  SYS_accept4,
  SYS_execve,
  SYS_prlimit64,
  SYS_recvmsg,
  SYS_rt_sigaction,
  SYS_rt_sigprocmask,
  SYS_sendmsg,
  SYS_write,
} from "#abi";
import { Failure } from "../failure.ts";
import { compile } from "./compile.ts";
import { type Filter, hasListener, type Voice } from "./filter.ts";
import { architectureNumber, NATIVE_ARCHITECTURE } from "./libseccomp.ts";
import { readProfile } from "./profile.ts";
import { possibleActions } from "./program.ts";

/** What is left to do when a filter has been loaded. */
const BEFORE_THE_PROGRAM: Readonly<Record<string, number>> = { execve: SYS_execve };

/** One with a listener is loaded while the container is created, and its process has yet to be started. */
const BEFORE_THE_START: Readonly<Record<string, number>> = {
  sendmsg: SYS_sendmsg,
  recvmsg: SYS_recvmsg,
  rt_sigaction: SYS_rt_sigaction,
  accept4: SYS_accept4,
  rt_sigprocmask: SYS_rt_sigprocmask,
  prlimit64: SYS_prlimit64,
  ...BEFORE_THE_PROGRAM,
};

/** Throws a Failure that points to what is wrong with the profile. */
export function compileChecked(seccomp: LinuxSeccomp): Filter {
  const profile = readProfile(seccomp);
  const program = compile(profile);
  const filter = { program, flags: profile.flags, voice: voiceOf(program) };
  const needed = hasListener(filter) ? BEFORE_THE_START : BEFORE_THE_PROGRAM;
  const refused = Object.keys(needed).filter(
    (name) => !fatesOf(program, needed[name] as number).some(isLetThrough),
  );
  if (refused.length > 0)
    throw new Failure(
      `the seccomp filter lets no container start: it refuses ${refused.join(", ")}`,
      {
        pointer: "/linux/seccomp",
        hint: hasListener(filter)
          ? "one with SCMP_ACT_NOTIFY is loaded before the start, and must let through or notify of these"
          : "allow execve",
      },
    );
  return filter;
}

/** A rule on the arguments may concern the call that is made, so each of its fates must let it through. */
function voiceOf(program: Uint32Array): Voice {
  const isSure = (number: number) => fatesOf(program, number).every(reachesKernel);
  if (isSure(SYS_write)) return "write";
  return isSure(SYS_sendmsg) ? "sendmsg" : "none";
}

/** What the filter may do to a call of this architecture: SECCOMP_RET_*. */
function fatesOf(program: Uint32Array, number: number): number[] {
  const architecture = architectureNumber(NATIVE_ARCHITECTURE);
  return [...possibleActions(program, { architecture, number })].map(
    (action) => (action & SECCOMP_RET_ACTION_FULL) >>> 0,
  );
}

const reachesKernel = (fate: number): boolean =>
  fate === SECCOMP_RET_ALLOW || fate === SECCOMP_RET_LOG;

/** A listener may let it through as well. */
const isLetThrough = (fate: number): boolean =>
  reachesKernel(fate) || fate === SECCOMP_RET_USER_NOTIF;
