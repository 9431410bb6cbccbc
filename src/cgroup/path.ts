/** Which group `linux.cgroupsPath` means, for the cgroupfs driver (config-linux.md, Cgroups Path). */
import { Failure } from "../failure.ts";
import { pathNames } from "../linux/path.ts";

/**
 * The group's path below the mount, as in /proc/<pid>/cgroup. `own` tells the runtime's own group. Throws a Failure for
 * a path that names no group but the one that it starts from.
 *
 * As runc decides: an absolute path counts from the mount, a relative one from the parent of the runtime's own group,
 * because the own group has processes in it and cannot hand controllers on. Without a path (or with an empty one) the
 * container's id is a relative path. `..` never leads above the mount.
 */
export function groupPath(cgroupsPath: string | undefined, id: string, own: () => string): string {
  const wanted = cgroupsPath || id;
  const names = pathNames(wanted);
  if (names.length === 0)
    throw new Failure(`${JSON.stringify(wanted)} names no group`, {
      hint: "name one below the root of the hierarchy, such as /containers/name",
    });
  const above = wanted.startsWith("/") ? [] : pathNames(own()).slice(0, -1);
  return `/${[...above, ...names].join("/")}`;
}
