/** Containers that are limited, under both drivers: what the kernel and systemd say of their groups. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Bundle, shellBundle, WAITS, writeConfig } from "./bundle.ts";
import type { Config } from "./config.ts";
import { failed, succeeded } from "./expect.ts";
import { cgroupRoot } from "./hierarchy.ts";
import { type Feature, needs } from "./machine.ts";
import { newId, type Outcome, Runtime, tsrun } from "./runtime.ts";

/** `linux.resources` of a config. */
export type Resources = Record<string, unknown>;

export interface Driver {
  name: "cgroupfs" | "systemd";
  needs: readonly Feature[];
  /** Global options, of tsrun as of its peers. */
  options: readonly string[];
  cgroupsPath(id: string): string;
  /** The path of the group, below the mount. */
  path(id: string): string;
}

export const cgroupfs: Driver = {
  name: "cgroupfs",
  needs: [],
  options: [],
  cgroupsPath: (id) => `/${id}`,
  path: (id) => `/${id}`,
};

export const systemd: Driver = {
  name: "systemd",
  needs: ["systemd"],
  options: ["--systemd-cgroup"],
  cgroupsPath: (id) => `system.slice:tests:${id}`,
  path: (id) => `/system.slice/tests-${id}.scope`,
};

export const DRIVERS: readonly Driver[] = [cgroupfs, systemd];

/** The runtimes that leave the same values, where no departure is known. */
export const recentRunc: Runtime = new Runtime("runc", ["runc-recent"]);
export const recentCrun: Runtime = new Runtime("crun", ["crun"]);

/** A test for each driver. */
export function underBothDrivers(
  name: string,
  features: readonly Feature[],
  body: (driver: Driver) => void,
): void {
  for (const driver of DRIVERS)
    test(`${name} (${driver.name})`, needs(...features, ...driver.needs), () => body(driver));
}

export const systemctl = (...args: string[]): string =>
  execFileSync("systemctl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();

/** Files that are written to for something else, and say how things are. */
const NO_LIMITS = /^cgroup\.(procs|threads)$|\.(peak|pressure)$/;

/** What most containers are made of, which differ in their resources only. */
const waiting = shellBundle(WAITS);

type Edit = (config: Config) => void;

const made = (program: string | Bundle, edit?: Edit): Bundle =>
  typeof program === "string" ? shellBundle(program, edit && { edit }) : program;

export class Container {
  readonly id = newId();
  readonly driver: Driver;
  readonly runtime: Runtime;
  /** The directory of its group. */
  readonly group: string;

  constructor(driver: Driver, runtime: Runtime = tsrun) {
    this.driver = driver;
    this.runtime = runtime.with(...driver.options);
    this.group = join(cgroupRoot(), driver.path(this.id));
  }

  /** The systemd unit that holds it. */
  get unit(): string {
    return this.driver.path(this.id).replace(/.*\//, "");
  }

  /** Writes its place and its resources into a bundle. */
  #limit(bundle: Bundle, resources: Resources): string {
    const { linux } = bundle.config;
    linux.cgroupsPath = this.driver.cgroupsPath(this.id);
    linux.resources = { devices: [{ allow: false, access: "rwm" }], ...resources };
    writeConfig(bundle.path, bundle.config);
    return bundle.path;
  }

  /** `create` of one that would wait for a signal, or of another bundle. */
  create(resources: Resources, bundle: Bundle = waiting): Outcome {
    return this.runtime.call(["create", "--bundle", this.#limit(bundle, resources), this.id]);
  }

  /** Runs a script or another bundle, to its end. */
  run(resources: Resources, program: string | Bundle, edit?: Edit): Outcome {
    return this.runtime.call([
      "run",
      "--bundle",
      this.#limit(made(program, edit), resources),
      this.id,
    ]);
  }

  /** Starts a script that goes on. */
  start(resources: Resources, script: string, edit?: Edit): void {
    const bundle = this.#limit(made(script, edit), resources);
    succeeded(this.runtime.call(["run", "--detach", "--bundle", bundle, this.id]), "run --detach");
  }

  /** `update`, by a document or by options. */
  update(change: Resources | readonly string[]): Outcome {
    return Array.isArray(change)
      ? this.runtime.call(["update", ...change, this.id])
      : this.runtime.call(["update", "--resources", "-", this.id], {
          input: JSON.stringify(change),
        });
  }

  delete(): void {
    succeeded(this.runtime.call(["delete", "--force", this.id]), "delete --force");
  }

  /** What a file of its group says. */
  read(file: string): string {
    return readFileSync(join(this.group, file), "utf8").trimEnd();
  }

  /** What all of its limits are, and what else can be set in its group, or in one below. */
  limits(below = ""): Record<string, string> {
    const files = readdirSync(join(this.group, below)).filter((file) => {
      const entry = statSync(join(this.group, below, file));
      return entry.isFile() && (entry.mode & 0o600) === 0o600 && !NO_LIMITS.test(file);
    });
    return Object.fromEntries(files.map((file) => [file, this.read(join(below, file))]));
  }

  /** The number of a key in a file of its group, such as `oom_kill` in memory.events. */
  count(file: string, key: string): number {
    const value = new RegExp(`^${key} (\\d+)$`, "m").exec(this.read(file))?.[1];
    return Number(value ?? assert.fail(`no ${key} in ${file}`));
  }

  /** The files say this. */
  has(files: Record<string, string>): void {
    const names = Object.keys(files);
    assert.deepEqual(Object.fromEntries(names.map((file) => [file, this.read(file)])), files);
  }

  /** systemd says this of its scope. */
  hasProperties(properties: Record<string, string>): void {
    const names = Object.keys(properties).flatMap((name) => ["--property", name]);
    const lines = systemctl("show", this.unit, ...names).split("\n");
    const said = lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]);
    assert.deepEqual(Object.fromEntries(said), properties);
  }
}

/** Creates a container under tsrun, which must be done without a word, and deletes it after `use`. */
export function withCreated<T>(
  driver: Driver,
  resources: Resources,
  use: (container: Container) => T,
): T {
  const container = new Container(driver);
  succeeded(container.create(resources), "create");
  try {
    return use(container);
  } finally {
    container.delete();
  }
}

export interface Expected {
  resources: Resources;
  /** What the files of the group say then. */
  files: Record<string, string>;
  /** What systemd says then. */
  properties?: Record<string, string>;
}

/** Under both drivers: each of these is set, and the kernel and systemd say so. */
export function areSet(features: readonly Feature[], rows: Record<string, Expected>): void {
  for (const [name, { resources, files, properties }] of Object.entries(rows))
    underBothDrivers(name, features, (driver) =>
      withCreated(driver, resources, (container) => {
        container.has(files);
        if (properties && driver === systemd) container.hasProperties(properties);
      }),
    );
}

/** Under both drivers: each of these is refused, with a message that points at it, and leaves nothing. */
export function areRefused(
  features: readonly Feature[],
  rows: Record<string, readonly [resources: Resources, ...messages: RegExp[]]>,
): void {
  for (const [name, [resources, ...messages]] of Object.entries(rows))
    underBothDrivers(name, features, (driver) =>
      failed(new Container(driver).create(resources), ...messages),
    );
}
