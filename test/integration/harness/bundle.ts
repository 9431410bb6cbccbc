/** Bundles made from the distribution's static busybox. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Config, defaultConfig } from "./config.ts";
import { scratch } from "./isolation.ts";

const APPLETS = [
  ...[
    "sh",
    "cat",
    "chmod",
    "chown",
    "dd",
    "echo",
    "env",
    "false",
    "grep",
    "head",
    "hostname",
    "id",
  ],
  ...["ip", "kill", "ls", "mkdir", "mknod", "mount", "nc", "printf", "ps", "pwd", "readlink", "rm"],
  ...["sed", "setsid", "sleep", "sort", "stat", "stty", "touch", "tr", "true", "tty", "umount"],
  ...["unshare", "wc", "yes"],
];

const FOLDERS = [
  ...["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin"],
  ...["sbin", "var/tmp", "mnt"],
];

let made = 0;

/** A folder of this run that nobody has used yet. */
export function newFolder(purpose: string): string {
  const folder = join(scratch, `${purpose}-${++made}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Makes a root filesystem at `rootfs`: busybox, its links, users and the usual folders. */
export function makeRootfs(rootfs: string): void {
  for (const folder of FOLDERS) mkdirSync(join(rootfs, folder), { recursive: true });
  for (const folder of ["tmp", "var/tmp"]) chmodSync(join(rootfs, folder), 0o1777);
  const master = join(scratch, "busybox");
  if (!existsSync(master)) copyFileSync("/bin/busybox", master);
  linkSync(master, join(rootfs, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(
    join(rootfs, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n",
  );
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\ntty:x:5:\nuser:x:1000:\n");
}

export interface Bundle {
  path: string;
  rootfs: string;
  config: Config;
}

/** Writes `config` (anything: the tests of bad input write nonsense too) as the bundle's. */
export function writeConfig(bundle: string, config: unknown): void {
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config, undefined, 2));
}

export interface BundleOptions {
  /** Changes the default configuration in place. */
  edit?: (config: Config, bundle: string) => void;
  /** Changes the root filesystem (or anything else in the bundle) before it is used. */
  prepare?: (rootfs: string, bundle: string) => void;
  /** Where; a new folder when absent. An existing bundle there is replaced. */
  path?: string;
}

/** Makes a bundle that runs `args` with the default configuration, changed by the options. */
export function makeBundle(args: string[], options: BundleOptions = {}): Bundle {
  const path = options.path ?? newFolder("bundle");
  rmSync(path, { recursive: true, force: true });
  const rootfs = join(path, "rootfs");
  mkdirSync(rootfs, { recursive: true });
  makeRootfs(rootfs);
  const config = defaultConfig(...args);
  options.prepare?.(rootfs, path);
  options.edit?.(config, path);
  writeConfig(path, config);
  return { path, rootfs, config };
}

/** A bundle that runs a shell script. */
export function shellBundle(script: string, options: BundleOptions = {}): Bundle {
  return makeBundle(["sh", "-c", script], options);
}

/** Runs forever until a signal comes; TERM ends it with status 0. */
export const WAITS = "trap 'exit 0' TERM; while true; do sleep 0.05; done";
