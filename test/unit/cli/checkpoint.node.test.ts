/** What the options of `checkpoint` and `restore` say to the runtime. */
import { deepEqual, equal, match } from "node:assert/strict";
import { describe, test } from "node:test";
import { CONTAINER_STATUS, record } from "./recorder.ts";

const common = {
  imagePath: "checkpoint",
  workPath: undefined,
  tcpEstablished: false,
  externalUnixSockets: false,
  shellJob: false,
  fileLocks: false,
  autoDedup: false,
  lazyPages: false,
  cgroupMode: "default",
};
const saved = {
  ...common,
  parentPath: undefined,
  leaveRunning: false,
  tcpSkipInFlight: false,
  linkRemap: false,
  preDump: false,
  statusFd: undefined,
  pageServer: undefined,
};
const restored = {
  ...common,
  id: "c",
  bundle: ".",
  consoleSocket: undefined,
  pidFile: undefined,
  detach: false,
  subreaper: true,
  lsmProfile: undefined,
  lsmMountContext: undefined,
};

const forBoth: [options: string, values: object][] = [
  ["", {}],
  ["--image-path /i --work-path=/w", { imagePath: "/i", workPath: "/w" }],
  ["--image-path= --work-path=", {}],
  ["--tcp-established --ext-unix-sk", { tcpEstablished: true, externalUnixSockets: true }],
  ["--shell-job --file-locks", { shellJob: true, fileLocks: true }],
  ["--auto-dedup --lazy-pages", { autoDedup: true, lazyPages: true }],
  ["--manage-cgroups-mode ignore", { cgroupMode: "ignore" }],
  ["--manage-cgroups-mode=strict", { cgroupMode: "strict" }],
  ["--manage-cgroups-mode=", {}],
  ["--empty-ns network", {}],
];

const ofCheckpoint: [options: string, values: object][] = [
  ["--parent-path ../p --pre-dump", { parentPath: "../p", preDump: true }],
  ["--leave-running --link-remap", { leaveRunning: true, linkRemap: true }],
  ["--tcp-skip-in-flight", { tcpSkipInFlight: true }],
  ["--status-fd=-1", {}],
  ["--status-fd 2", { statusFd: 2 }],
  ["--page-server 10.0.0.1:27277", { pageServer: { address: "10.0.0.1", port: 27277 } }],
  ["--page-server [::1]:1", { pageServer: { address: "::1", port: 1 } }],
];

const ofRestore: [options: string, values: object][] = [
  ["-d -b /b", { detach: true, bundle: "/b" }],
  ["--detach --bundle=/b", { detach: true, bundle: "/b" }],
  ["--console-socket s --pid-file p", { consoleSocket: "s", pidFile: "p" }],
  ["--no-pivot --no-subreaper", { subreaper: false }],
  ["--lsm-profile apparmor:a", { lsmProfile: "apparmor:a" }],
  ["--lsm-mount-context l", { lsmMountContext: "l" }],
];

const words = (line: string): string[] => line.split(" ").filter((word) => word !== "");

describe("checkpoint", () => {
  for (const [options, values] of [...forBoth, ...ofCheckpoint])
    test(`${options} c`, () => {
      const { status, calls, stderr } = record(["checkpoint", ...words(options), "c"]);
      deepEqual([status, stderr, calls], [0, "", [["checkpoint", "c", { ...saved, ...values }]]]);
    });
});

describe("restore", () => {
  for (const [options, values] of [...forBoth, ...ofRestore])
    test(`${options} c`, () => {
      const { status, calls, stderr } = record(["restore", ...words(options), "c"]);
      deepEqual(
        [status, stderr, calls],
        [CONTAINER_STATUS, "", [["restore", { ...restored, ...values }]]],
      );
    });
});

const wrong: [line: string, message: RegExp][] = [
  ["checkpoint", /missing required argument/],
  ["restore", /missing required argument/],
  ["checkpoint c d", /too many arguments/],
  ["checkpoint c --manage-cgroups-mode default", /expected soft, full, strict or ignore/],
  ["restore c --empty-ns pid", /--empty-ns is "pid": only network can be empty/],
  ["restore c --leave-running", /unknown option '--leave-running'/],
  ["checkpoint c --status-fd 10000", /--status-fd is "10000": no descriptor/],
  ["checkpoint c --page-server host", /--page-server is "host": expected address:port/],
  ["checkpoint c --page-server host:0", /expected address:port/],
];

describe("mistakes", () => {
  for (const [line, message] of wrong)
    test(line, () => {
      const { status, calls, stderr } = record(line.split(" "));
      equal(status, 1);
      deepEqual(calls, []);
      match(stderr, message);
    });
});
