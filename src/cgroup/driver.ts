/** How a container comes into a cgroup, as --cgroup-manager says. */
import { load } from "#host";
import { cgroupfs } from "./cgroupfs.ts";
import { disabled } from "./disabled.ts";
import type { Setting } from "./resources/setting.ts";

/** What a config says about its container's group. */
export interface CgroupRequest {
  /** `linux.cgroupsPath`. */
  cgroupsPath: string | undefined;
  id: string;
  /** Of these a manager that keeps limits of its own must know. */
  settings: readonly Setting[];
  annotations: Readonly<Record<string, string>>;
  /** Whether the container goes without a group where none can be made. */
  isOptional: () => boolean;
}

/** A systemd unit that holds a group. */
export interface Scope {
  unit: string;
  /** Whether it is one of the user's systemd instance, not of the system's. */
  user: boolean;
}

/** A container's group, chosen and not made yet. */
export interface ChosenCgroup {
  /** Below the mount, as in /proc/<pid>/cgroup, for the state to record; undefined: the container gets no group. */
  readonly path: string | undefined;
  readonly scope?: Scope;
  /**
   * Whether the process is moved into the group by its pid, after it was made: it must wait for that before it makes
   * its cgroup namespace, which is rooted where its maker stands (cgroup_namespaces(7)).
   */
  readonly movesProcess: boolean;
  /**
   * Makes the group and has the container's first process started in it. `start` is called once, with the group's
   * directory for CLONE_INTO_CGROUP, or with undefined if the process is to be moved. Returns the group's directory,
   * which the caller closes; undefined without a group. Whatever it throws, the group is not there then.
   */
  readonly place: (start: (group: number | undefined) => { pid: number }) => number | undefined;
}

/**
 * Chooses the container's group and makes nothing. Throws a Failure if others use the group, so that what the state
 * records may be killed and removed as the container's own.
 */
export type CgroupDriver = (request: CgroupRequest) => ChosenCgroup;

const systemd: CgroupDriver = (request) => load(import("./systemd/driver.ts")).systemd(request);

export const cgroupDrivers = { cgroupfs, systemd, disabled };
