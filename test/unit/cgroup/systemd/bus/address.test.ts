import { deepEqual, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { busSockets, socketsOf } from "../../../../../src/cgroup/systemd/bus/address.ts";

describe("addresses of a bus", () => {
  const table: [addresses: string, sockets: string[]][] = [
    ["unix:path=/run/dbus/system_bus_socket", ["/run/dbus/system_bus_socket"]],
    ["unix:path=/run/user/1000/bus,guid=0123abcd", ["/run/user/1000/bus"]],
    ["unix:guid=0123abcd,path=/x", ["/x"]],
    ["unix:abstract=/tmp/dbus-x,guid=01", ["\0/tmp/dbus-x"]],
    ["unix:path=/a%20b%2cc%25%c3%a9", ["/a b,c%é"]],
    ["unix:path=/one;unix:path=/two", ["/one", "/two"]],
    ["tcp:host=localhost,port=1;unix:path=/x;", ["/x"]],
  ];
  for (const [addresses, sockets] of table)
    test(addresses, () => deepEqual(socketsOf(addresses), sockets));

  for (const addresses of ["", "tcp:host=h", "unix:tmpdir=/tmp", "unix:path=", "/run/bus"])
    test(`${JSON.stringify(addresses)} leads nowhere`, () => {
      throws(() => socketsOf(addresses), /leads to no bus; tsrun knows unix:path=… and/);
    });

  test("with broken escapes are refused", () => {
    for (const value of ["%", "%4", "%zz", "%ff"])
      throws(() => socketsOf(`unix:path=/x${value}`), /is no value of a D-Bus address/);
  });

  const environments: [user: boolean, env: Record<string, string>, sockets: string[]][] = [
    [false, {}, ["/run/dbus/system_bus_socket"]],
    [false, { DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/x", XDG_RUNTIME_DIR: "/r" }, ["/x"]],
    [false, { DBUS_SYSTEM_BUS_ADDRESS: "" }, ["/run/dbus/system_bus_socket"]],
    [true, { DBUS_SESSION_BUS_ADDRESS: "unix:path=/s", XDG_RUNTIME_DIR: "/r" }, ["/s"]],
    [true, { XDG_RUNTIME_DIR: "/run/user/1 %20" }, ["/run/user/1 %20/bus"]],
  ];
  for (const [user, env, sockets] of environments)
    test(`${user ? "user" : "system"} ${JSON.stringify(env)}`, () => {
      deepEqual(
        busSockets(user, (name) => env[name]),
        sockets,
      );
    });

  test("of the user's bus have to be told", () => {
    throws(() => busSockets(true, () => undefined), /set XDG_RUNTIME_DIR, which is \/run\/user/);
  });
});
