/** Where a bus listens (D-Bus Specification, "Server Addresses" and "Well-known Message Bus Instances"). */
import { Failure } from "../../../failure.ts";

const SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket";

/**
 * The sockets of the system's bus, or of the user's, to be tried in their order; as `connectTo` takes them. Throws a
 * Failure if nothing tells them.
 */
export function busSockets(user: boolean, env: (name: string) => string | undefined): string[] {
  if (!user) return socketsOf(env("DBUS_SYSTEM_BUS_ADDRESS") || SYSTEM_BUS);
  const address = env("DBUS_SESSION_BUS_ADDRESS");
  if (address) return socketsOf(address);
  const runtimeDir = env("XDG_RUNTIME_DIR");
  if (runtimeDir) return [`${runtimeDir}/bus`];
  throw new Failure("nothing tells where the bus of the user's systemd is", {
    hint: "set XDG_RUNTIME_DIR, which is /run/user/<uid>, or DBUS_SESSION_BUS_ADDRESS",
  });
}

/** The unix sockets among addresses. Throws a Failure if there are none, or if they cannot be read. */
export function socketsOf(addresses: string): string[] {
  const sockets = addresses.split(";").flatMap((address) => {
    const [, key, value = ""] = /^unix:(?:.*,)?(path|abstract)=([^,]+)/.exec(address) ?? [];
    if (key === undefined) return [];
    return key === "path" ? unescaped(value) : `\0${unescaped(value)}`;
  });
  if (sockets.length === 0)
    throw new Failure(`${JSON.stringify(addresses)} leads to no bus`, {
      hint: "tsrun knows unix:path=… and unix:abstract=…",
    });
  return sockets;
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new Failure(`${JSON.stringify(value)} is no value of a D-Bus address`);
  }
}
