/** What a process inside a container can observe, as sections of lines that can be compared. */
import { readlinkSync } from "node:fs";
import type { Config } from "./config.ts";

export type Observation = Record<string, string[]>;

/**
 * The shell script that the container runs. It uses busybox only. `$$` is the container's process
 * itself: its facts are read through /proc/$$, so that the script's own children do not show.
 */
export function probe(config: Config): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const list = (paths: string[]): string => paths.map(quote).join(" ");
  const destinations = config.mounts.map((mount) => mount.destination);
  return `
exec 2>&1
PATH=/bin
section() { echo "=== $1"; }
section status
while read -r key value; do
  case $key in
    Uid:|Gid:|Groups:|Cap*|NoNewPrivs:|Seccomp*:|Umask:|SigBlk:|SigPnd:|ShdPnd:|NSpid:|NSpgid:|NSsid:|Cpus_allowed_list:|Threads:)
      echo "$key" $value;;
  esac
done < /proc/$$/status
# Signals 32 and 33 are the C library's own: a caller of the tests may ignore them.
while read -r key value; do
  if [ $key = SigIgn: ]; then printf 'SigIgn: %x\\n' $((0x$value & ~0x180000000)); fi
done < /proc/$$/status
section child
grep -E '^(Cap|Uid|Gid)' /proc/self/status
section session
read -r pid comm state ppid pgrp session tty tpgid rest < /proc/$$/stat
echo "pid $pid ppid $ppid pgrp $pgrp session $session tty $tty tpgid $tpgid"
section limits
cat /proc/$$/limits
section environment
tr '\\0' '\\n' < /proc/$$/environ
section cwd
readlink /proc/$$/cwd
section root
readlink /proc/$$/root
stat -c '%a %u:%g' /
ls -A /
section exe
readlink /proc/$$/exe
section mounts
cat /proc/self/mountinfo
section descriptors
for fd in /proc/$$/fd/*; do echo "\${fd##*/} $(readlink $fd)"; done
section terminal
tty && stty size && stat -c '%a %u:%g' /dev/pts/0
[ -e /dev/console ] && stat -c '%F %a %u:%g' /dev/console
section namespaces
for ns in /proc/$$/ns/*; do echo "\${ns##*/} $(readlink $ns)"; done
section names
hostname
cat /proc/sys/kernel/domainname
section oom
cat /proc/$$/oom_score_adj
section personality
cat /proc/$$/personality
section cgroup
grep '^0::' /proc/$$/cgroup
ls /sys/fs/cgroup | grep '^cgroup.procs'
section network
ip -o link | sed 's/ mtu.*state/ state/; s/ mode.*//'
ip -o -4 addr
section identity
id
section devices
cd /dev && for f in * .[!.]*; do
  [ -e "$f" -o -L "$f" ] && stat -c '%N %F %a %u:%g %t:%T' "$f"
done
section 'device use'
for f in null zero full random urandom; do
  head -c 4 /dev/$f 2>/dev/null | wc -c
  (echo x > /dev/$f) 2>/dev/null && echo "$f written"
done
section 'root writable'
(echo x > /probe) && cat /probe && rm /probe
section 'proc writable'
(echo 0 > /proc/sys/vm/overcommit_memory)
(echo x > /sys/kernel/notes)
section masked
for f in ${list(config.linux.maskedPaths)}; do
  [ -e "$f" ] || { echo "$f absent"; continue; }
  stat -c '%n %F %a %t:%T' "$f"
  if [ -d "$f" ]; then ls -A "$f" | wc -l; else head -c 16 "$f" | wc -c; fi
  (echo x > "$f/probe")
done
section readonly
for f in ${list(config.linux.readonlyPaths)}; do
  [ -e "$f" ] || { echo "$f absent"; continue; }
  stat -c '%n %F' "$f"
  if [ -d "$f" ]; then (echo x > "$f/probe"); else (: >> "$f"); fi
done
section destinations
for f in ${list(destinations)}; do
  stat -c '%n %F %a %u:%g' "$f"
  case $f in /proc*|/sys*|/dev*) ;; *)
    if [ -d "$f" ]; then ls -A "$f"; (echo x > "$f/probe") && echo "$f written" && rm "$f/probe"
    else cat "$f"; (: >> "$f") && echo "$f written"; fi;;
  esac
done
section 'device filter'
mknod /dev/unknown c 10 254 && head -c 0 /dev/unknown
section end
`;
}

/** Per-run facts made comparable: paths of the bundle, ids of mounts, devices and namespaces. */
function normalise(section: string, line: string, bundle: string, id: string): string {
  const text = line.replaceAll(id, "ID");
  switch (section) {
    case "mounts": {
      const fields = text.split(" ");
      const dash = fields.indexOf("-");
      const root = (fields[3] ?? "").replace(/.*\/observed(?=\/|$)/, "BUNDLE");
      const propagation = fields.slice(6, dash).map((each) => each.replace(/:.*/, ""));
      const type = fields[dash + 1];
      const superOptions = (fields[dash + 3] ?? "")
        .split(",")
        // What the kernel says of its own accord; a size only where the configuration gives it.
        .filter((each) => !/^(inode64|nr_inodes=.*)$/.test(each))
        .filter((each) => type !== "devtmpfs" || !each.startsWith("size="))
        .join(",");
      return [root, fields[4], fields[5], ...propagation, "-", type, superOptions].join(" ");
    }
    case "namespaces": {
      const [name, value] = text.split(" ") as [string, string];
      return `${name} ${readlinkSync(`/proc/self/ns/${name}`) === value ? "shared" : "own"}`;
    }
    case "descriptors": {
      const target = text.replace(/^\d+ /, "").replace(/:\[\d+\]$/, "");
      const fd = text.slice(0, text.indexOf(" "));
      return `${fd} ${target.replace(/.*\/(?=std(out|err)$)/, "")}`;
    }
    case "session":
      // Without a pid namespace the numbers are the host's: whether they are equal is what counts.
      return text.replace(/^pid (\d+) ppid (\d+) pgrp \1 session \1/, (_all, _pid, parent) =>
        [parent === "0" ? "no parent" : "parent", "leads its group and session"].join(", "),
      );
    case "status":
      return text.replace(/^(NS(?:pid|pgid|sid):) (?!1$)\d+$/, "$1 of the host");
    default:
      return text.replaceAll(bundle, "BUNDLE").replace(/\s+/g, " ").trim();
  }
}

/** Splits the probe's output; throws when it did not run to its end. */
export function parse(output: string, bundle: string, id: string): Observation {
  const observation: Observation = {};
  let section = "";
  for (const line of output.trimEnd().split("\n")) {
    if (line.startsWith("=== ")) {
      section = line.slice(4);
      observation[section] = [];
      continue;
    }
    observation[section]?.push(normalise(section, line, bundle, id));
  }
  if (section !== "end") throw new Error(`the probe ended early:\n${output}`);
  return observation;
}

/** A line that only one of two observations has. */
export interface Difference {
  section: string;
  line: string;
  of: "ours" | "theirs";
}

/** The lines of `these` that `those` lack; equal lines count as often as they occur. */
function without(these: string[], those: string[]): string[] {
  const rest = [...those];
  return these.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

export function differences(ours: Observation, theirs: Observation): Difference[] {
  return Object.keys({ ...ours, ...theirs }).flatMap((section) => {
    const [mine, other] = [ours[section] ?? [], theirs[section] ?? []];
    return [
      ...without(mine, other).map((line) => ({ section, line, of: "ours" as const })),
      ...without(other, mine).map((line) => ({ section, line, of: "theirs" as const })),
    ];
  });
}
