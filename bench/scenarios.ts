import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Kind } from "./bundle.ts";
import type { Launcher, Measurement } from "./launcher.ts";
import type { Program } from "./programs.ts";

/** A program in its place: with its state directory, its container's id and the common bundles. */
export interface Contestant {
  program: Program;
  root: string;
  bundles: Readonly<Record<Kind, string>>;
  id: string;
}

/** A thing to measure. */
export interface Scenario {
  name: string;
  /** Whether the floor can do it: it has no state and no seccomp, so it knows `run` of the default config alone. */
  floor: boolean;
  prepare?(launcher: Launcher, contestant: Contestant): Promise<void>;
  measure(launcher: Launcher, contestant: Contestant): Promise<Measurement>;
  /** Undoes what was prepared. */
  finish?(launcher: Launcher, contestant: Contestant): Promise<void>;
}

/** The command line of a runtime's command. */
export function commandLine(contestant: Contestant, ...command: string[]): string[] {
  const { program, root } = contestant;
  return [program.executable, "--root", root, ...(program.options ?? []), ...command];
}

/** Runs a command that must succeed. */
async function succeed(launcher: Launcher, command: string[]): Promise<Measurement> {
  const measurement = await launcher.run(command);
  if (measurement.exitStatus !== 0)
    throw new Error(`exit status ${measurement.exitStatus}: ${command.join(" ")}`);
  return measurement;
}

async function runDockerLike(launcher: Launcher, contestant: Contestant): Promise<Measurement> {
  const { bundles, id } = contestant;
  const line = commandLine(contestant, "run", "-b", bundles["docker-like"], id);
  const run = await succeed(launcher, line);
  await launcher.reap();
  return run;
}

/** Removes what is kept for later containers; there is no container now. */
function forgetCaches({ root }: Contestant): void {
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true });
}

/** Deletes the containers of a contestant, in the order of their ids. */
export async function deleteContainers(launcher: Launcher, contestant: Contestant): Promise<void> {
  const { root, id } = contestant;
  const ids = existsSync(root) ? readdirSync(root).filter((name) => name.startsWith(id)) : [];
  for (const each of ids) await launcher.run(commandLine(contestant, "delete", "--force", each));
}

/** How many containers a busy machine has. */
const MANY = 100;

/** `sh -c`: runs a command line as often at once, each with an id of its own as the last word; fails if one of them does. */
const AT_ONCE = `
  id=$1 pids=; shift
  for n in $(seq ${MANY}); do "$@" "$id-$n" & pids="$pids $!"; done
  for pid in $pids; do wait "$pid" || exit; done`;

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

export const scenarios: readonly Scenario[] = [
  {
    name: "run",
    floor: true,
    async measure(launcher, contestant) {
      const { program, bundles, id } = contestant;
      const command = program.options
        ? commandLine(contestant, "run", "-b", bundles.default, id)
        : [program.executable, `${bundles.default}/rootfs`];
      const run = await succeed(launcher, command);
      await launcher.reap();
      return run;
    },
  },
  {
    name: "run (Docker-like)",
    floor: false,
    measure: runDockerLike,
  },
  {
    name: "run (Docker-like, nothing cached)",
    floor: false,
    measure(launcher, contestant) {
      forgetCaches(contestant);
      return runDockerLike(launcher, contestant);
    },
  },
  {
    name: "create + start + delete",
    floor: false,
    async measure(launcher, contestant) {
      const { bundles, id } = contestant;
      const line = commandLine(contestant, "create", "-b", bundles.default, id);
      const create = await succeed(launcher, line);
      const start = await succeed(launcher, commandLine(contestant, "start", id));
      // Not timed: the container's process ends by itself. Its memory counts.
      const container = await launcher.reap();
      const remove = await succeed(launcher, commandLine(contestant, "delete", id));
      const timed = [create, start, remove];
      return {
        nanoseconds: sum(timed.map(({ nanoseconds }) => nanoseconds)),
        peakRssKib: Math.max(...[...timed, container].map(({ peakRssKib }) => peakRssKib)),
        exitStatus: 0,
      };
    },
  },
  {
    name: "state",
    floor: false,
    async prepare(launcher, contestant) {
      const { bundles, id } = contestant;
      await succeed(launcher, commandLine(contestant, "create", "-b", bundles.default, id));
    },
    measure(launcher, contestant) {
      return succeed(launcher, commandLine(contestant, "state", contestant.id));
    },
    finish: deleteContainers,
  },
  {
    name: "exec",
    floor: false,
    async prepare(launcher, contestant) {
      const { bundles, id } = contestant;
      await succeed(launcher, commandLine(contestant, "run", "-d", "-b", bundles.waiting, id));
    },
    measure(launcher, contestant) {
      return succeed(launcher, commandLine(contestant, "exec", contestant.id, "/bin/true"));
    },
    finish: deleteContainers,
  },
  {
    name: "list (100 containers)",
    floor: false,
    async prepare(launcher, contestant) {
      const { bundles, id } = contestant;
      for (let n = 1; n <= MANY; n++)
        await succeed(
          launcher,
          commandLine(contestant, "create", "-b", bundles.default, `${id}-${n}`),
        );
    },
    measure(launcher, contestant) {
      return succeed(launcher, commandLine(contestant, "list"));
    },
    finish: deleteContainers,
  },
  {
    name: "run (100 at once)",
    floor: false,
    async measure(launcher, contestant) {
      const { bundles, id } = contestant;
      const line = commandLine(contestant, "run", "-b", bundles.default);
      const run = await succeed(launcher, ["/bin/sh", "-c", AT_ONCE, "sh", id, ...line]);
      await launcher.reap();
      return run;
    },
  },
];
