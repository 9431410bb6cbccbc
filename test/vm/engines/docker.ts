/** Docker's daemon, and its command line. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { eventually } from "../../integration/harness/waiting.ts";
import { call, output } from "./calls.ts";
import { documented } from "./documented.ts";
import { BUSYBOX, busyboxImage } from "./images.ts";
import { type EngineRuntime, installTsrun } from "./runtimes.ts";

const CONFIGURATION = "/etc/docker/daemon.json";

/** Options of dockerd(8) beside those of the page. */
export type DaemonOptions = Readonly<Record<string, unknown>>;

/** Gives the daemon the configuration that the page gives under this heading; it has still to read it. */
export function configure(heading: string, options: DaemonOptions = {}): void {
  const given = JSON.parse(documented(heading, CONFIGURATION)) as DaemonOptions;
  writeFileSync(CONFIGURATION, JSON.stringify({ ...given, ...options }));
}

/** Starts the daemon with the configuration that the page gives under this heading, and with the image of busybox. */
export function startDocker(heading = "Docker", options: DaemonOptions = {}): void {
  installTsrun();
  configure(heading, options);
  restartDaemon();
  // Below /var/tmp: /tmp is memory.
  const folder = mkdtempSync("/var/tmp/docker-");
  try {
    output(["docker", "load", "--input", busyboxImage(folder)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Ends the daemon, if it runs, and starts it. */
export function restartDaemon(): void {
  // systemd(1) would refuse the fourth start in a minute.
  call(["systemctl", "reset-failed", "docker.service"]);
  output(["systemctl", "restart", "docker.service"]);
}

/** Removes all that Docker holds, and ends it. */
export function stopDocker(): void {
  try {
    const containers = lines(docker("ps", "--all", "--quiet"));
    if (containers.length > 0) docker("rm", "--force", "--volumes", ...containers);
    docker("system", "prune", "--all", "--volumes", "--force");
  } finally {
    output(["systemctl", "stop", "docker.socket", "docker.service", "containerd.service"]);
    rmSync(CONFIGURATION, { force: true });
  }
}

/** Runs a command of Docker's that must succeed; what it prints. */
export const docker = (...args: string[]): string => output(["docker", ...args]);

/** The command line of a container that is removed at its end. */
export const dockerRun = (
  runtime: EngineRuntime,
  options: readonly string[],
  ...command: string[]
): string[] => [
  ...["docker", "run", "--rm", "--runtime", runtime.name, ...options],
  ...[BUSYBOX, ...command],
];

/** Runs a container that must succeed to its end; what it prints. */
export const ran = (
  runtime: EngineRuntime,
  options: readonly string[],
  ...command: string[]
): string => output(dockerRun(runtime, options, ...command));

/** Starts a container that goes on, by a name that tells its runtime; this name. */
export function start(
  runtime: EngineRuntime,
  purpose: string,
  options: readonly string[],
  ...command: string[]
): string {
  const name = `${purpose}-${runtime.name}`;
  const which = ["--name", name, "--runtime", runtime.name];
  docker("run", "--detach", ...which, ...options, BUSYBOX, ...command);
  return name;
}

/** Starts such a container, lets it be used by its name, and removes it. */
export async function withContainer<T>(
  runtime: EngineRuntime,
  purpose: string,
  options: readonly string[],
  command: readonly string[],
  use: (name: string) => T | Promise<T>,
): Promise<T> {
  const name = start(runtime, purpose, options, ...command);
  try {
    return await use(name);
  } finally {
    remove(name);
  }
}

/** What `docker inspect` tells of a container, by a Go template. */
export const inspect = (name: string, template: string): string =>
  docker("inspect", "--format", template, name);

/** Waits until an inspection says what is expected. */
export function becomes(name: string, template: string, expected: string): void {
  eventually(`${name} has ${template} ${expected}`, () => inspect(name, template) === expected);
}

/** What Docker has told of a container since it was made, by a Go template. */
export const events = (name: string, template: string): string[] => {
  const now = String(Math.ceil(Date.now() / 1000));
  const when = ["--since", inspect(name, "{{.Created}}"), "--until", now];
  return lines(docker("events", ...when, "--filter", `container=${name}`, "--format", template));
};

export const remove = (...names: string[]): void => {
  docker("rm", "--force", "--volumes", ...names);
};

export const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** A shell script that prints each of these commands' output under the command. */
export const script = (...commands: string[]): string =>
  commands.map((command) => `echo '$ ${command.replaceAll("'", "'\\''")}'; ${command}`).join("\n");
