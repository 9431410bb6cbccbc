/** Whose a container's cgroup is to be (config-linux.md, "Cgroup ownership"). */
import type { Mount, Spec } from "@opencontainers-types";
import { hostId } from "../init/idMappings.ts";
import { geteuid } from "../linux/credentials.ts";
import { cleanPath } from "../linux/path.ts";

/**
 * The host's uid of the container's user, if the container has a cgroup namespace of its own and sees the group in it
 * read-write; undefined if the group stays its maker's.
 */
export function cgroupOwner({ process, mounts = [], linux = {} }: Spec): number | undefined {
  const isPrivate = linux.namespaces?.some(({ type, path }) => type === "cgroup" && !path);
  if (!isPrivate || !mounts.some(isWritableCgroup)) return undefined;
  const uid = process?.user?.uid ?? 0;
  const hasUserNamespace = linux.namespaces?.some(({ type }) => type === "user");
  const owner = hasUserNamespace ? hostId(linux.uidMappings ?? [], uid) : uid;
  return owner === geteuid() ? undefined : owner;
}

const isWritableCgroup = ({ destination, source, type, options = [] }: Mount): boolean =>
  source === "cgroup" &&
  (type === "cgroup" || type === "cgroup2") &&
  cleanPath(destination) === "/sys/fs/cgroup" &&
  !options.includes("ro") &&
  !options.includes("rro");
