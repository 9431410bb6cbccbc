import assert from "node:assert/strict";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isWhole, onlyWhole } from "../../vm/engines/whole.ts";
import { type Bundle, type BundleOptions, newFolder, shellBundle } from "./bundle.ts";
import { eventually, stateOf, succeeded } from "./expect.ts";
import { leavesNothing } from "./leftovers.ts";
import { type Feature, needs } from "./machine.ts";
import { newId, type Runtime, runc, tsrun } from "./runtime.ts";

/** Options of a test with the real criu. */
export const withCriu: { skip?: string } = needs("criu");

/** The same of one that is left to `make test-all`: emulated, criu takes long. */
export const wholeWithCriu = (...features: Feature[]): { skip?: string } =>
  isWhole ? needs("criu", ...features) : onlyWhole;

/** A container with a folder of the host on /vol. */
export interface Counter extends Bundle {
  id: string;
  images: string;
  volume: string;
}

/** For runc, which saves no streams that are files of the host. */
export const DETACHED_STREAMS = "exec < /dev/null > /dev/null 2>&1";

/** Counts in /vol/count, and has begun with what `setUp` does. */
export function counter(setUp = ":", edit: NonNullable<BundleOptions["edit"]> = () => {}): Counter {
  const volume = newFolder("volume");
  const bundle = shellBundle(
    `${setUp}
     i=0; while :; do i=$((i + 1)); echo $i > /vol/count.new; busybox mv /vol/count.new /vol/count; sleep 0.1; done`,
    {
      edit: (config, path) => {
        config.mounts.push(
          { destination: "/vol", type: "bind", source: volume, options: ["rbind", "rw"] },
          { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=700"] },
        );
        edit(config, path);
      },
    },
  );
  return { ...bundle, id: newId(), images: join(newFolder("images"), "checkpoint"), volume };
}

export const count = ({ volume }: Counter): number => {
  const file = join(volume, "count");
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
};

export function counts(container: Counter, from = 0): void {
  const before = Math.max(count(container), from);
  eventually("it counts", () => count(container) > before);
}

export function run(container: Counter, runtime: Runtime = tsrun): void {
  const { path, id } = container;
  succeeded(runtime.call(["run", "--detach", "-b", path, id]), "run");
  counts(container);
}

export const checkpoint = (
  { id, images }: Counter,
  options: string[] = [],
  runtime: Runtime = tsrun,
) => runtime.call(["checkpoint", "--image-path", images, ...options, id]);

export const restore = (
  { id, images, path }: Counter,
  options: string[] = [],
  runtime: Runtime = tsrun,
) => runtime.call(["restore", "--detach", "-b", path, "--image-path", images, ...options, id]);

export function checkpointed(
  container: Counter,
  options: string[] = [],
  runtime: Runtime = tsrun,
): void {
  succeeded(checkpoint(container, options, runtime), `${runtime.name} checkpoint`);
}

export function restored(
  container: Counter,
  options: string[] = [],
  runtime: Runtime = tsrun,
): void {
  succeeded(restore(container, options, runtime), `${runtime.name} restore`);
}

export function remove({ id }: Counter, runtime: Runtime = tsrun): void {
  succeeded(runtime.call(["delete", "--force", id]), "delete --force");
}

/** What is not there any more; the next container of the id is another one. */
export const isGone = ({ id }: Counter, runtime: Runtime = tsrun): boolean =>
  runtime.call(["state", id]).status === 1;

/** What is seen must be the same with runc and with tsrun, and neither leaves anything behind. */
export function alike(
  name: string,
  scenario: (runtime: Runtime) => unknown,
  options: { skip?: string } = wholeWithCriu(),
): void {
  test(name, options, () => {
    const theirs = leavesNothing(() => scenario(runc));
    assert.deepEqual(
      leavesNothing(() => scenario(tsrun)),
      theirs,
    );
  });
}

/** What runc cannot do. */
export function alone(name: string, scenario: () => void): void {
  test(name, wholeWithCriu(), () => leavesNothing(scenario));
}

export const procFile = (pid: number, name: string): string =>
  readFileSync(`/proc/${pid}/${name}`, "utf8");

/** What the kernel says of a container's process, without what is another one's every time. */
export function factsOf(id: string, runtime: Runtime = tsrun): Record<string, unknown> {
  const { pid } = stateOf(id, runtime);
  const namespaces = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
  return {
    status: procFile(pid, "status")
      .match(/^(Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp\w*|Umask|SigIgn|NSpid):.*$/gm)
      ?.map((line) => line.replace(/^(NSpid):.*\t/, "$1: ")),
    limits: procFile(pid, "limits"),
    environment: procFile(pid, "environ"),
    command: procFile(pid, "cmdline"),
    oomScore: procFile(pid, "oom_score_adj"),
    personality: procFile(pid, "personality"),
    cgroup: procFile(pid, "cgroup").match(/^0::.*$/m)?.[0],
    mounts: procFile(pid, "mountinfo")
      .trimEnd()
      .split("\n")
      .map((line) =>
        line
          .replace(/^\S+ \S+ \S+ /, "")
          .replace(/ (master|shared):\d+/g, " $1")
          .replace(/,relatime|relatime,/, ""),
      )
      .sort(),
    own: namespaces.filter(
      (name) => readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`),
    ),
  };
}
