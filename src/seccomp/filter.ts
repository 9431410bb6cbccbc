/** The filter of a container: from the cache where it is there, else compiled. */
import type { LinuxSeccomp } from "@opencontainers-types";
import {
  ARCHITECTURE,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
} from "#abi";
import { load } from "#host";
import manifest from "../../package.json" with { type: "json" };
import { stringifyJson } from "../../spec/json.ts";
import { Failure } from "../failure.ts";
import { knowsFilterFlag } from "../linux/seccomp.ts";
import { findFilter, keepFilter } from "./cache.ts";
import { libseccompVersion } from "./libseccomp.ts";

export interface Filter {
  /** For `prepareFilter`. */
  program: Uint32Array;
  /** SECCOMP_FILTER_FLAG_* */
  flags: number;
  voice: Voice;
}

/** The call by which a process behind the filter can surely tell why its program was not executed. */
export type Voice = (typeof VOICES)[number];
export const VOICES = ["none", "write", "sendmsg"] as const;

/** Whether loading it gives a descriptor for somebody who answers in the kernel's stead (SCMP_ACT_NOTIFY). */
export const hasListener = ({ flags }: Filter): boolean =>
  (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;

export interface PlannedFilter {
  filter: Filter;
  /** Keeps what was compiled for the next container with this profile, if that can be done. */
  keep: () => void;
}

/**
 * The filter of linux.seccomp; undefined where that asks for none, which engines write as an object with empty members.
 * `root` is where the cache is. Throws a Failure that points to what is wrong with the profile.
 */
export function planFilter(seccomp: LinuxSeccomp, root: string): PlannedFilter | undefined {
  if (seccomp.defaultAction === "" && !seccomp.syscalls?.length) return undefined;
  const { listenerPath, listenerMetadata, ...profile } = seccomp;
  const key = keyOf(profile);
  const cached = findFilter(root, key);
  const filter = cached ?? load(import("./check.ts")).compileChecked(profile);
  checkListener(filter, listenerPath, listenerMetadata);
  checkKernel(filter);
  return { filter, keep: () => cached ?? keepFilter(root, key, filter) };
}

/** All that a program depends on. */
function keyOf(profile: LinuxSeccomp): string {
  const made = `tsrun ${manifest.version}, libseccomp ${libseccompVersion()}, ${ARCHITECTURE}`;
  return `${made}\n${textOf(profile)}`;
}

/** The engine's own function is many times quicker, and has no text for integers beyond 2^53. */
function textOf(profile: LinuxSeccomp): string {
  try {
    return JSON.stringify(profile);
  } catch {
    return stringifyJson(profile);
  }
}

/** "This field MUST NOT be set if `listenerPath` is not set"; and without SCMP_ACT_NOTIFY the path is ignored. */
function checkListener(
  filter: Filter,
  path: string | undefined,
  metadata: string | undefined,
): void {
  if (metadata && !path)
    throw new Failure("linux.seccomp.listenerMetadata is for a listener, and there is none", {
      pointer: "/linux/seccomp/listenerMetadata",
      hint: "set linux.seccomp.listenerPath, or remove the metadata",
    });
  if (hasListener(filter) && !path)
    throw new Failure("SCMP_ACT_NOTIFY needs a listener", {
      pointer: "/linux/seccomp/listenerPath",
      hint: "set linux.seccomp.listenerPath to the socket of a seccomp agent",
    });
}

/** The only flag that is younger than the kernels that tsrun needs. */
function checkKernel({ flags }: Filter): void {
  const flag = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  if ((flags & flag) !== 0 && !knowsFilterFlag(flag))
    throw new Failure("this kernel has no SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", {
      pointer: "/linux/seccomp/flags",
      hint: "it came with Linux 5.19",
    });
}
