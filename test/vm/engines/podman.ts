/** Podman, as root calls it and as a user does. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { USER } from "../../integration/harness/config.ts";
import { type CallOptions, call, type Ended, output } from "./calls.ts";
import { installDocumented } from "./documented.ts";
import { BUSYBOX, busyboxImage } from "./images.ts";
import { type EngineRuntime, installTsrun } from "./runtimes.ts";

/** Podman with one runtime, for one user. */
export interface Podman {
  readonly runtime: EngineRuntime;
  /** The command line up to Podman's own words. */
  readonly command: readonly string[];
  call(...words: string[]): Ended;
  /** What a command prints that must succeed. */
  output(...words: string[]): string;
}

/** Emulated, collecting garbage and pre-empting goroutines takes much of a command's time. */
const QUICK = { GOGC: "off", GODEBUG: "asyncpreemptoff=1" };

const CONFIGURATION = "/etc/containers/containers.conf";

/** A group of the host that the user is in, beside its own. */
export const GROUP = 44;

const home = "/home/user";
const runtimeDirectory = `/run/user/${USER}`;
const userEnvironment = {
  ...QUICK,
  HOME: home,
  USER: "user",
  LOGNAME: "user",
  PATH: process.env["PATH"] ?? "",
  XDG_RUNTIME_DIR: runtimeDirectory,
  DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeDirectory}/bus`,
};

/** A user's command line: with a session's environment and nothing of root's. */
export const asUser = (...words: string[]): string[] => [
  ...["setpriv", `--reuid=${USER}`, `--regid=${USER}`, `--groups=${USER},${GROUP}`],
  ...["env", "--ignore-environment", `--chdir=${home}`],
  ...Object.entries(userEnvironment).map(([name, value]) => `${name}=${value}`),
  ...words,
];

function make(runtime: EngineRuntime, command: readonly string[], options: CallOptions): Podman {
  return {
    runtime,
    command,
    call: (...words) => call([...command, ...words], options),
    output: (...words) => output([...command, ...words], options),
  };
}

/** Root's Podman; `options` go before the command. */
export const rootful = (runtime: EngineRuntime, ...options: string[]): Podman =>
  make(runtime, ["podman", "--runtime", runtime.name, ...options], { env: QUICK });

/** The user's Podman. */
export const rootless = (runtime: EngineRuntime, ...options: string[]): Podman =>
  make(runtime, asUser("podman", "--runtime", runtime.name, ...options), {});

/** Installs tsrun and the configuration of docs/engines.md, for root and users, and loads the image for root. */
export function setUp(folder: string): void {
  installTsrun();
  installDocumented("Podman", CONFIGURATION);
  output(["podman", "load", "--input", busyboxImage(folder)], { env: QUICK });
}

/** Starts the user's systemd, as a login does, and loads the image for the user. */
export function setUpUser(folder: string): void {
  setUp(folder);
  output(["systemctl", "start", `user@${USER}.service`]);
  const archive = join("/var/tmp", "user-image.tar");
  writeFileSync(archive, readFileSync(busyboxImage(folder)), { mode: 0o644 });
  output(asUser("podman", "load", "--input", archive));
  rmSync(archive);
}

/** Removes all containers, pods, volumes and the image. */
export function tearDown(podman: readonly string[]): void {
  output([...podman, "pod", "rm", "--all", "--force", "--time=0"]);
  output([...podman, "rm", "--all", "--force", "--time=0"]);
  output([...podman, "volume", "prune", "--force"]);
  output([...podman, "rmi", "--all", "--force"]);
  rmSync(CONFIGURATION);
}

/** Without a network: setting one up takes longer than all else, and few tests are about it. */
export const ALONE = ["--network=none"];

/** Words for `run` and `create`: a container of busybox, and what it executes. */
export const busybox = (...command: string[]): string[] => [BUSYBOX, ...command];

/** The same, with a script for its shell. */
export const script = (...lines: string[]): string[] => busybox("sh", "-c", lines.join("\n"));

/** What a container with these options sees of itself; without a network unless they name one. */
export const shown = (
  podman: Podman,
  options: readonly string[],
  look: readonly string[],
): string[] =>
  podman
    .output(
      ...["run", "--rm", ...(options.some((option) => option.includes("network")) ? [] : ALONE)],
      ...[...options, ...script(...look)],
    )
    .split("\n");
