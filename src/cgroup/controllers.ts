/** Which controllers a group has: those that every group above it hands on (cgroup-v2.rst, "Controlling Controllers"). */
import { EACCES, EBUSY, EOPNOTSUPP, EPERM, EROFS, O_WRONLY } from "#abi";
import { Failure } from "../failure.ts";
import { Errno, isErrno } from "../linux/errno.ts";
import { readText, using, writeText } from "../linux/fs.ts";
import { inHierarchy, openBelow } from "./hierarchy.ts";

const AVAILABLE = "cgroup.controllers";
const HANDED_ON = "cgroup.subtree_control";

const controllersIn = (group: number, file: string): string[] =>
  readText(file, group)
    .split(/\s+/)
    .filter((name) => name !== "");

/**
 * Has the groups above a new one hand on all controllers that there are, as runc does: its statistics, and the groups
 * that the container makes itself, need them. What cannot be handed on is missed by the limit that needs it, which
 * says so (`demandController`). `parent` is the path of the group above the new one,
 * relative to the hierarchy's root.
 */
export function handOnControllers(root: number, parent: string): void {
  const available = controllersIn(root, AVAILABLE);
  if (available.length === 0) return;
  const already = using(openBelow(root, parent), (group) => controllersIn(group, HANDED_ON));
  const missing = available.filter((name) => !already.includes(name));
  if (missing.length === 0) return;
  for (const path of fromTheTop(parent))
    using(openBelow(root, path), (group) => handOn(group, missing));
}

/** The paths of a group and of all above it, the root first. */
function fromTheTop(path: string): string[] {
  const names = path === "." ? [] : path.split("/");
  return [".", ...names.map((_, i) => names.slice(0, i + 1).join("/"))];
}

/** Those that threads may share; what a group with processes hands on of them makes it a threaded one (cgroups(7)). */
const THREADED = ["cpu", "cpuset", "perf_event", "pids"];

/** All at once, which is one write, or those that can be; none where processes are in the group. */
function handOn(group: number, controllers: readonly string[]): void {
  if (tryHandOn(group, controllers) !== "partly") return;
  const inOrder = controllers.toSorted((a, b) => +THREADED.includes(a) - +THREADED.includes(b));
  for (const name of inOrder) if (tryHandOn(group, [name]) === "never") return;
}

function tryHandOn(group: number, controllers: readonly string[]): "done" | "partly" | "never" {
  try {
    const text = controllers.map((name) => `+${name}`).join(" ");
    writeText(HANDED_ON, text, O_WRONLY, group);
    return "done";
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return isErrno(error, EBUSY, EACCES) ? "never" : "partly";
  }
}

/**
 * Has every group above one hand a controller on. `path` is as in /proc/<pid>/cgroup. Throws a Failure that says which
 * of them does not, and what to do.
 */
export function demandController(controller: string, path: string): void {
  inHierarchy((root) => {
    if (!controllersIn(root, AVAILABLE).includes(controller)) throw notInHierarchy(controller);
    for (const above of fromTheTop(path.slice(1)).slice(0, -1))
      using(openBelow(root, above), (group) => {
        if (controllersIn(group, HANDED_ON).includes(controller)) return;
        try {
          writeText(HANDED_ON, `+${controller}`, O_WRONLY, group);
        } catch (error) {
          const shown = above === "." ? "/" : `/${above}`;
          throw new Failure(
            `the cgroup ${shown} does not hand the ${controller} controller on to those below it`,
            { cause: error, hint: remedy(error, shown) },
          );
        }
      });
  });
}

/** A controller is in one hierarchy only (cgroups(7), "CGROUPS VERSION 2"). */
function notInHierarchy(controller: string): Failure {
  const nameInVersion1 = controller === "io" ? "blkio" : controller;
  const isInVersion1 = readText("/proc/self/cgroup")
    .split("\n")
    .some((line) => line.split(":")[1]?.split(",").includes(nameInVersion1));
  return isInVersion1
    ? new Failure(
        `the ${controller} controller is not in cgroup v2 here: a v1 hierarchy holds it`,
        {
          hint: "boot with cgroup_no_v1=all, or with systemd.unified_cgroup_hierarchy=1",
        },
      )
    : new Failure(`cgroup v2 has no ${controller} controller here`, {
        hint: "the kernel is built without it, cgroup_disable= switches it off, or the container that tsrun runs in does not get it",
      });
}

function remedy(error: unknown, path: string): string | undefined {
  if (isErrno(error, EBUSY))
    return `processes are in ${path}: move them to a group below it, or choose another linux.cgroupsPath`;
  if (isErrno(error, EOPNOTSUPP))
    return `${path} is threaded or below a threaded group: choose another linux.cgroupsPath`;
  if (isErrno(error, EACCES, EPERM)) return "that takes root, or a group that is delegated";
  if (isErrno(error, EROFS)) return "cgroup v2 is mounted read-only here";
  return undefined;
}
