import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program to measure. */
export interface Program {
  /** What the table and `--only` call it. */
  name: string;
  version: string;
  executable: string;
  /** Whether it makes a cgroup for the container. */
  cgroup: boolean;
  /** Its options before the command, but for `--root`; the floor has no commands: undefined. */
  options: readonly string[] | undefined;
}

/** What is asked for: a name, and the executable as a path or as a name to find in PATH. */
export interface Candidate {
  name: string;
  executable: string;
  kind: "runtime" | "runtime with cgroup" | "floor";
}

const NO_CGROUP = "--cgroup-manager=disabled";

/** Finds an executable as a shell does; administrators' directories are looked in as well. */
function findExecutable(name: string): string | undefined {
  const { PATH = "" } = process.env;
  const directories = [...PATH.split(delimiter), "/usr/sbin", "/sbin"];
  const paths = name.includes("/") ? [name] : directories.map((directory) => join(directory, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function outputOf(executable: string, argument: string): string {
  return spawnSync(executable, [argument], { encoding: "utf8" }).stdout ?? "";
}

/**
 * Looks a candidate up and asks it for its version and for what it can do without: a runtime that
 * knows crun's `--cgroup-manager` runs without cgroups, one that does not (runc) cannot.
 */
export function identify({ name, executable, kind }: Candidate): Program | undefined {
  const path = findExecutable(executable);
  if (path === undefined) return undefined;
  if (kind === "floor")
    return { name, version: "", executable: path, cgroup: false, options: undefined };
  const version = /\d+\.\d+[\w.+~-]*/.exec(outputOf(path, "--version"))?.[0] ?? "(version unknown)";
  const cgroup =
    kind === "runtime with cgroup" || !outputOf(path, "--help").includes("--cgroup-manager");
  return { name, version, executable: path, cgroup, options: cgroup ? [] : [NO_CGROUP] };
}
