/**
 * Runs the importing test file a second time inside private pid and mount namespaces, with a tmpfs
 * of its own on /run. Whatever a runtime forgets there (processes, mounts, state) is visible to the
 * leftover check, and the kernel removes it when the file ends, however it ends. Only cgroups are
 * shared with the machine; they are recognised by `runName`.
 *
 * Importing this module is enough: imports are evaluated before the file's own body, so the outer
 * process never reaches a `test()`. The test reporter's channel is stdout, which the second process
 * inherits.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";

const MARK = "TSRUN_TEST_RUN";

/** Whether the file runs in the machine's own pid namespace (machinePids.ts). */
export const hasMachinePids: boolean =
  process.env["TSRUN_TEST_MACHINE_PIDS"] === "1" && existsSync("/run/systemd/system");

/** The tools that the tests call, with the Debian package that has each. */
const TOOLS: Record<string, string> = {
  unshare: "util-linux",
  setpriv: "util-linux",
  mount: "mount",
  busybox: "busybox-static",
  python3: "python3-minimal",
  strace: "strace",
  runc: "runc",
  crun: "crun",
};

function find(tool: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => {
    try {
      accessSync(`${folder}/${tool}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function demand(): void {
  if (process.getuid?.() !== 0) throw new Error("the integration tests must run as root");
  const missing = Object.keys(TOOLS).filter((tool) => !find(tool));
  if (missing.length > 0) {
    const packages = missing.map((tool) => TOOLS[tool]).join(" ");
    throw new Error(`missing: ${missing.join(", ")}; try: apt-get install ${packages}`);
  }
}

function runInside(): never {
  demand();
  // The shell is the namespace's process 1: it reaps orphans, which Node would not. Of the machine's
  // /run there remains how systemd is reached. It is made elsewhere and moved, to be whole at once.
  const body = `mount -t tmpfs -o mode=755 tests /mnt || exit
    for folder in dbus systemd user; do
      [ ! -d /run/$folder ] || { mkdir /mnt/$folder && mount --rbind /run/$folder /mnt/$folder; } || exit
    done
    mount -n --move /mnt /run && "$@"; exit $?`;
  const { status, error } = spawnSync(
    "unshare",
    ["--mount", "--propagation", "private"]
      .concat(hasMachinePids ? [] : ["--pid", "--fork", "--mount-proc", "--kill-child"])
      .concat(["sh", "-c", body, "sh", process.execPath])
      .concat(process.execArgv, process.argv.slice(1)),
    { stdio: "inherit", env: { ...process.env, [MARK]: `tsrun-test-${process.pid}` } },
  );
  if (error !== undefined) throw error;
  process.exit(status ?? 1);
}

/** The prefix of every container id of this run, and so of its cgroups. */
export const runName: string = process.env[MARK] ?? runInside();

/** Scratch space of this run; on the private tmpfs, so nobody has to remove it. */
export const scratch = "/run/scratch";
