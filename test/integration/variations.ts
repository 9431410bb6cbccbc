/**
 * The configurations under which tsrun, runc and crun are compared: the default one and what
 * engines and people change in it. One line says what varies.
 */
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  addUserNamespace,
  CAPABILITY_SETS,
  type Config,
  HOST_GID,
  HOST_UID,
  makeRootless,
  mountAt,
  shareNamespace,
} from "./harness/config.ts";

type Edit = (config: Config, bundle: string) => void;

export interface Variation {
  name: string;
  edit?: Edit;
  prepare?: (rootfs: string, bundle: string) => void;
  /** With a terminal, which a console socket receives. */
  terminal?: true;
  /** Called by an ordinary user. */
  byUser?: true;
}

/** A folder and a file beside the rootfs, to be bind-mounted. */
function shareables(_rootfs: string, bundle: string): void {
  mkdirSync(join(bundle, "shared/inner"), { recursive: true });
  writeFileSync(join(bundle, "shared/file"), "shared file\n");
  writeFileSync(join(bundle, "single"), "single file\n");
}

function bind(source: string, destination: string, ...options: string[]): Edit {
  return (config, bundle) =>
    config.mounts.push({
      destination,
      type: "bind",
      source: join(bundle, source),
      options: ["bind", ...options],
    });
}

function tmpfs(destination: string, ...options: string[]): Edit {
  return (config) => config.mounts.push({ destination, type: "tmpfs", source: "tmpfs", options });
}

function capabilities(sets: NonNullable<Config["process"]["capabilities"]>): Edit {
  return (config) => {
    config.process.capabilities = sets;
  };
}

const ROOT: Variation[] = [
  {
    name: "root writable",
    edit: (config) => {
      config.root.readonly = false;
    },
  },
  {
    name: "root.readonly absent",
    edit: (config) => {
      delete config.root.readonly;
    },
  },
  {
    name: "root.path absolute",
    edit: (config, bundle) => {
      config.root.path = join(bundle, "rootfs");
    },
  },
  {
    name: "root.path with dots",
    edit: (config) => {
      config.root.path = "./rootfs/../rootfs/";
    },
  },
  {
    name: "rootfsPropagation private",
    edit: (config) => {
      config.linux.rootfsPropagation = "private";
    },
  },
  {
    name: "rootfsPropagation slave",
    edit: (config) => {
      config.linux.rootfsPropagation = "rslave";
    },
  },
];

const USER: Variation[] = [
  {
    name: "user without privileges",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
    },
  },
  {
    name: "user unknown to /etc/passwd",
    edit: (config) => {
      config.process.user = { uid: 4321, gid: 1234 };
    },
  },
  {
    name: "a username, which is for Windows",
    edit: (config) => {
      Object.assign(config.process.user, { username: "user" });
    },
  },
  {
    name: "additional groups",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [5, 10, 70_000] };
    },
  },
  {
    name: "umask 0027",
    edit: (config) => {
      config.process.user.umask = 0o027;
    },
  },
  {
    name: "umask 0",
    edit: (config) => {
      config.process.user.umask = 0;
    },
  },
  {
    name: "user without the default capabilities",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
      config.process.capabilities = {
        bounding: ["CAP_KILL", "CAP_CHOWN"],
        permitted: ["CAP_KILL"],
      };
    },
  },
];

const PRIVILEGES: Variation[] = [
  { name: "no capabilities", edit: capabilities({}) },
  {
    name: "empty capability lists",
    edit: capabilities(Object.fromEntries(CAPABILITY_SETS.map((set) => [set, []]))),
  },
  {
    name: "many capabilities in all sets",
    edit: capabilities(
      Object.fromEntries(
        CAPABILITY_SETS.map((set) => [
          set,
          ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_MKNOD", "CAP_BPF"],
        ]),
      ),
    ),
  },
  {
    name: "inheritable without ambient",
    edit: capabilities({
      bounding: ["CAP_KILL", "CAP_CHOWN"],
      permitted: ["CAP_KILL", "CAP_CHOWN"],
      effective: ["CAP_KILL"],
      inheritable: ["CAP_CHOWN"],
    }),
  },
  {
    name: "ambient for a user",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
      config.process.capabilities = Object.fromEntries(
        CAPABILITY_SETS.map((set) => [set, ["CAP_NET_BIND_SERVICE", "CAP_KILL"]]),
      );
    },
  },
  {
    name: "noNewPrivileges off",
    edit: (config) => {
      config.process.noNewPrivileges = false;
    },
  },
  {
    name: "noNewPrivileges absent, for a user",
    edit: (config) => {
      delete config.process.noNewPrivileges;
      config.process.user = { uid: 1000, gid: 1000 };
    },
  },
];

const PROCESS: Variation[] = [
  {
    name: "rlimits lowered",
    edit: (config) => {
      config.process.rlimits = [
        { type: "RLIMIT_NOFILE", soft: 64, hard: 128 },
        { type: "RLIMIT_NPROC", soft: 100, hard: 200 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        { type: "RLIMIT_FSIZE", soft: 1_000_000, hard: 2 ** 40 },
        { type: "RLIMIT_STACK", soft: 4_194_304, hard: 8_388_608 },
      ];
    },
  },
  {
    name: "every rlimit",
    edit: (config) => {
      config.process.rlimits = [
        { type: "RLIMIT_AS", soft: 2 ** 41, hard: 2 ** 42 },
        { type: "RLIMIT_CORE", soft: 4096, hard: 8192 },
        { type: "RLIMIT_CPU", soft: 1000, hard: 2000 },
        { type: "RLIMIT_DATA", soft: 2 ** 41, hard: 2 ** 42 },
        { type: "RLIMIT_FSIZE", soft: 2 ** 33, hard: 2 ** 34 },
        { type: "RLIMIT_LOCKS", soft: 10, hard: 20 },
        { type: "RLIMIT_MEMLOCK", soft: 4096, hard: 8192 },
        { type: "RLIMIT_MSGQUEUE", soft: 1000, hard: 2000 },
        { type: "RLIMIT_NICE", soft: 0, hard: 0 },
        { type: "RLIMIT_NOFILE", soft: 60, hard: 120 },
        { type: "RLIMIT_NPROC", soft: 1000, hard: 2000 },
        { type: "RLIMIT_RSS", soft: 2 ** 41, hard: 2 ** 42 },
        { type: "RLIMIT_RTPRIO", soft: 0, hard: 0 },
        { type: "RLIMIT_RTTIME", soft: 1_000_000, hard: 2_000_000 },
        { type: "RLIMIT_SIGPENDING", soft: 100, hard: 200 },
        { type: "RLIMIT_STACK", soft: 2 ** 21, hard: 2 ** 22 },
      ];
    },
  },
  {
    name: "no rlimits",
    edit: (config) => {
      config.process.rlimits = [];
    },
  },
  {
    name: "environment empty",
    edit: (config) => {
      config.process.env = [];
      config.process.args[0] = "/bin/sh";
    },
  },
  {
    name: "environment with HOME",
    edit: (config) => {
      config.process.env.push("HOME=/nowhere");
    },
  },
  {
    name: "environment with duplicates and oddities",
    edit: (config) => {
      config.process.env.push("A=1", "A=2", "EMPTY=", "SPACES=a  b", "EQUALS=a=b", "Ü=ß");
    },
  },
  {
    name: "program by absolute path",
    edit: (config) => {
      config.process.args[0] = "/bin/sh";
    },
  },
  {
    name: "program by relative path",
    edit: (config) => {
      config.process.cwd = "/bin";
      config.process.args[0] = "./sh";
    },
  },
  {
    name: "program in a later folder of PATH",
    edit: (config) => {
      config.process.env[0] = "PATH=/nowhere:/etc/passwd:/bin";
    },
  },
  {
    name: "cwd nested",
    edit: (config) => {
      config.process.cwd = "/a/b";
    },
    prepare: (rootfs) => mkdirSync(join(rootfs, "a/b"), { recursive: true }),
  },
  {
    name: "cwd missing is made",
    edit: (config) => {
      config.process.cwd = "/made/by/runtime";
      config.root.readonly = false;
    },
  },
  {
    name: "cwd through an absolute link",
    edit: (config) => {
      config.process.cwd = "/link/inner";
    },
    prepare: (rootfs) => {
      mkdirSync(join(rootfs, "target/inner"), { recursive: true });
      symlinkSync("/target", join(rootfs, "link"));
    },
  },
  {
    name: "oomScoreAdj 500",
    edit: (config) => {
      config.process.oomScoreAdj = 500;
    },
  },
  {
    name: "oomScoreAdj 0",
    edit: (config) => {
      config.process.oomScoreAdj = 0;
    },
  },
  {
    name: "annotations",
    edit: (config) => {
      config.annotations = { "org.example.key": "value", "org.example.empty": "" };
    },
  },
];

const NAMESPACES: Variation[] = [
  {
    name: "hostname long",
    edit: (config) => {
      config.hostname = "h".repeat(63);
    },
  },
  {
    name: "hostname absent",
    edit: (config) => {
      delete config.hostname;
    },
  },
  { name: "no network namespace", edit: (config) => shareNamespace(config, "network") },
  {
    name: "no ipc namespace",
    edit: (config) => {
      shareNamespace(config, "ipc");
      // The host's queues can be mounted only by the namespace's owner; engines leave them out.
      config.mounts = config.mounts.filter((mount) => mount.destination !== "/dev/mqueue");
    },
  },
  {
    name: "no uts namespace",
    edit: (config) => {
      shareNamespace(config, "uts");
      delete config.hostname;
    },
  },
  {
    name: "no cgroup namespace and no cgroup mount",
    edit: (config) => {
      shareNamespace(config, "cgroup");
      config.mounts = config.mounts.filter((mount) => mount.type !== "cgroup");
    },
  },
  {
    name: "no pid namespace",
    edit: (config) => shareNamespace(config, "pid"),
  },
  {
    name: "network namespace joined by path",
    edit: (config) => {
      shareNamespace(config, "network");
      config.linux.namespaces.push({ type: "network", path: "/proc/1/ns/net" });
    },
  },
  {
    name: "ipc and uts namespaces joined by path",
    edit: (config) => {
      for (const type of ["ipc", "uts"]) {
        shareNamespace(config, type);
        config.linux.namespaces.push({ type, path: `/proc/1/ns/${type}` });
      }
      delete config.hostname;
      config.mounts = config.mounts.filter((mount) => mount.destination !== "/dev/mqueue");
    },
  },
];

const MOUNTS: Variation[] = [
  { name: "tmpfs with size and mode", edit: tmpfs("/mnt", "size=128k", "mode=1770", "nosuid") },
  { name: "tmpfs without options", edit: tmpfs("/tmp") },
  { name: "tmpfs read-only", edit: tmpfs("/mnt", "ro", "noexec") },
  { name: "tmpfs at a missing nested destination", edit: tmpfs("/x/y/z", "size=64k") },
  {
    name: "tmpfs through an absolute link of the rootfs",
    edit: tmpfs("/link/inner", "size=64k"),
    prepare: (rootfs) => {
      mkdirSync(join(rootfs, "target/inner"), { recursive: true });
      symlinkSync("/target", join(rootfs, "link"));
    },
  },
  { name: "bind of a folder", edit: bind("shared", "/mnt"), prepare: shareables },
  {
    name: "bind of a folder, recursive",
    edit: bind("shared", "/mnt", "rbind"),
    prepare: shareables,
  },
  { name: "bind read-only", edit: bind("shared", "/mnt", "ro"), prepare: shareables },
  {
    name: "bind with flags",
    edit: bind("shared", "/mnt", "nosuid", "nodev", "noexec", "noatime"),
    prepare: shareables,
  },
  { name: "bind of a file", edit: bind("single", "/etc/hosts"), prepare: shareables },
  {
    name: "bind of a file, read-only",
    edit: bind("single", "/new/file", "ro"),
    prepare: shareables,
  },
  { name: "bind rprivate", edit: bind("shared", "/mnt", "rprivate"), prepare: shareables },
  { name: "bind rshared", edit: bind("shared", "/mnt", "rshared"), prepare: shareables },
  { name: "bind rslave", edit: bind("shared", "/mnt", "rslave"), prepare: shareables },
  { name: "bind unbindable", edit: bind("shared", "/mnt", "unbindable"), prepare: shareables },
  {
    name: "bind with a relative source",
    edit: (config) =>
      config.mounts.push({
        destination: "/mnt",
        type: "bind",
        source: "shared",
        options: ["bind", "rw"],
      }),
    prepare: shareables,
  },
  {
    name: "bind of the type none",
    edit: (config, bundle) =>
      config.mounts.push({
        destination: "/mnt",
        type: "none",
        source: join(bundle, "shared"),
        options: ["rbind", "rw"],
      }),
    prepare: shareables,
  },
  {
    name: "bind over a file inside a bind",
    edit: (config, bundle) => {
      bind("shared", "/mnt")(config, bundle);
      bind("single", "/mnt/file", "ro")(config, bundle);
    },
    prepare: shareables,
  },
  {
    name: "proc with flags",
    edit: (config) => {
      mountAt(config, "/proc").options = ["nosuid", "noexec", "nodev"];
    },
  },
  {
    name: "devpts with other options",
    edit: (config) => {
      mountAt(config, "/dev/pts").options = [
        ...["nosuid", "noexec", "newinstance"],
        ...["ptmxmode=0600", "mode=0600", "gid=0"],
      ];
    },
  },
  {
    name: "cgroup mount writable",
    edit: (config) => {
      mountAt(config, "/sys/fs/cgroup").options = ["nosuid", "noexec", "nodev", "rw"];
    },
  },
  {
    name: "no /dev/shm and no mqueue",
    edit: (config) => {
      config.mounts = config.mounts.filter(
        (mount) => !["/dev/shm", "/dev/mqueue"].includes(mount.destination),
      );
    },
  },
  {
    name: "proc and dev only",
    edit: (config) => {
      config.mounts = config.mounts.filter((mount) =>
        ["/proc", "/dev"].includes(mount.destination),
      );
    },
  },
];

const PATHS: Variation[] = [
  {
    name: "nothing masked, nothing read-only",
    edit: (config) => {
      config.linux.maskedPaths = [];
      config.linux.readonlyPaths = [];
    },
  },
  {
    name: "masked file, folder and missing path of the rootfs",
    edit: (config) => config.linux.maskedPaths.push("/secret/file", "/secret/dir", "/secret/none"),
    prepare: (rootfs) => {
      mkdirSync(join(rootfs, "secret/dir"), { recursive: true });
      writeFileSync(join(rootfs, "secret/dir/inner"), "secret\n");
      writeFileSync(join(rootfs, "secret/file"), "secret\n");
      chmodSync(join(rootfs, "secret/file"), 0o600);
    },
  },
  {
    name: "read-only paths in a writable root",
    edit: (config) => {
      config.root.readonly = false;
      config.linux.readonlyPaths.push("/kept/dir", "/kept/file", "/kept/none");
    },
    prepare: (rootfs) => {
      mkdirSync(join(rootfs, "kept/dir"), { recursive: true });
      writeFileSync(join(rootfs, "kept/file"), "kept\n");
    },
  },
  {
    name: "further devices",
    edit: (config) => {
      config.linux.devices = [
        { path: "/dev/more", type: "c", major: 1, minor: 3, fileMode: 0o640, uid: 1, gid: 2 },
        { path: "/dev/sub/pipe", type: "p", fileMode: 0o600 },
      ];
    },
  },
  {
    name: "a default device given with its own mode",
    edit: (config) => {
      const zero = { type: "c", major: 1, minor: 5 };
      config.linux.resources = {
        // runc takes a device that is given out of those that its filter always allows.
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, access: "rwm", ...zero },
        ],
      };
      config.linux.devices = [{ path: "/dev/zero", ...zero, fileMode: 0o606, uid: 1, gid: 2 }];
    },
  },
];

const TERMINALS: Variation[] = [
  { name: "terminal", terminal: true },
  {
    name: "terminal of a user",
    terminal: true,
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
    },
  },
  {
    name: "terminal with a size",
    terminal: true,
    edit: (config) => {
      config.process.consoleSize = { height: 40, width: 120 };
    },
  },
];

const inUserNamespace =
  (...edits: Edit[]): Edit =>
  (config, bundle) => {
    addUserNamespace(config);
    for (const edit of edits) edit(config, bundle);
  };

const USER_NAMESPACES: Variation[] = [
  { name: "user namespace", edit: inUserNamespace() },
  { name: "user namespace with a terminal", edit: inUserNamespace(), terminal: true },
  {
    name: "user namespace with a user and groups",
    edit: inUserNamespace((config) => {
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [5, 2000] };
    }),
  },
  {
    name: "user namespace of several ranges",
    edit: inUserNamespace((config) => {
      config.process.user = { uid: 1500, gid: 5 };
      config.linux.uidMappings = [
        { containerID: 0, hostID: HOST_UID, size: 1 },
        { containerID: 1000, hostID: 300_000, size: 1000 },
      ];
      config.linux.gidMappings = [
        { containerID: 5, hostID: 300_000, size: 1 },
        { containerID: 0, hostID: HOST_GID, size: 5 },
      ];
    }),
  },
  {
    name: "user namespace with a root filesystem of its own",
    edit: inUserNamespace((config) => {
      config.root.readonly = false;
    }),
    prepare: (rootfs) => {
      for (const folder of ["", "mnt", "dev", "proc"])
        chownSync(join(rootfs, folder), HOST_UID, HOST_GID);
    },
  },
  {
    name: "user namespace with capabilities",
    edit: inUserNamespace((config) => {
      const all = ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE"];
      config.process.capabilities = { bounding: all, effective: all, permitted: all };
    }),
  },
  {
    name: "user namespace with bind mounts",
    prepare: (rootfs, bundle) => {
      shareables(rootfs, bundle);
      writeFileSync(join(rootfs, "etc/hosts"), "");
    },
    edit: inUserNamespace(
      bind("shared", "/mnt", "ro", "nosuid"),
      bind("single", "/etc/hosts", "rw"),
    ),
  },
  {
    name: "user namespace with a device",
    edit: inUserNamespace((config) => {
      config.linux.devices = [
        { path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 0o644 },
      ];
    }),
  },
  {
    name: "user namespace with sysctls",
    edit: inUserNamespace((config) => {
      config.linux.sysctl = { "net.ipv4.ip_default_ttl": "77", "kernel.msgmax": "7777" };
    }),
  },
  {
    name: "user namespace with an oom score",
    edit: inUserNamespace((config) => {
      config.process.oomScoreAdj = 300;
    }),
  },
  {
    name: "user namespace without cgroup and network namespaces",
    edit: inUserNamespace((config) => {
      shareNamespace(config, "cgroup");
      shareNamespace(config, "network");
      config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/sys"));
    }),
  },
];

const rootless = (name: string, ...edits: Edit[]): Variation => ({
  name: ["rootless", name].join(" ").trimEnd(),
  byUser: true,
  edit: (config, bundle) => {
    makeRootless(config);
    for (const edit of edits) edit(config, bundle);
  },
});

const ROOTLESS: Variation[] = [
  rootless(""),
  { ...rootless("with a terminal"), terminal: true },
  rootless("with a root filesystem of its own", (config) => {
    config.root.readonly = false;
  }),
  rootless("with a network namespace", (config) => {
    config.linux.namespaces.push({ type: "network" });
  }),
  rootless("with a sysfs of its own", (config) => {
    config.linux.namespaces.push({ type: "network" });
    Object.assign(mountAt(config, "/sys"), { type: "sysfs", source: "sysfs", options: ["ro"] });
  }),
  {
    ...rootless(
      "with bind mounts",
      bind("shared", "/mnt", "ro", "nosuid"),
      bind("single", "/etc/hosts", "rw"),
    ),
    prepare: (rootfs, bundle) => {
      shareables(rootfs, bundle);
      writeFileSync(join(rootfs, "etc/hosts"), "");
    },
  },
  rootless("with capabilities", (config) => {
    const all = ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE"];
    config.process.capabilities = { bounding: all, effective: all, permitted: all };
  }),
  rootless("with sysctls", (config) => {
    config.linux.namespaces.push({ type: "network" });
    config.linux.sysctl = { "net.ipv4.ip_default_ttl": "77", "kernel.msgmax": "7777" };
  }),
  rootless("with an oom score", (config) => {
    config.process.oomScoreAdj = 300;
  }),
  rootless("without cgroup and ipc namespaces", (config) => {
    shareNamespace(config, "cgroup");
    shareNamespace(config, "ipc");
    config.mounts = config.mounts.filter(({ type }) => type !== "cgroup" && type !== "mqueue");
  }),
];

const SECCOMP: Variation[] = [true, false].map((noNewPrivileges) => ({
  name: `seccomp ${noNewPrivileges ? "with" : "without"} no_new_privs`,
  edit: (config) => {
    config.process.noNewPrivileges = noNewPrivileges;
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mknod", "mknodat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
    };
  },
}));

export const VARIATIONS: Variation[] = [
  { name: "the default configuration" },
  ...ROOT,
  ...USER,
  ...PRIVILEGES,
  ...PROCESS,
  ...NAMESPACES,
  ...MOUNTS,
  ...PATHS,
  ...TERMINALS,
  ...USER_NAMESPACES,
  ...ROOTLESS,
  ...SECCOMP,
];
