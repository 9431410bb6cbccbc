/** Room for descriptors while a container is made: each source of a mount, and each unsealed mount, takes one (RLIMIT_NOFILE, getrlimit(2)). */
import { RLIMIT_NOFILE } from "#abi";
import { getRlimit, setRlimit } from "../linux/credentials.ts";

/** What a creation takes besides, generously. */
const SPARE = 64;

/**
 * Raises the soft limit as far as it goes where it leaves no room for so many descriptors. Returns what it was, for
 * `restoreOpenFiles`; undefined if nothing had to be raised. Processes that are made from then on inherit it.
 */
export function makeRoomForFiles(count: number): bigint | undefined {
  const { soft, hard } = getRlimit(RLIMIT_NOFILE);
  if (soft >= BigInt(count + SPARE) || soft === hard) return undefined;
  setRlimit(RLIMIT_NOFILE, hard, hard);
  return soft;
}

export function restoreOpenFiles(soft: bigint): void {
  setRlimit(RLIMIT_NOFILE, soft, getRlimit(RLIMIT_NOFILE).hard);
}
