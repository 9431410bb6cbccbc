import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeDockerLike } from "./dockerLike.ts";

/** What the benchmark changes in the default config. */
interface DefaultConfig {
  ociVersion: string;
  process: { terminal: boolean; args: string[]; capabilities: object };
  mounts: { destination: string; options?: string[] }[];
  linux: { namespaces: { type: string }[]; maskedPaths: string[]; readonlyPaths: string[] };
}

/** Whose container a bundle is like. */
export type Kind = "default" | "docker-like" | "waiting";

/**
 * Makes a bundle in a new directory: a root filesystem of Debian's static busybox, and the
 * default config as `specProgram spec` writes it, with `/bin/true` and no terminal. Also asks for a
 * cgroup namespace: runc's `spec` leaves that out on a machine whose cgroup tree is not pure v2.
 */
export function makeBundle(directory: string, specProgram: string, kind: Kind): void {
  const rootfs = join(directory, "rootfs");
  for (const name of ["bin", "dev", "etc", "proc", "sys"])
    mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  for (const applet of ["sleep", "true"]) symlinkSync("busybox", join(rootfs, "bin", applet));

  execFileSync(specProgram, ["spec"], { cwd: directory });
  const path = join(directory, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as DefaultConfig;
  // Older releases of crun know no later version.
  config.ociVersion = "1.0.2";
  config.process.terminal = false;
  config.process.args = ["/bin/true"];
  if (!config.linux.namespaces.some(({ type }) => type === "cgroup"))
    config.linux.namespaces.push({ type: "cgroup" });
  if (kind === "waiting") config.process.args = ["/bin/sleep", "3600"];
  if (kind === "docker-like") makeDockerLike(directory, config);
  writeFileSync(path, JSON.stringify(config, null, 2));
}
