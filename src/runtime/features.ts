/**
 * `features`: what this runtime knows (specification, features.md and features-linux.md). "Irrelevant to the actual
 * availability of the features in the host operating system": only `supportedFlags` of seccomp asks the kernel.
 */
import type { Features, LinuxFeatures } from "@opencontainers-types";
import { CAPABILITIES } from "#abi";
import manifest from "../../package.json" with { type: "json" };
import { specVersion } from "../../spec/version.ts";
import { HOOK_NAMES } from "../init/hooks.ts";
import * as memoryPolicy from "../init/memoryPolicy.ts";
import { knownMountOptions } from "../init/mountOptions.ts";
import { NAMESPACES } from "../linux/namespaces.ts";
import { knowsFilterFlag } from "../linux/seccomp.ts";
import { libseccompVersion } from "../seccomp/libseccomp.ts";
import * as seccomp from "../seccomp/names.ts";

/** Release candidates of it are accepted as well, but their documents were not yet like this. */
const OLDEST_VERSION = "1.0.0";

const namesIn = <Name extends string>(table: Readonly<Record<Name, unknown>>): Name[] =>
  (Object.keys(table) as Name[]).sort();

export const features = (): Features => ({
  ociVersionMin: OLDEST_VERSION,
  ociVersionMax: specVersion,
  hooks: [...HOOK_NAMES],
  mountOptions: knownMountOptions(),
  linux: linuxFeatures(),
  annotations: {
    "run.tsrun.version": manifest.version,
    // Names of runc's under which other runtimes tell the same (types/features of runc).
    "io.github.seccomp.libseccomp.version": libseccompVersion(),
    "org.opencontainers.runc.checkpoint.enabled": "true",
  },
  // A file that criu takes its settings from; properties of the systemd unit; crun's, some of which name files of the host.
  potentiallyUnsafeConfigAnnotations: ["org.criu.config", "org.systemd.property.", "run.oci."],
});

const linuxFeatures = (): LinuxFeatures => ({
  namespaces: namesIn(NAMESPACES),
  capabilities: CAPABILITIES.match(/CAP_\w+/g) as string[],
  cgroup: { v1: false, v2: true, systemd: true, systemdUser: true, rdma: true },
  seccomp: {
    enabled: true,
    actions: namesIn(seccomp.ACTIONS),
    operators: namesIn(seccomp.OPERATORS),
    archs: namesIn(seccomp.ARCHITECTURES),
    knownFlags: namesIn(seccomp.FLAGS),
    supportedFlags: namesIn(seccomp.FLAGS).filter((name) => knowsFilterFlag(seccomp.FLAGS[name])),
  },
  apparmor: { enabled: true },
  selinux: { enabled: true },
  intelRdt: { enabled: true, schemata: true, monitoring: true },
  memoryPolicy: { modes: namesIn(memoryPolicy.MODES), flags: namesIn(memoryPolicy.FLAGS) },
  mountExtensions: { idmap: { enabled: true } },
  netDevices: { enabled: true },
});
