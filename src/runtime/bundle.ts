/** The bundle: a directory with config.json and the root filesystem (specification, "Filesystem Bundle"). */

import type { Process, Spec } from "@opencontainers-types";
import { AT_FDCWD, ENOENT, O_DIRECTORY } from "#abi";
import { readConfig } from "../../spec/config.ts";
import { maxJsonBytes } from "../../spec/json.ts";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { openPath, readlinkAt, readText, using } from "../linux/fs.ts";
import { checkConfig } from "./checks.ts";

/** A bundle that has been read and checked. */
export interface Bundle {
  /** Absolute, without links. */
  path: string;
  config: Spec;
  /** The text of config.json. */
  text: string;
  /** config.process, which a container that is to run must have. */
  process: Process;
  /** The root filesystem's absolute path, without links. */
  rootfs: string;
}

/** Reads and checks a bundle; nothing is made. Throws a Failure that names every fault. */
export function openBundle(directory: string): Bundle {
  const path = directoryPath(directory, "the bundle", undefined);
  const { text, config } = readConfigFile(`${path}/config.json`);
  const process = checkConfig(config);
  const root = config.root?.path ?? "";
  const rootfs = directoryPath(
    root.startsWith("/") ? root : `${path}/${root}`,
    "the root filesystem",
    "/root/path",
  );
  return { path, config, text, process, rootfs };
}

function readConfigFile(path: string): Pick<Bundle, "config" | "text"> {
  try {
    const text = readText(path, AT_FDCWD, maxJsonBytes);
    return { text, config: readConfig(text) };
  } catch (cause) {
    const missing = isErrno(cause, ENOENT);
    throw new Failure(`reading ${path}`, {
      cause,
      hint: missing
        ? "a bundle is a directory with a config.json; `tsrun spec` writes one"
        : undefined,
      kind: "config",
    });
  }
}

/** The real path of a directory, which the kernel knows for its descriptor. */
function directoryPath(path: string, what: string, pointer: string | undefined): string {
  try {
    return using(openPath(path, O_DIRECTORY), (fd) => readlinkAt(AT_FDCWD, `/proc/self/fd/${fd}`));
  } catch (cause) {
    throw new Failure(`opening ${what} ${path}`, { cause, pointer });
  }
}
