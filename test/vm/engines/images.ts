/**
 * Images, made in a folder of the caller's (below /var/tmp: /tmp is memory) in the form that `docker save` writes (one layer, its configuration and a manifest): `ctr images import`,
 * `podman load` and `docker load` all read it.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { output } from "./calls.ts";

/** A root file system with systemd, which the guest's recipe makes (test/vm/guest/build.sh). */
const DEBIAN = "/usr/local/share/images/debian.tar";

/** By these names all engines know them. No registry is asked: there is none at this address. */
export const BUSYBOX = "localhost/busybox:latest";
export const DEBIAN_SYSTEMD = "localhost/debian-systemd:latest";
/** A container that only waits, such as one that holds the namespaces of a pod. */
export const PAUSE = "localhost/pause:latest";

/** The image's `config` (OCI image specification, Image Configuration): Cmd, Env, User, StopSignal, … */
export type ImageConfig = Readonly<Record<string, unknown>>;

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Writes the image of busybox, with all its commands and a user of id 1000, into a folder; the archive's path. */
export function busyboxImage(folder: string, config: ImageConfig = {}): string {
  const layer = join(folder, "busybox-layer.tar");
  withRootfs((rootfs) => {
    for (const name of ["dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "var"])
      mkdirSync(join(rootfs, name));
    chmodSync(join(rootfs, "tmp"), 0o1777);
    addProgram(rootfs, "/bin/busybox");
    for (const command of output(["busybox", "--list"]).split("\n"))
      if (command !== "busybox") symlinkSync("busybox", join(rootfs, "bin", command));
    writeFileSync(
      join(rootfs, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n",
    );
    writeFileSync(join(rootfs, "etc/group"), "root:x:0:\ntty:x:5:\nuser:x:1000:\n");
    pack(rootfs, layer);
  });
  return writeImage(folder, BUSYBOX, layer, { Cmd: ["sh"], ...config });
}

/** Writes the image of Debian with systemd, whose manager it starts. */
export function debianImage(folder: string): string {
  // systemd(1): SIGRTMIN+3 halts it.
  return writeImage(folder, DEBIAN_SYSTEMD, DEBIAN, {
    Cmd: ["/lib/systemd/systemd"],
    StopSignal: "SIGRTMIN+3",
  });
}

/** Writes the image of a program that waits for its end and reaps, catatonit(1). */
export function pauseImage(folder: string): string {
  const layer = join(folder, "pause-layer.tar");
  withRootfs((rootfs) => {
    addProgram(rootfs, "/usr/bin/catatonit");
    pack(rootfs, layer);
  });
  return writeImage(folder, PAUSE, layer, { Entrypoint: ["/usr/bin/catatonit", "-P"] });
}

function withRootfs(use: (rootfs: string) => void): void {
  const rootfs = mkdtempSync(join(tmpdir(), "rootfs-"));
  try {
    // mkdtemp(3) makes it for its owner alone, and it becomes the container's root.
    chmodSync(rootfs, 0o755);
    use(rootfs);
  } finally {
    rmSync(rootfs, { recursive: true });
  }
}

/** Adds one of the guest's static programs, at the same path. */
function addProgram(rootfs: string, program: string): void {
  mkdirSync(join(rootfs, dirname(program)), { recursive: true });
  copyFileSync(program, join(rootfs, program));
}

function pack(folder: string, archive: string, ...options: string[]): void {
  output(["tar", "-C", folder, "--numeric-owner", ...options, "-cf", archive, "."]);
}

const digest = (content: Buffer | string): string =>
  createHash("sha256").update(content).digest("hex");

function writeImage(folder: string, name: string, layer: string, config: ImageConfig): string {
  const description = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: { Env: [PATH], ...config },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest(readFileSync(layer))}`] },
  });
  const Config = `${digest(description)}.json`;
  const parts = mkdtempSync(join(folder, "image-"));
  writeFileSync(join(parts, Config), description);
  symlinkSync(layer, join(parts, "layer.tar"));
  writeFileSync(
    join(parts, "manifest.json"),
    JSON.stringify([{ Config, RepoTags: [name], Layers: ["layer.tar"] }]),
  );
  const archive = join(folder, `${name.replace(/^.*\/|:.*$/g, "")}.tar`);
  pack(parts, archive, "--dereference");
  rmSync(parts, { recursive: true });
  return archive;
}
