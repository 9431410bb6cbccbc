/**
 * The configurations that engines hand to a runtime, caught by one that keeps them: a script that copies config.json and
 * then becomes runc.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Config } from "../integration/harness/config.ts";

/** What they ask for, `linux.seccomp` included. */
export type Caught = Config & { linux: { seccomp: object } };

const IMAGE = "profile-probe";
/** Where Podman looks for the profile that containers-common brings (containers.conf(5), seccomp_profile). */
export const COMMON_PROFILE = "/usr/share/containers/seccomp.json";

/** A system call filter depends on the capabilities, so engines are asked with few and with one more. */
const MORE = ["--cap-add", "SYS_ADMIN"];

/** The engines' own command lines for a container without a network, by what their profile is called. */
const ENGINES: Readonly<Record<string, (recorder: string) => string[]>> = {
  "Docker's default": () => docker(),
  "Docker's default with SYS_ADMIN": () => docker(...MORE),
  "containerd's default": (recorder) => [
    ...["ctr", "run", "--rm", "--seccomp", "--runc-binary", recorder],
    ...[`docker.io/library/${IMAGE}:latest`, "caught", "/bin/true"],
  ],
  "Podman's default": (recorder) => podman(recorder),
  "Podman's default with SYS_ADMIN": (recorder) => podman(recorder, ...MORE),
  "the file of containers-common": (recorder) =>
    podman(recorder, "--security-opt", `seccomp=${COMMON_PROFILE}`),
};

const docker = (...options: string[]): string[] => [
  ...["docker", "run", "--rm", "--runtime", "recorder", "--network", "none", ...options],
  ...[IMAGE, "/bin/true"],
];

const podman = (recorder: string, ...options: string[]): string[] => [
  ...["podman", "--runtime", recorder, "run", "--rm", "--network", "none", ...options],
  ...[IMAGE, "/bin/true"],
];

/** Runs a container with each engine; what they hand to their runtime, by the profile's name. */
export function catchConfigs(folder: string): Map<string, Caught> {
  const caught = join(folder, "caught.json");
  const recorder = makeRecorder(join(folder, "recorder"), caught);
  mkdirSync("/etc/docker", { recursive: true });
  writeFileSync(
    "/etc/docker/daemon.json",
    JSON.stringify({ runtimes: { recorder: { path: recorder } } }),
  );
  importImage(folder);
  try {
    return new Map(
      Object.entries(ENGINES).map(([name, line]) => {
        writeFileSync(caught, "");
        call(...line(recorder));
        return [name, JSON.parse(readFileSync(caught, "utf8")) as Caught];
      }),
    );
  } finally {
    call("systemctl", "stop", "docker.socket", "docker.service", "containerd.service");
  }
}

const call = (...[command, ...args]: string[]): string =>
  execFileSync(command as string, args, { encoding: "utf8", timeout: 120_000 });

function makeRecorder(path: string, caught: string): string {
  const script = `#!/bin/sh
previous=
for word; do
  case $previous in
    -b | --bundle) cp "$word/config.json" ${caught} ;;
  esac
  previous=$word
done
exec runc "$@"
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}

/** An image of busybox, in each engine's store. */
function importImage(folder: string): void {
  const rootfs = join(folder, "image");
  makeRootfs(rootfs);
  const layer = join(folder, "layer.tar");
  const image = join(folder, "image.tar");
  call("tar", "-C", rootfs, "-cf", layer, ".");
  call("systemctl", "start", "docker.service");
  call("docker", "import", layer, IMAGE);
  call("docker", "save", "--output", image, IMAGE);
  call("ctr", "image", "import", image);
  call("podman", "import", layer, IMAGE);
}

/** A root filesystem of busybox with one more program. */
export function makeRootfs(rootfs: string, program?: string): void {
  for (const name of ["bin", "dev", "etc", "proc", "sys"])
    mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  symlinkSync("busybox", join(rootfs, "bin/true"));
  if (program === undefined) return;
  copyFileSync(program, join(rootfs, "bin/program"));
  chmodSync(join(rootfs, "bin/program"), 0o755);
}
