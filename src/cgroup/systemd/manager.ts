/** systemd as its manager object on the bus shows it (org.freedesktop.systemd1(5)). */
import { AT_FDCWD } from "#abi";
import { env } from "#host";
import { Failure } from "../../failure.ts";
import { geteuid } from "../../linux/credentials.ts";
import { Errno } from "../../linux/errno.ts";
import { statAt } from "../../linux/fs.ts";
import { busSockets } from "./bus/address.ts";
import { BusConnection, type BusObject } from "./bus/connection.ts";
import type { BusValue, Variant } from "./bus/message.ts";

const MANAGER: BusObject = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
};
const PROPERTIES: BusObject = { ...MANAGER, interface: "org.freedesktop.DBus.Properties" };
const SCOPE = "org.freedesktop.systemd1.Scope";
const PEER: BusObject = { ...MANAGER, interface: "org.freedesktop.DBus.Peer" };

/** As runc waits. */
const JOB_TIMEOUT_MS = 30_000;

/** sd_booted(3). */
const RUNTIME_DIRECTORY = "/run/systemd/system";

/**
 * Whether this process has its units made by the user's systemd, and not by the system's: unless it is root, and the
 * same root as the system's, as in a system container with a user namespace of its own. Throws a Failure where there is
 * no systemd.
 */
export function usesUserInstance(): boolean {
  try {
    const { uid } = statAt(AT_FDCWD, RUNTIME_DIRECTORY);
    return geteuid() !== 0 || uid !== 0;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    throw new Failure(`systemd does not run here: ${RUNTIME_DIRECTORY} is not there`, {
      hint: "use --cgroup-manager=cgroupfs",
    });
  }
}

export class Manager {
  /** Whether it is the user's. */
  readonly user: boolean;
  readonly #bus: BusConnection;

  /** Takes over the connection. */
  constructor(bus: BusConnection, user: boolean) {
    this.#bus = bus;
    this.user = user;
  }

  close(): void {
    this.#bus.close();
  }

  /** Throws a BusError. */
  call(member: string, signature: string, ...body: BusValue[]): readonly BusValue[] {
    return this.#bus.call(MANAGER, member, signature, body);
  }

  /** The group that all of its units are in: empty for the system's, but in some containers. */
  controlGroup(): string {
    return String(this.#property("ControlGroup")).replace(/\/$/, "");
  }

  /** The group of a scope: `/system.slice/tsrun-web.scope`; empty if it has none. Throws a BusError. */
  groupOf(unit: string): string {
    const [path] = this.call("GetUnit", "s", unit) as [string];
    return String(this.#property("ControlGroup", { path, interface: SCOPE }));
  }

  /** Such as 257; 0 if it does not tell. */
  version(): number {
    return Number(/\d+/.exec(String(this.#property("Version")))?.[0] ?? 0);
  }

  #property(name: string, of: Omit<BusObject, "destination"> = MANAGER): BusValue {
    const object = { ...PROPERTIES, path: of.path };
    const [variant] = this.#bus.call(object, "Get", "ss", [of.interface, name]);
    return (variant as Variant).value;
  }

  /** Calls a method that queues a job for a unit, and waits for its end. Returns its result, "done" if all is well. */
  runJob(unit: string, member: string, signature: string, ...body: BusValue[]): string {
    this.#bus.addMatch(
      `type='signal',sender='${MANAGER.destination}',interface='${MANAGER.interface}',` +
        `member='JobRemoved',arg2='${unit}'`,
    );
    const [job] = this.call(member, signature, ...body);
    const removed = this.#bus.awaitSignal(
      (signal) => signal.member === "JobRemoved" && signal.body[1] === job,
      JOB_TIMEOUT_MS,
    );
    return removed ? String(removed.body[3]) : "nothing in time";
  }

  /** Waits until systemd has written to the files of a changed unit: after its answer, at the latest before the next. */
  settle(): void {
    this.#bus.call(PEER, "Ping");
  }
}

/** Connects to the user's systemd or to the system's, for `patience` milliseconds if given. Throws a Failure. */
export function connectManager(user: boolean, patience?: number): Manager {
  const sockets = busSockets(user, env);
  try {
    return new Manager(BusConnection.to(sockets, patience), user);
  } catch (error) {
    throw new Failure(`connecting to the bus of the ${user ? "user's" : "system's"} systemd`, {
      cause: error,
      hint: user
        ? "is there a session of this user? `loginctl enable-linger` gives it one"
        : "`systemctl status dbus.socket` tells more; --cgroup-manager=cgroupfs needs no bus",
    });
  }
}

/** Runs `use` with a connection to the user's systemd or to the system's, as `connectManager` makes it. */
export function withManager<T>(user: boolean, use: (manager: Manager) => T, patience?: number): T {
  const manager = connectManager(user, patience);
  try {
    return use(manager);
  } finally {
    manager.close();
  }
}
