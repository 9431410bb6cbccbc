/** The parts of config.json that the tests edit, and the default of `runc spec`. */

export interface Mount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

export interface Hook {
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export const HOOK_KINDS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
export type HookKind = (typeof HOOK_KINDS)[number];

export const CAPABILITY_SETS = [
  "bounding",
  "effective",
  "inheritable",
  "permitted",
  "ambient",
] as const;
export type CapabilitySet = (typeof CAPABILITY_SETS)[number];

export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface Seccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompRule[];
}

export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
}

export interface Config {
  ociVersion: string;
  process: {
    terminal?: boolean;
    consoleSize?: { height: number; width: number };
    user: { uid: number; gid: number; additionalGids?: number[]; umask?: number };
    args: string[];
    env: string[];
    cwd: string;
    capabilities?: Partial<Record<CapabilitySet, string[]>>;
    rlimits: { type: string; soft: number; hard: number }[];
    noNewPrivileges?: boolean;
    oomScoreAdj?: number;
    scheduler?: Record<string, unknown>;
    ioPriority?: { class: string; priority: number };
    execCPUAffinity?: { initial?: string; final?: string };
    apparmorProfile?: string;
    selinuxLabel?: string;
    commandLine?: string;
  };
  root: { path: string; readonly?: boolean };
  hostname?: string;
  domainname?: string;
  mounts: Mount[];
  hooks?: Partial<Record<HookKind, Hook[]>>;
  annotations?: Record<string, string>;
  linux: {
    cgroupsPath?: string;
    resources?: {
      devices?: { allow: boolean; access: string; type?: string; major?: number; minor?: number }[];
      /** memory, cpu, pids and the others, as the specification has them. */
      [member: string]: unknown;
    };
    namespaces: { type: string; path?: string }[];
    devices?: {
      path: string;
      type: string;
      major?: number;
      minor?: number;
      fileMode?: number;
      uid?: number;
      gid?: number;
    }[];
    timeOffsets?: Record<string, { secs: number; nanosecs?: number }>;
    netDevices?: Record<string, { name?: string }>;
    sysctl?: Record<string, string>;
    uidMappings?: IdMapping[];
    gidMappings?: IdMapping[];
    rootfsPropagation?: string;
    personality?: { domain: string; flags?: string[] };
    seccomp?: Seccomp;
    memoryPolicy?: { mode: string; nodes?: string; flags?: string[] };
    intelRdt?: Record<string, unknown>;
    maskedPaths: string[];
    readonlyPaths: string[];
  };
}

const DEFAULT_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const DEFAULT_MOUNTS: Mount[] = [
  { destination: "/proc", type: "proc", source: "proc" },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
  {
    destination: "/dev/mqueue",
    type: "mqueue",
    source: "mqueue",
    options: ["nosuid", "noexec", "nodev"],
  },
  {
    destination: "/sys",
    type: "sysfs",
    source: "sysfs",
    options: ["nosuid", "noexec", "nodev", "ro"],
  },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  },
];

/** What `runc spec` writes, without the terminal, running `args`. A new object at every call. */
export function defaultConfig(...args: string[]): Config {
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: {
        bounding: [...DEFAULT_CAPABILITIES],
        effective: [...DEFAULT_CAPABILITIES],
        permitted: [...DEFAULT_CAPABILITIES],
        ambient: [...DEFAULT_CAPABILITIES],
      },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: structuredClone(DEFAULT_MOUNTS),
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
      maskedPaths: [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/sys/firmware",
        "/proc/scsi",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

/** The mount of the default configuration with this destination, to be edited in place. */
export function mountAt(config: Config, destination: string): Mount {
  const mount = config.mounts.find((each) => each.destination === destination);
  if (mount === undefined) throw new Error(`no mount at ${destination}`);
  return mount;
}

/** The first ids of the host that are a user namespace's own in the tests; the gids are others than the uids. */
export const HOST_UID = 100_000;
export const HOST_GID = 200_000;

/** Gives the container a user namespace of its own. */
export function addUserNamespace(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: HOST_UID, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: HOST_GID, size: 65_536 }];
}

/** Removes one namespace from the configuration, so that the container shares the caller's. */
export function shareNamespace(config: Config, type: string): void {
  config.linux.namespaces = config.linux.namespaces.filter((each) => each.type !== type);
}

/** The uid and gid of an ordinary user; in the virtual machine it has a name and subordinate ids. */
export const USER = 1000;

/** Changes the default configuration as `runc spec --rootless` does. */
export function makeRootless({ linux, mounts }: Config): void {
  linux.namespaces = linux.namespaces.filter(({ type }) => type !== "network");
  linux.namespaces.push({ type: "user" });
  linux.uidMappings = [{ containerID: 0, hostID: USER, size: 1 }];
  linux.gidMappings = [{ containerID: 0, hostID: USER, size: 1 }];
  delete linux.resources;
  for (const mount of mounts) {
    if (mount.destination === "/sys")
      Object.assign(mount, {
        type: "none",
        source: "/sys",
        options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
      });
    else if (mount.options) mount.options = mount.options.filter((each) => !/^[ug]id=/.test(each));
  }
}
