import { AT_FDCWD } from "#abi";
import { maxJsonBytes } from "../../spec/json.ts";
import { doing, Failure } from "../failure.ts";
import { readText } from "../linux/fs.ts";
import type { ProcessChanges, ProcessDocument } from "../runtime/execProcess.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";
import { checkPreserved, toDescriptorCount } from "./preservedDescriptors.ts";

interface ExecFlags {
  process?: string;
  cwd?: string;
  env?: string[];
  tty?: boolean;
  user?: string;
  additionalGids?: string[];
  cap?: string[];
  newPrivs?: boolean;
  apparmor?: string;
  processLabel?: string;
  consoleSocket?: string;
  pidfdSocket?: string;
  pidFile?: string;
  detach?: boolean;
  preserveFds?: string;
  cgroup?: string[];
  ignorePaused?: boolean;
}

export const exec: Command<ExecFlags> = {
  summary: "execute a new process inside a container",
  arguments: ["<container-id>", "[command...]"],
  options: {
    "-p, --process <path>":
      'file with the process, in the form of "process" in config.json; no option that describes the' +
      " process counts then",
    "--cwd <dir>": "working directory in the container",
    "-e, --env <name=value>...": "set an environment variable; may be given several times",
    "-t, --tty": "give the process a terminal",
    "-u, --user <uid[:gid]>": "user, and group, as numbers",
    "-g, --additional-gids <gid>...": "add a group; may be given several times",
    "-c, --cap <capability>...": "add a capability; may be given several times",
    "--no-new-privs": "the process, and what it executes, gets no new privileges",
    "--apparmor <profile>": "AppArmor profile of the process",
    "--process-label <label>": "SELinux label of the process",
    "--console-socket <path>":
      "AF_UNIX socket that receives a descriptor of the master end of the process's terminal",
    "--pidfd-socket <path>": "AF_UNIX socket that receives a descriptor of the process",
    "--pid-file <path>": "file to write the process id to",
    "-d, --detach": "do not wait for the process",
    "--preserve-fds <n>": "pass n additional descriptors to the process",
    "--cgroup <path>...":
      'begin in this group below the container\'s own, which must be there, and nowhere else; "/" is the ' +
      "container's own; only one",
    "--ignore-paused": "execute in a paused container, too: the process goes on when that does",
    "--no-subreaper": "",
  },
  details: `${EXISTING_CONTAINER}

The process is what "process" in the container's config.json says, with the command instead of its
args, without a terminal unless --tty is given, and with what the options change.

For example, this lists the processes of the container "ubuntu01":

    # tsrun exec ubuntu01 ps`,
  exitStatus: `\
The exit status is that of the command, or 128 + n if signal n killed it; 0 with --detach; 255 for
an error.`,
  failureStatus: 255,
  execute({ runtime, context }, [id = "", ...words], flags) {
    const preserveFds = toDescriptorCount("--preserve-fds", flags.preserveFds || "0");
    checkPreserved(preserveFds);
    return runtime.exec(context, id, {
      process: flags.process ? readProcess(flags, words, context.warn) : toChanges(words, flags),
      consoleSocket: flags.consoleSocket || undefined,
      pidfdSocket: flags.pidfdSocket || undefined,
      pidFile: flags.pidFile || undefined,
      detach: flags.detach ?? false,
      preserveFds,
      cgroup: toGroup(flags.cgroup),
      ignorePaused: flags.ignorePaused ?? false,
    });
  },
};

/** What the document says instead. */
const DESCRIBING = [
  ...(["cwd", "env", "tty", "user", "additionalGids"] as const),
  ...(["cap", "apparmor", "processLabel"] as const),
];

function readProcess(
  flags: ExecFlags,
  words: readonly string[],
  warn: (message: string) => void,
): ProcessDocument {
  const path = flags.process as string;
  const isDescribed = DESCRIBING.some((flag) => flags[flag]) || flags.newPrivs !== undefined;
  if (words.length > 0 || isDescribed)
    warn(
      `the process is what ${path} says: the command and the options that describe it are ignored`,
    );
  const text = doing(`reading the process from ${path}`, undefined, () =>
    readText(path, AT_FDCWD, maxJsonBytes),
  );
  return { path, text };
}

function toChanges(words: readonly string[], flags: ExecFlags): ProcessChanges {
  // A `--` between the id and the command is ours.
  const args = words[0] === "--" ? words.slice(1) : [...words];
  if (args.length === 0)
    throw new Failure("exec needs a command, or --process", { hint: "see tsrun exec --help" });
  if (flags.cwd && !flags.cwd.startsWith("/"))
    throw new Failure(`--cwd is ${JSON.stringify(flags.cwd)}: expected an absolute path`);
  const [, uid, gid] = /^(\d+)(?::(\d+))?$/.exec(flags.user || "0") ?? [];
  if (uid === undefined)
    throw new Failure(`--user is ${JSON.stringify(flags.user)}, which is not a uid or uid:gid`, {
      hint: "names are the image's: give numbers, such as 1000:1000",
    });
  return {
    args,
    cwd: flags.cwd || undefined,
    env: flags.env ?? [],
    terminal: flags.tty ?? false,
    uid: flags.user ? toId("--user", uid) : undefined,
    gid: gid === undefined ? undefined : toId("--user", gid),
    additionalGids: (flags.additionalGids ?? []).map((text) => toId("--additional-gids", text)),
    capabilities: flags.cap ?? [],
    noNewPrivileges: flags.newPrivs === undefined ? undefined : !flags.newPrivs,
    apparmorProfile: flags.apparmor || undefined,
    selinuxLabel: flags.processLabel || undefined,
  };
}

/** 2^32 - 1 means "no id" to the kernel. */
const HIGHEST_ID = 2 ** 32 - 2;

function toId(what: string, text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (id <= HIGHEST_ID) return id;
  throw new Failure(
    `${what} is ${JSON.stringify(text)}, which is not a number of 0 to ${HIGHEST_ID}`,
  );
}

/** runc's `controller:path` is for the hierarchies of cgroup v1. */
function toGroup(groups: readonly string[] = []): string | undefined {
  const [group, ...others] = groups;
  if (others.length > 0 || group?.includes(":"))
    throw new Failure(
      `--cgroup is ${groups.join(", ")}: cgroup v2 has one group for all controllers`,
      {
        hint: "give one path below the container's cgroup",
      },
    );
  return group || undefined;
}
