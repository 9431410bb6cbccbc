/** Killing a runtime at any of its system calls (strace(1), "Tampering"). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "./bundle.ts";
import { succeeded } from "./expect.ts";
import { Runtime, tsrunPath } from "./runtime.ts";

/** The `nth` call of a system call. */
export interface Moment {
  call: string;
  nth: number;
}

export const shown = ({ call, nth }: Moment): string => `${call} number ${nth}`;

/** Kills tsrun at that moment; whatever it has forked lives on. */
export const killedAt = (moment: Moment): Runtime => killing(moment, []);

/** Kills whichever process of tsrun's comes to that moment of its own; the others live on. */
export const anyKilledAt = (moment: Moment): Runtime => killing(moment, ["-f"]);

function killing({ call, nth }: Moment, whom: readonly string[]): Runtime {
  const inject = `inject=${call}:signal=SIGKILL:when=${nth}`;
  const strace = ["strace", "-qq", ...whom, "-o", "/dev/null", "-e", inject];
  return new Runtime("tsrun", [...strace, tsrunPath]);
}

/** All system calls that tsrun itself makes, in order; strace counts each kind by itself. */
export function momentsOf(...args: string[]): Moment[] {
  const log = join(newFolder("strace"), "log");
  const traced = new Runtime("tsrun", ["strace", "-qq", "-o", log, tsrunPath]);
  succeeded(traced.call(args));
  const counts: Record<string, number> = {};
  return [...readFileSync(log, "utf8").matchAll(/^(\w+)\(/gm)]
    .map(([, call]) => call as string)
    .filter((call) => call !== "exit_group")
    .map((call) => {
      counts[call] = (counts[call] ?? 0) + 1;
      return { call, nth: counts[call] };
    });
}

/** At most `count` of the list, evenly spread; `offset` chooses which. */
export function spread<T>(list: readonly T[], count: number, offset = 0): T[] {
  const stride = Math.max(1, Math.ceil(list.length / count));
  return list.filter((_, i) => i % stride === offset % stride);
}
