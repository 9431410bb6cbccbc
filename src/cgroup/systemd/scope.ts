/** The life of a scope: the transient systemd unit that holds a container (systemd.scope(5)). */
import { SIGKILL } from "#abi";
import { Failure } from "../../failure.ts";
import type { Scope } from "../driver.ts";
import type { Setting } from "../resources/setting.ts";
import { BusError } from "./bus/connection.ts";
import { groupOfScope } from "./limitedGroup.ts";
import { type Manager, withManager } from "./manager.ts";
import { type Property, propertiesOf, property } from "./properties.ts";

const UNIT_EXISTS = "org.freedesktop.systemd1.UnitExists";
const NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit";
/** What an unprivileged caller of the system's systemd hears. */
const DENIED = [
  "org.freedesktop.DBus.Error.AccessDenied",
  "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
];

/**
 * How long all that ends a scope may take: others wait ten seconds for the container's lock, which is held meanwhile. If
 * it is too short, systemd sees the group's end by itself.
 */
const END_PATIENCE_MS = 5_000;

/** A job for the unit that is under way gives way to the new one. */
const JOB_MODE = "replace";

/** Without them the group would not get the controllers. */
const ACCOUNTING = ["CPU", "Memory", "IO", "Tasks"].map((name) =>
  property(`${name}Accounting`, "b", true),
);

/** Makes a scope in a slice for a process that exists; its properties are runc's. Throws a Failure. */
export function startScope(
  manager: Manager,
  unit: string,
  slice: string,
  pid: number,
  properties: readonly Property[],
): void {
  const all = [
    property("Description", "s", `tsrun container ${unit.replace(/\.scope$/, "")}`),
    property("Slice", "s", slice),
    property("Delegate", "b", true),
    property("PIDs", "au", [pid]),
    ...ACCOUNTING,
    property("DefaultDependencies", "b", false),
    ...properties,
  ];
  const start = () =>
    manager.runJob(unit, "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, JOB_MODE, all, []);
  changing("starting", unit, manager.user, () => {
    let result = unlessCode(UNIT_EXISTS, start);
    if (result === undefined) {
      // Perhaps one of that name has failed, and nobody has taken notice.
      forget(manager, unit);
      result = start();
    }
    if (result === "done") return;
    forget(manager, unit);
    throw new Failure(`the result of its job is ${JSON.stringify(result)}`);
  });
}

/**
 * Has systemd move a process into a scope, where the caller may not (cgroups(7), "Cgroup delegation"): into the first of
 * these groups below the scope's own, `/`, that takes one. Throws a Failure.
 */
export function attachToScope({ unit, user }: Scope, groups: readonly string[], pid: number): void {
  const attach = (manager: Manager, [group, ...others]: readonly string[]): void => {
    try {
      manager.call("AttachProcessesToUnit", "ssau", unit, group as string, [pid]);
    } catch (error) {
      if (!(error instanceof BusError) || others.length === 0) throw error;
      attach(manager, others);
    }
  };
  withManager(user, (manager) =>
    changing("moving a process into", unit, user, () => attach(manager, groups)),
  );
}

/**
 * Tells systemd the new limits of a scope, and waits until it has written them, with all others that it knows; what
 * that undoes is to be set again (`lostToSystemd`). Throws a Failure.
 */
export function updateScope({ unit, user }: Scope, settings: readonly Setting[]): void {
  withManager(user, (manager) => changeScope(manager, unit, settings));
}

/** As `updateScope`, on a connection that is there. */
export function changeScope(manager: Manager, unit: string, settings: readonly Setting[]): void {
  // Not beyond the next start of the machine, which a transient unit does not see.
  const runtime = true;
  changing("changing", unit, manager.user, () => {
    const properties = propertiesOf(settings, manager.version(), groupOfScope(manager, unit));
    manager.call("SetUnitProperties", "sba(sv)", unit, runtime, properties);
    manager.settle();
  });
}

/**
 * Ends a scope whose processes have been killed: living ones would be asked to end, and be given 90 seconds. One that
 * is not there is as wanted. Throws a Failure.
 */
export function stopScope({ unit, user }: Scope): void {
  withManager(user, (manager) => endScope(manager, unit), END_PATIENCE_MS);
}

/** As `stopScope`, on a connection that is there. */
export function endScope(manager: Manager, unit: string): void {
  changing("stopping", unit, manager.user, () => {
    const result = unlessCode(NO_SUCH_UNIT, () =>
      manager.runJob(unit, "StopUnit", "ss", unit, JOB_MODE),
    );
    forget(manager, unit);
    if (result !== undefined && result !== "done")
      throw new Failure(`the result of its job is ${JSON.stringify(result)}`);
  });
}

/** Has systemd forget a scope that has failed, which it would keep for its status to be read. Throws a Failure. */
export function resetFailedScope({ unit, user }: Scope): void {
  const reset = (manager: Manager) =>
    changing("resetting", unit, user, () => forget(manager, unit));
  withManager(user, reset, END_PATIENCE_MS);
}

/**
 * Kills and ends a scope that cannot be used, as far as that works: why not is what matters to the caller, and systemd
 * ends a scope with its last process.
 */
export function abandonScope(manager: Manager, unit: string): void {
  try {
    changing("killing", unit, manager.user, () => {
      unlessCode(NO_SUCH_UNIT, () => manager.call("KillUnit", "ssi", unit, "all", SIGKILL));
    });
    endScope(manager, unit);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

function forget(manager: Manager, unit: string): void {
  unlessCode(NO_SUCH_UNIT, () => manager.call("ResetFailedUnit", "s", unit));
}

/** The step's value, or undefined if it fails with this error of the bus. */
function unlessCode<T>(code: string, step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof BusError && error.code === code) return undefined;
    throw error;
  }
}

function changing(what: string, unit: string, user: boolean, step: () => void): void {
  try {
    step();
  } catch (cause) {
    const isDenied = cause instanceof BusError && DENIED.includes(cause.code);
    throw new Failure(`${what} the systemd unit ${unit}`, {
      cause,
      hint: isDenied
        ? "systemd refuses it to this user"
        : `see \`systemctl${user ? " --user" : ""} status ${unit}\` and the journal`,
    });
  }
}
