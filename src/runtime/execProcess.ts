/** Which process `exec` runs: what config.json says of the container's own, with what was asked for on the command line. */
import type { LinuxCapabilities, Process, Spec } from "@opencontainers-types";
import { readProcess } from "../../spec/part.ts";
import { doing, Failure } from "../failure.ts";

/** What the options of `exec` say of the process. */
export interface ProcessChanges {
  args: string[];
  cwd: string | undefined;
  /** Added to those of config.json, as NAME=value. */
  env: string[];
  terminal: boolean;
  uid: number | undefined;
  gid: number | undefined;
  /** Added to those of config.json. */
  additionalGids: number[];
  /** Added to those of config.json. */
  capabilities: string[];
  /** Undefined for what config.json says. */
  noNewPrivileges: boolean | undefined;
  apparmorProfile: string | undefined;
  selinuxLabel: string | undefined;
}

/** A document that has the form of `process` in config.json, and what it was read from, for errors. */
export interface ProcessDocument {
  path: string;
  text: string;
}

export type ExecutedProcess = ProcessDocument | ProcessChanges;

/** Throws a Failure for a document that does not keep to the specification. */
export function processOf({ process = { cwd: "/" } }: Spec, wanted: ExecutedProcess): Process {
  if ("args" in wanted) return changeProcess(process, wanted);
  const { path, text } = wanted;
  const document = doing(`reading the process from ${path}`, undefined, () => readProcess(text));
  return completeProcess(process, document);
}

/**
 * A document that leaves out how a process is confined does not free it: it has what the container's own has, as with runc
 * (and AppArmor's profile as with crun).
 */
function completeProcess(process: Process, document: Process): Process {
  const { capabilities, apparmorProfile, selinuxLabel, oomScoreAdj } = process;
  const { scheduler, ioPriority, execCPUAffinity, user: { umask } = {} } = process;
  const kept = {
    ...{ capabilities, apparmorProfile, selinuxLabel, oomScoreAdj },
    ...{ scheduler, ioPriority, execCPUAffinity },
  };
  const given = Object.entries(kept).filter(([, value]) => value !== undefined);
  const user = document.user ?? { uid: 0, gid: 0 };
  return {
    ...(Object.fromEntries(given) as Partial<Process>),
    ...document,
    ...(umask === undefined ? {} : { user: { umask, ...user } }),
  };
}

/** As with runc: lists are added to, the rest is replaced; and a terminal is what was asked for, whatever config.json says. */
export function changeProcess(process: Process, changes: ProcessChanges): Process {
  const { env, uid, gid, additionalGids, cwd, capabilities, noNewPrivileges } = changes;
  const { apparmorProfile, selinuxLabel } = changes;
  const user = process.user ?? { uid: 0, gid: 0 };
  return {
    ...process,
    args: changes.args,
    cwd: cwd ?? process.cwd,
    env: [...(process.env ?? []), ...env],
    terminal: changes.terminal,
    user: {
      ...user,
      uid: uid ?? user.uid,
      gid: gid ?? user.gid,
      additionalGids: [...(user.additionalGids ?? []), ...additionalGids],
    },
    ...(capabilities.length > 0
      ? { capabilities: withCapabilities(process.capabilities ?? {}, capabilities) }
      : {}),
    ...(noNewPrivileges === undefined ? {} : { noNewPrivileges }),
    ...(apparmorProfile ? { apparmorProfile } : {}),
    ...(selinuxLabel ? { selinuxLabel } : {}),
  };
}

/**
 * As with runc: not inheritable, and ambient only where config.json has inheritable ones, since a capability must be that to be
 * ambient (capabilities(7)).
 */
function withCapabilities(sets: LinuxCapabilities, added: readonly string[]): LinuxCapabilities {
  const and = (set: readonly string[] = []) => [...set, ...added];
  return {
    ...sets,
    bounding: and(sets.bounding),
    effective: and(sets.effective),
    permitted: and(sets.permitted),
    ...(sets.inheritable ? { ambient: and(sets.ambient) } : {}),
  };
}

/** What options can change. */
const CHANGEABLE = ["args", "cwd", "env", "terminal", "user", "capabilities"];

/**
 * An error that points into `process` is told with the place where that really is: in the document, or, for what options
 * change, nowhere in config.json.
 */
export function placed(error: unknown, wanted: ExecutedProcess): unknown {
  if (!(error instanceof Failure)) return error;
  const [, part, member = ""] = error.pointer?.split("/") ?? [];
  if (part !== "process") return error;
  const { doing, pointer = "", hint, kind, errno } = error;
  if ("args" in wanted)
    return CHANGEABLE.includes(member) ? new Failure(doing, { hint, kind, errno }) : error;
  return new Failure(`${doing} (${wanted.path} ${pointer.slice("/process".length)})`, {
    hint,
    kind,
    errno,
  });
}
