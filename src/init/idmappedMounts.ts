/**
 * Mounts that show the ids of their files otherwise: `idmap`, `ridmap`, and the mappings of a mount (mount_setattr(2),
 * MOUNT_ATTR_IDMAP). The mapping is that of a user namespace, which nobody is to live in. It is made by the creator, who
 * has the privilege over the source's filesystem that this takes, and never by a process of the container's.
 */
import type { LinuxIDMapping } from "@opencontainers-types";
import {
  CLONE_NEWNS,
  CLONE_NEWUSER,
  EINVAL,
  EPERM,
  MOUNT_ATTR_IDMAP,
  O_RDONLY,
  O_WRONLY,
} from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { close, openAt, using } from "../linux/fs.ts";
import { setMountAttributes } from "../linux/mount.ts";
import { setns, visitMountNamespace } from "../linux/namespaces.ts";
import { openProcRoot, writeProc } from "../linux/proc.ts";
import { exit, spawn, wait } from "../linux/process.ts";
import { cloneTree } from "./binds.ts";
import { openChannel } from "./channel.ts";
import { checkIdMappings, hostId, idMapText } from "./idMappings.ts";
import type { MountCircumstances, MountPlan } from "./mountPlan.ts";
import type { Source, Sources } from "./sources.ts";

export interface Idmap {
  /** For all mounts below too (`ridmap`). */
  recursive: boolean;
  /** Absent: those of the container's user namespace. */
  mappings?: Mappings;
  /** The user namespace that has the mappings, once it is made. */
  namespace?: number;
}

interface Mappings {
  uid: LinuxIDMapping[];
  gid: LinuxIDMapping[];
}

/** Decides the mapping of a mount that is to have one. Throws a Failure. */
export function planIdmap(plan: MountPlan, host: MountCircumstances): Idmap {
  const { mount, options, pointer } = plan;
  const { linux, hasUser, isPrivileged } = host;
  if (!isPrivileged) throw new Failure("only root can have the ids of a mount mapped", { pointer });
  if (!options.bind || options.remounts)
    throw new Failure("only a bind mount can have ids mapped", {
      pointer: options.idmap ? `${pointer}/options` : `${pointer}/uidMappings`,
    });
  const recursive = options.idmap?.recursive ?? false;
  const uid = mount.uidMappings ?? [];
  const gid = mount.gidMappings ?? [];
  if (uid.length > 0 || gid.length > 0) return { recursive, mappings: checked(uid, gid, pointer) };
  if (options.idmap?.mappings !== undefined) {
    const mappings = doing("reading the mappings of the mount", `${pointer}/options`, () =>
      parseMappings(options.idmap?.mappings as string, {
        uid: linux.uidMappings ?? [],
        gid: linux.gidMappings ?? [],
      }),
    );
    return { recursive, mappings: checked(mappings.uid, mappings.gid, pointer) };
  }
  if (hasUser) return { recursive };
  throw new Failure("there are no mappings for the ids of the mount", {
    pointer: `${pointer}/options`,
    hint: "give it uidMappings and gidMappings, or the container a user namespace, whose mappings are taken then",
  });
}

/** "If specified, it MUST be specified along with" the other (specification, "POSIX-platform Mounts"). */
function checked(uid: LinuxIDMapping[], gid: LinuxIDMapping[], pointer: string): Mappings {
  const [there, missing] = uid.length > 0 ? ["uid", "gid"] : ["gid", "uid"];
  if (uid.length === 0 || gid.length === 0)
    throw new Failure(`the mount has ${there}Mappings and no ${missing}Mappings`, {
      pointer: `${pointer}/${there}Mappings`,
    });
  checkIdMappings(uid, `${pointer}/uidMappings`);
  checkIdMappings(gid, `${pointer}/gidMappings`);
  return { uid, gid };
}

/**
 * crun's notation, which Podman passes on: `uids=0-100000-65536#…;gids=…`, with the id of the file, the id it is shown as,
 * and how many. After an `@` that is an id of the container.
 */
export function parseMappings(text: string, container: Mappings): Mappings {
  const mappings: Mappings = { uid: [], gid: [] };
  for (const part of text.split(";").filter((part) => part !== "")) {
    const [, kind, list] = /^([ug]id)s=(.*)$/s.exec(part) ?? [];
    if (kind === undefined || list === undefined)
      throw new Error(`${part} is neither uids=… nor gids=…`);
    mappings[kind as keyof Mappings].push(
      ...list.split("#").map((range) => parseRange(range, container[kind as keyof Mappings])),
    );
  }
  return mappings;
}

function parseRange(range: string, container: readonly LinuxIDMapping[]): LinuxIDMapping {
  const [, relative, first, second, length] = /^(@?)(\d+)-(\d+)-(\d+)$/.exec(range) ?? [];
  if (first === undefined) throw new Error(`${range} is no range of ids such as 0-100000-65536`);
  const [containerID, shown, size] = [Number(first), Number(second), Number(length)];
  const hostID = relative ? hostId(container, shown) : shown;
  if (hostID === undefined) throw new Error(`the container's user namespace has no id ${shown}`);
  return { containerID, hostID, size };
}

/** Makes the namespaces of all mappings, one for those that are the same. Returns their descriptors, for the caller to close. */
export function makeNamespaces(plans: readonly MountPlan[]): number[] {
  const made = new Map<string, number>();
  for (const { idmap, pointer } of plans) {
    if (!idmap?.mappings) continue;
    const { uid, gid } = idmap.mappings;
    const key = `${idMapText(uid)};${idMapText(gid)}`;
    idmap.namespace = made.get(key) ?? makeNamespace(idmap.mappings, pointer);
    made.set(key, idmap.namespace);
  }
  return [...made.values()];
}

/** A user namespace is there as long as somebody lives in it, or holds it open: a process that waits, for a moment. */
function makeNamespace({ uid, gid }: Mappings, pointer: string): number {
  const { creator, child } = openChannel();
  const { pid, pidfd } = spawn({ flags: CLONE_NEWUSER }, () => {
    close(creator.fd);
    child.receive();
    return exit(0);
  });
  close(child.fd);
  try {
    return doing("mapping the ids of the mount", `${pointer}/uidMappings`, () =>
      using(openProcRoot(), (proc) => {
        writeMap(proc, `${pid}/uid_map`, uid);
        writeMap(proc, `${pid}/gid_map`, gid);
        return openAt(proc, `${pid}/ns/user`, O_RDONLY);
      }),
    );
  } finally {
    close(creator.fd);
    using(pidfd, wait);
  }
}

function writeMap(proc: number, file: string, mappings: readonly LinuxIDMapping[]): void {
  try {
    writeProc(proc, file, idMapText(mappings), O_WRONLY);
  } catch (cause) {
    throw new Failure("making their user namespace", {
      cause,
      hint: isErrno(cause, EPERM)
        ? "each hostID must be an id of the user namespace in which tsrun runs, whose root tsrun must be"
        : undefined,
    });
  }
}

/** The source of a mount as a detached mount with its ids mapped: the creator's, or made here. */
export const openIdmapped = (
  { source, options, pointer }: MountPlan,
  idmap: Idmap,
  sources: Sources,
): number =>
  sources.prepared
    ? sources.open(`${pointer}/source`)
    : using(sources.open(source), (fd) => clone(fd, options.bind === "rbind", idmap));

function clone(fd: number, bindsRecursively: boolean, { recursive, namespace }: Idmap): number {
  const detached = cloneTree(fd, bindsRecursively);
  try {
    const attributes = { set: MOUNT_ATTR_IDMAP, userNamespace: namespace as number };
    setMountAttributes(detached, attributes, recursive);
    return detached;
  } catch (cause) {
    close(detached);
    throw new Failure("mapping the ids of the mount", { cause, hint: hintOn(cause) });
  }
}

function hintOn(cause: unknown): string | undefined {
  if (isErrno(cause, EINVAL))
    return "a filesystem of its kind may have no idmapped mounts on this kernel, and the container's own ids no second mapping";
  if (isErrno(cause, EPERM))
    return "it takes the privilege of who mounted the filesystem, and a mount whose ids are not mapped yet";
  return undefined;
}

/**
 * The creator's part for a container with a user namespace: the idmapped clone of a source that was opened below the root
 * of the process `pid`. A mount is cloned in its own mount namespace only (open_tree(2)), so the creator visits that.
 */
export function cloneForProcess(proc: number, pid: number, fd: number, source: Source): number {
  const { recursive: bindsRecursively = false } = source;
  const idmap = source.idmap as Idmap;
  const namespace = idmap.namespace ?? openAt(proc, `${pid}/ns/user`, O_RDONLY);
  try {
    return using(openAt(proc, `${pid}/ns/mnt`, O_RDONLY), (its) =>
      visitMountNamespace(
        () => setns(its, CLONE_NEWNS),
        () => clone(fd, bindsRecursively, { ...idmap, namespace }),
      ),
    );
  } finally {
    if (namespace !== idmap.namespace) close(namespace);
  }
}
