import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxDevice } from "@opencontainers-types";
import { S_IFBLK, S_IFCHR, S_IFIFO } from "#abi";
import { deviceSources, isBelowDev, kindOf, modeOf } from "../../../src/init/devices.ts";

const device = (more: Partial<LinuxDevice> = {}): LinuxDevice => ({
  path: "/dev/fuse",
  type: "c",
  major: 10,
  minor: 229,
  ...more,
});

describe("what mknod(2) is told", () => {
  const modes: [Partial<LinuxDevice>, number][] = [
    [{}, S_IFCHR | 0o666],
    [{ fileMode: 0 }, S_IFCHR],
    [{ fileMode: 0o640 }, S_IFCHR | 0o640],
    // A type in the mode, right or wrong, and what a Go program writes.
    [{ fileMode: 0o020640 }, S_IFCHR | 0o640],
    [{ fileMode: 0o060640 }, S_IFCHR | 0o640],
    [{ fileMode: 2 ** 26 + 2 ** 21 + 0o640 }, S_IFCHR | 0o640],
    [{ type: "u" }, S_IFCHR | 0o666],
    [{ type: "b" }, S_IFBLK | 0o666],
    [{ type: "p" }, S_IFIFO | 0o666],
  ];
  for (const [more, mode] of modes)
    test(JSON.stringify(more), () => {
      equal(modeOf(device(more)), mode);
    });

  test("numbers, which a FIFO has not", () => {
    deepEqual(kindOf(device()).number, { major: 10, minor: 229 });
    deepEqual(kindOf(device({ major: 10n as unknown as number })).number.major, 10);
    deepEqual(kindOf(device({ type: "p" })).number, { major: 0, minor: 0 });
  });

  test("a type that there is not", () => {
    throws(() => kindOf({ ...device(), type: "d" as "c" }), /no device type "d"/);
  });
});

describe("what is opened on the host for a user namespace", () => {
  const names = (...devices: LinuxDevice[]) =>
    deviceSources(devices, new Map()).map(({ path }) => path);
  const defaults = ["null", "zero", "full", "random", "urandom", "tty"].map(
    (name) => `/dev/${name}`,
  );

  test("the default devices", () => {
    deepEqual(names(), defaults);
  });
  test("a configured one, instead of a default one as well", () => {
    deepEqual(names(device()), [...defaults, "/dev/fuse"]);
    deepEqual(names(device({ path: "//dev/./null" })), [...defaults.slice(1), "/dev/null"]);
  });
  test("no FIFO, no /dev/ptmx, and none that the creator has made", () => {
    deepEqual(names(device({ type: "p" }), device({ path: "/dev/ptmx" })), defaults);
    const made = new Map([["/dev/fuse", 9]]);
    deepEqual(
      deviceSources([device()], made).map(({ path }) => path),
      defaults,
    );
  });
});

test("a path below /dev, by its text", () => {
  for (const path of ["/dev/null", "//dev//a/b", "/x/../dev/null"]) equal(isBelowDev(path), true);
  for (const path of ["/dev", "/dev/", "/device", "/x/dev/null", "/dev/../x"])
    equal(isBelowDev(path), false);
});
