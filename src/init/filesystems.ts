/** New filesystems for the container, each as a detached mount. */
import { EPERM, MOUNT_ATTR_RDONLY, O_DIRECTORY, O_RDONLY } from "#abi";
import { load } from "#host";
import { doing } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { openAt, stat, using } from "../linux/fs.ts";
import { createMount, type FsParameter, isTooLong } from "../linux/mount.ts";
import { encode } from "../linux/text.ts";
import { setXattr } from "../linux/xattr.ts";
import { cloneSubstitute } from "./binds.ts";
import type { MountPlan } from "./mountPlan.ts";
import type { Sources } from "./sources.ts";

/** Where it is to be mounted: a place (O_PATH), and whether that was there before. */
export interface Target {
  fd: number;
  existed: boolean;
}

/** Makes the filesystem of a plan, with `attributes` (MOUNT_ATTR_*). */
export function createFilesystem(
  plan: MountPlan,
  target: Target,
  attributes: number,
  sources: Sources,
): number {
  const { mount, options, substitute } = plan;
  // cgroup v1 is not there to be mounted: whoever asks for `cgroup` gets the tree that tsrun uses.
  const type = mount.type === "cgroup" ? "cgroup2" : (mount.type ?? "");
  const parameters = parametersOf(plan, type, target);
  try {
    const made = parameters.some(isTooLong)
      ? load(import("./oldMount.ts")).createWithLongValues(type, parameters, attributes, target.fd)
      : createMount(type, parameters, attributes);
    if (plan.label !== undefined && type === "mqueue") labelRoot(made, plan.label.context);
    return made;
  } catch (cause) {
    if (substitute !== undefined && isErrno(cause, EPERM))
      return doing(`binding ${substitute} in its place`, undefined, () =>
        cloneSubstitute(substitute, options.attributes, sources.open),
      );
    throw load(import("./filesystemErrors.ts")).explained(cause, type, plan);
  }
}

/** What the filesystem is told (fsconfig(2)). */
export function parametersOf(
  { mount, options, label }: MountPlan,
  type: string,
  target: Target,
): FsParameter[] {
  const parameters: FsParameter[] = [["source", mount.source || type], ...options.parameters];
  const has = (name: string) => parameters.some(([key]) => key === name);
  // A disk that is mounted read-only must not be written to, not even by a journal's replay.
  if ((options.attributes.set & MOUNT_ATTR_RDONLY) !== 0 && !IN_MEMORY.has(type))
    parameters.push(["ro"]);
  // A tmpfs takes over the mode of the directory that it covers, as with runc.
  if (type === "tmpfs" && target.existed && !has("mode"))
    parameters.push(["mode", (stat(target.fd).mode & 0o7777).toString(8)]);
  if (label !== undefined && !LABELLED_OTHERWISE.has(type) && !has(label.option))
    parameters.push([label.option, label.context]);
  return parameters;
}

const IN_MEMORY = new Set(["proc", "sysfs", "cgroup2", "mqueue", "devpts", "tmpfs"]);

/** Shared with the host, or labelled file by file: as with runc, these get no `context=`. */
const LABELLED_OTHERWISE = new Set(["proc", "sysfs", "cgroup2", "mqueue"]);

function labelRoot(mount: number, label: string): void {
  doing("labelling the message queues", "/linux/mountLabel", () =>
    using(openAt(mount, ".", O_RDONLY | O_DIRECTORY), (root) =>
      setXattr(root, "security.selinux", encode(`${label}\0`)),
    ),
  );
}
