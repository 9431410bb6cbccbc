/** Who is who in a new user namespace: its maps, written from outside (user_namespaces(7), "ID mappings"). */
import type { Linux, LinuxIDMapping } from "@opencontainers-types";
import { EPERM, O_WRONLY } from "#abi";
import { doing, Failure } from "../failure.ts";
import { idMapText } from "../init/idMappings.ts";
import { getegid, geteuid } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { openProcRoot, writeProc } from "../linux/proc.ts";
import { findProgram, runProgram } from "../linux/program.ts";
import type { Caller } from "./caller.ts";

/** One of the two maps, and the program that writes it for a user (newuidmap(1), newgidmap(1)). */
interface Kind {
  file: string;
  helper: string;
  /** Where the user's ids are. */
  ranges: string;
  pointer: string;
  own: () => number;
}

const UIDS: Kind = {
  file: "uid_map",
  helper: "newuidmap",
  ranges: "/etc/subuid",
  pointer: "/linux/uidMappings",
  own: geteuid,
};
const GIDS: Kind = {
  file: "gid_map",
  helper: "newgidmap",
  ranges: "/etc/subgid",
  pointer: "/linux/gidMappings",
  own: getegid,
};

/**
 * Maps the ids of the user namespace in which `pid` was born. Root writes the maps itself, and setgroups(2) stays allowed:
 * a privileged creator decided the groups. A user may write no more than the mapping of its own id, and that of its group
 * only once setgroups(2) is denied for ever; all others are the helpers' to write. Throws a Failure.
 */
export function writeIdMaps(
  pid: number,
  { uidMappings = [], gidMappings = [] }: Linux,
  caller: Caller,
): void {
  using(openProcRoot(), (proc) => {
    const write = (file: string, text: string) => writeProc(proc, `${pid}/${file}`, text, O_WRONLY);
    const map = (kind: Kind, mappings: readonly LinuxIDMapping[], prepare: () => void) =>
      doing("mapping the ids of the user namespace", kind.pointer, () => {
        if (!caller.isUser) writeAsRoot(() => write(kind.file, idMapText(mappings)));
        else if (isOwnAlone(mappings, kind.own())) {
          prepare();
          write(kind.file, idMapText(mappings));
        } else runHelper(kind, pid, mappings);
      });
    map(UIDS, uidMappings, () => {});
    map(GIDS, gidMappings, () => write("setgroups", "deny"));
  });
}

const isOwnAlone = (mappings: readonly LinuxIDMapping[], own: number): boolean =>
  mappings.length === 1 && mappings[0]?.hostID === own && mappings[0].size === 1;

function writeAsRoot(write: () => void): void {
  try {
    write();
  } catch (cause) {
    if (!isErrno(cause, EPERM)) throw cause;
    throw new Failure("writing the map", {
      cause,
      hint: "each hostID must be an id of the user namespace in which tsrun runs, and root's may take CAP_SETFCAP",
    });
  }
}

function runHelper({ helper, ranges }: Kind, pid: number, mappings: readonly LinuxIDMapping[]) {
  const path = findProgram(helper);
  const hint = `the ids must be among those that ${ranges} gives to this user`;
  if (path === undefined)
    throw new Failure(`${helper} is not in PATH, and a user may map no more than its own id`, {
      hint: `install it (Debian's package uidmap); ${hint}`,
    });
  const ids = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size]);
  const problem = runProgram({ path, argv: [helper, pid, ...ids].map(String), input: "" });
  if (problem !== undefined) throw new Failure(`${path} ${problem}`, { hint });
}
