/** Starts the guest under QEMU, and ends it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import type { Image } from "./image.ts";

/** What a machine is started for. */
export interface Job {
  /** A disk with an ext4 file system: the guest's /job. */
  readonly disk: string;
  /** A shell script. */
  readonly command: string;
  /** The caller's terminal becomes the script's; otherwise the script only writes. */
  readonly terminal: boolean;
  /** Gets what the script writes, unless that has the terminal. */
  readonly output: Writable;
  /** A folder for what belongs to this machine, until it has ended. */
  readonly scratch: string;
  /** After so many seconds it is taken for hung, and killed. */
  readonly deadline: number;
}

/** The command's exit status, or why there is none, with the end of the machine's console. */
export type Ending = { readonly status: number } | { readonly failure: string };

const CONSOLE_TAIL = 40;

const KVM = ["-accel", "kvm", "-cpu", "host"];
// With a thread for each processor, QEMU 7.2 corrupts what cmpxchg16b exchanges, and runs into code that
// the kernel is patching on the other one. With one thread for both it is about as fast beside a second machine.
const TCG = ["-accel", "tcg,thread=single", "-cpu", "max"];

const KERNEL = [
  // After a bug of its own the kernel may wait for ever: it is to end, and to be seen.
  ...["console=ttyS0", "quiet", "oops=panic", "panic=-1"],
  ...["mitigations=off", "nokaslr", "no_timer_check", "systemd.show_status=1"],
  ...["psi=1", "hugepages=32", "apparmor=1"],
];

const BARE = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none"];

/** KVM may be there and unable to run a kernel, so one is run, once for each image. */
function accelerator(image: Image): readonly string[] {
  const known = join(image.folder, "accelerator");
  if (!existsSync(known)) writeFileSync(known, kvmWorks(image) ? "kvm" : "tcg");
  return readFileSync(known, "utf8") === "kvm" ? KVM : TCG;
}

function kvmWorks(image: Image): boolean {
  if (!existsSync("/dev/kvm")) return false;
  const kernel = ["-kernel", image.kernel, "-initrd", image.initrd];
  const append = ["-append", "console=ttyS0 quiet panic=-1 probe"];
  try {
    const said = execFileSync(
      "qemu-system-x86_64",
      [...KVM, ...BARE, "-m", "512", "-serial", "stdio", ...kernel, ...append],
      { timeout: 10_000, killSignal: "SIGKILL", stdio: ["ignore", "pipe", "ignore"] },
    );
    return said.includes("alive");
  } catch {
    return false;
  }
}

/** Boots the guest for a job, and waits until it has ended. */
export async function boot(image: Image, job: Job): Promise<Ending> {
  const file = (name: string, content: string): string => {
    const path = join(job.scratch, name);
    writeFileSync(path, content);
    return path;
  };
  const serial = file("console", "");
  const status = file("status", "");
  const disk = (path: string, keep: boolean): string[] => [
    "-drive",
    `file=${path},format=raw,if=virtio,cache=unsafe,snapshot=${keep ? "off" : "on"}`,
  ];
  const credential = (name: string, content: string): string[] => [
    "-fw_cfg",
    `name=opt/io.systemd.credentials/job.${name},file=${file(name, content)}`,
  ];
  const qemu = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", "qemu-system-x86_64", ...accelerator(image), ...BARE],
      ...["-smp", "2", "-m", "3072"],
      ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", KERNEL.join(" ")],
      ...disk(image.root, false),
      ...disk(job.disk, true),
      ...disk(image.swap, false),
      ...["-serial", `file:${serial}`],
      ...["-device", "virtio-serial", "-chardev", "stdio,id=job,signal=off"],
      ...["-device", `${job.terminal ? "virtconsole" : "virtserialport"},chardev=job,nr=1`],
      ...["-chardev", `file,id=status,path=${status}`],
      ...["-device", "virtserialport,chardev=status,nr=2"],
      ...credential("command", job.command),
      ...(job.terminal ? credential("terminal", terminalSize()) : []),
    ],
    // QEMU makes its descriptors non-blocking: the caller's are not for it. An input that ends would
    // close the port, and writers in the guest would wait for ever.
    { stdio: job.terminal ? "inherit" : ["pipe", "pipe", "inherit"] },
  );
  qemu.stdout?.pipe(job.output, { end: false });
  const failure = await end(qemu, job.deadline);
  const said = readFileSync(status, "utf8");
  if (/^\d+\n$/.test(said)) return { status: Number(said) };
  const tail = readFileSync(serial, "utf8").trimEnd().split(/\r?\n/).slice(-CONSOLE_TAIL);
  return { failure: [failure, "its console ends with:", ...tail].join("\n") };
}

/** Why the machine ended, if it did so without a status. */
async function end(qemu: ChildProcess, deadline: number): Promise<string> {
  const kill = (): void => {
    qemu.kill("SIGKILL");
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, deadline * 1000);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, kill);
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    qemu.on("error", reject);
    qemu.on("close", (...how) => resolve(how));
  });
  clearTimeout(timer);
  return late
    ? `the guest was killed: it took more than ${deadline} s`
    : `the guest ended before its command did (QEMU: ${signal ?? status})`;
}

function terminalSize(): string {
  return `rows ${process.stdout.rows ?? 24} columns ${process.stdout.columns ?? 80}`;
}
