/** The same bundle under tsrun and under others. */
import assert from "node:assert/strict";
import type { Bundle } from "./bundle.ts";
import { succeeded } from "./expect.ts";
import { newId, type Runtime, tsrun } from "./runtime.ts";

/** The standard input is not /dev/null: crun would give the host's to the container's user. */
const NOT_NULL = { input: "" };

/** What the program of a bundle prints, in a container that ends with status 0; without complaint if it is tsrun's. */
export function printed({ path }: Bundle, runtime: Runtime = tsrun): string {
  const outcome = runtime.call(["run", "--bundle", path, newId()], NOT_NULL);
  if (runtime === tsrun) return succeeded(outcome).stdout;
  assert.equal(outcome.status, 0, `${runtime.name} failed: ${outcome.stderr}`);
  return outcome.stdout;
}

/** Runs a bundle under tsrun and its peers. They must print the same, which is returned. */
export function alike(bundle: Bundle, ...peers: readonly Runtime[]): string {
  const ours = printed(bundle);
  for (const peer of peers) assert.equal(ours, printed(bundle, peer), `tsrun and ${peer.name}`);
  return ours;
}

/**
 * Shell: the mounts on and below some places, in their order: what of the filesystem is mounted, where, how, the kind of
 * propagation, and the filesystem (proc_pid_mountinfo(5)).
 */
export const mountsBelow = (...places: string[]): string =>
  `while read -r id parent device root point rest; do
     case $point in ${places.map((place) => `${place}|${place}/*`).join("|")})
       echo "$root $point $rest";;
     esac
   done < /proc/self/mountinfo | sed 's/\\(shared\\|master\\|propagate_from\\):[0-9]*/\\1/g'`;
