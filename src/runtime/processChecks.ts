/** What a process, the container's or one that is executed in it, must fulfil beyond its schema. */
import type { Process, User } from "@opencontainers-types";
import { load } from "#host";
import { Failure } from "../failure.ts";
import { NO_ID } from "../init/idMappings.ts";

/** Throws a Failure. */
export function checkProcess(process: Process): void {
  if (!process.args?.length || process.args[0] === "")
    throw new Failure("process.args names no program", {
      pointer: "/process/args",
      hint: process.commandLine ? "commandLine is for Windows: give args" : undefined,
    });
  if (process.user) checkUser(process.user);
  checkRlimits(process);
  checkEnvironment(process);
  checkTerminalSize(process);
  checkScheduling(process);
}

/** "Duplicate entries … MUST generate an error" (specification, "POSIX process"). */
function checkRlimits({ rlimits = [] }: Process): void {
  rlimits.forEach(({ type }, i) => {
    if (rlimits.findIndex((other) => other.type === type) !== i)
      throw new Failure(`the resource limit ${type} is given twice`, {
        pointer: `/process/rlimits/${i}`,
      });
  });
}

function checkEnvironment({ env = [] }: Process): void {
  const nameless = env.findIndex((entry) => entry.indexOf("=") <= 0);
  if (nameless >= 0)
    throw new Failure(
      `${JSON.stringify(env[nameless])} is no environment variable: it has no NAME=`,
      {
        pointer: `/process/env/${nameless}`,
      },
    );
}

/** By one the process would stay root, and a file root's. */
export function refuseNoId(
  ids: Readonly<Record<string, number | undefined>>,
  pointer: string,
): void {
  for (const [name, id] of Object.entries(ids))
    if (id === NO_ID) throw new Failure(`${NO_ID} is no id`, { pointer: `${pointer}/${name}` });
}

function checkUser({ uid, gid, additionalGids = [] }: User): void {
  refuseNoId({ uid, gid }, "/process/user");
  additionalGids.forEach((id, i) => {
    refuseNoId({ [i]: id }, "/process/user/additionalGids");
  });
}

/** Of a terminal's rows and columns: struct winsize (ioctl_tty(2)) has 16 bits for each. */
const SIZE_MAX = 65_535n;

function checkTerminalSize({ terminal, consoleSize }: Process): void {
  if (!terminal || !consoleSize) return;
  for (const name of ["height", "width"] as const)
    if (BigInt(consoleSize[name]) > SIZE_MAX)
      throw new Failure(`no terminal has a ${name} of ${consoleSize[name]}`, {
        pointer: `/process/consoleSize/${name}`,
      });
}

function checkScheduling({ scheduler, execCPUAffinity }: Process): void {
  if (!scheduler && !execCPUAffinity) return;
  const { checkAffinity, checkScheduler } = load(import("./schedulingChecks.ts"));
  if (scheduler) checkScheduler(scheduler);
  if (execCPUAffinity) checkAffinity(execCPUAffinity);
}
