/**
 * Who finds the images of a container with a user namespace. While criu restores it, it opens some of them as the
 * container's root, which on the host may be nobody special: that needs search permission on their directory. The images
 * themselves criu makes readable for all.
 */
import type { Spec } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import { hostId, parseIdMap } from "../init/idMappings.ts";
import { chmod, chown, readText, stat } from "../linux/fs.ts";

/** Gives a new directory to the group of the root that the process `pid` has, to search and nothing else. */
export function letRootSearch(directory: number, pid: number): void {
  const group = hostId(parseIdMap(readText(`/proc/${pid}/gid_map`)), 0);
  if (group === undefined || group === 0) return;
  chown(directory, -1, group);
  chmod(directory, 0o710);
}

/** Throws a Failure where criu would not find them, and say so of one image. */
export function checkRootSearches(directory: number, path: string, { linux }: Spec): void {
  const [uid, gid] = [linux?.uidMappings, linux?.gidMappings].map((map) => hostId(map ?? [], 0));
  if (uid === undefined || uid === 0) return;
  const { mode, uid: owner, gid: group } = stat(directory);
  const permission = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
  if ((mode & permission) !== 0) return;
  throw new Failure(
    `the container's root, the host's user ${uid}, may not search the directory of the images, ${path}`,
    { pointer: "/linux/uidMappings", hint: `chgrp ${gid} ${path} && chmod g+x ${path}` },
  );
}
