import { AT_FDCWD, EDQUOT, EEXIST, EFBIG, EIO, ENOSPC, O_CREAT, O_EXCL, O_WRONLY } from "#abi";
import { Failure } from "../failure.ts";
import { getegid, geteuid } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import { unlinkAt, writeText } from "../linux/fs.ts";
import { defaultConfig, toRootless } from "../runtime/defaultConfig.ts";
import type { Command } from "./command.ts";

interface SpecFlags {
  bundle?: string;
  rootless?: boolean;
}

const CONFIG_MODE = 0o666;

export const spec: Command<SpecFlags> = {
  summary: "create a new specification file",
  arguments: [],
  options: {
    "-b, --bundle <directory>": "the directory to write to (default: the current directory)",
    "--rootless": "make a configuration for a rootless container",
  },
  details: `\
Creates the file "config.json" for a bundle. An existing file is not overwritten.

It is just a starter file: its args parameter calls "sh", which not every root filesystem has. The
following commands make a bundle from docker's hello-world image and run it:

    mkdir hello
    cd hello
    docker pull hello-world
    docker export $(docker create hello-world) > hello-world.tar
    mkdir rootfs
    tar -C rootfs -xf hello-world.tar
    tsrun spec
    sed -i 's;"sh";"/hello";' config.json
    tsrun run container1

Running a container needs root privilege, unless its specification was made with --rootless, for
the user who calls tsrun.`,
  execute(_environment, _args, flags) {
    const config = defaultConfig();
    const wanted = flags.rootless ? toRootless(config, geteuid(), getegid()) : config;
    writeNew(`${flags.bundle || "."}/config.json`, JSON.stringify(wanted, null, "\t"));
    return 0;
  },
};

function writeNew(path: string, text: string): void {
  try {
    writeText(path, text, O_CREAT | O_EXCL | O_WRONLY, AT_FDCWD, CONFIG_MODE);
  } catch (error) {
    if (isErrno(error, EEXIST))
      throw new Failure(`${path} already exists`, { hint: "remove it first" });
    // Half a file would be in the way of the next try.
    if (isErrno(error, EDQUOT, EFBIG, EIO, ENOSPC)) unlinkAt(AT_FDCWD, path);
    throw new Failure(`writing ${path}`, { cause: error });
  }
}
