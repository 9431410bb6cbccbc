/**
 * Where runc 1.1.5, crun 1.8.1 (or those of the virtual machine) and tsrun are known to differ in
 * what the container's process observes, and why tsrun does what it does. A difference that is not
 * listed here fails its test, and so does an entry that no longer occurs beside those two.
 */

export interface Departure {
  peer: "runc" | "crun";
  /** Matches the lines (`section: text`) that only the container under tsrun has. */
  ours?: RegExp;
  /** Matches the lines that only the container under the peer has. */
  theirs?: RegExp;
  /** The variations in which it occurs; all when absent. */
  variations?: RegExp;
  why: string;
}

export const DEPARTURES: Departure[] = [
  {
    peer: "crun",
    ours: /^mounts: \/null \S+ rw,(nosuid - (dev)?tmpfs|relatime - devtmpfs) rw,/,
    theirs: /^mounts: \/null \S+ ro(,\S+)? - devtmpfs rw/,
    why: "A masked file: crun binds the host’s /dev/null, read-only, tsrun the container’s own, as runc.",
  },
  {
    peer: "runc",
    ours: /^descriptors: [012] (socket|stdout)$/,
    theirs: /^descriptors: [012] pipe$/,
    why: "runc copies stdio through pipes in `run`; tsrun passes it straight through, as crun.",
  },
  {
    peer: "runc",
    ours: /^mounts: \/ \/sys ro,\S+ - sysfs rw$/,
    theirs: /^mounts: \/ \/sys ro,\S+ - sysfs ro$/,
    why:
      "`ro` makes the mount read-only, as crun does it; runc the file system as well, where it can: " +
      "not for a sysfs that is shared with the host.",
  },
  {
    peer: "runc",
    ours: /^mounts: \/ \S+ ro,nosuid,nodev,noexec,relatime - tmpfs rw,size=0k,mode=755(,uid=\d+,gid=\d+)?$/,
    theirs: /^mounts: \/ \S+ ro,relatime - tmpfs ro(,uid=\d+,gid=\d+)?$/,
    why: "A masked folder: each hides it under an empty read-only tmpfs; tsrun’s has more flags.",
  },
  {
    peer: "crun",
    ours: /^mounts: \/ \S+ ro,nosuid,nodev,noexec,relatime - tmpfs rw,size=0k,mode=755(,uid=\d+,gid=\d+)?$/,
    theirs: /^mounts: \/ \S+ ro,relatime - tmpfs rw,size=0k(,uid=\d+,gid=\d+)?$/,
    why: "A masked folder: each hides it under an empty read-only tmpfs; tsrun’s has more flags.",
  },
  {
    peer: "runc",
    ours: /^masked: \S+ directory 755 0:0$/,
    theirs: /^masked: \S+ directory 1777 0:0$/,
    why: "A masked folder is read-only and empty: 755 says so, 1777 is tmpfs’s default.",
  },
  {
    peer: "crun",
    ours: /^masked: \S+ directory 755 0:0$/,
    theirs: /^masked: \S+ directory 1777 0:0$/,
    why: "A masked folder is read-only and empty: 755 says so, 1777 is tmpfs’s default.",
  },
  {
    peer: "runc",
    ours: /^mounts: \/ \S+ r[ow],(noexec,)?relatime - tmpfs rw,(size=64k,)?mode=755$/,
    theirs: /^mounts: \/ \S+ r[ow],(noexec,)?relatime - tmpfs rw(,size=64k)?$/,
    variations: /^tmpfs (read-only|through)/,
    why: "tsrun gives tmpfs the mode of the folder it covers as an option; runc changes it later.",
  },
  {
    peer: "crun",
    ours: /^mounts: \/ \S+ r[ow],(noexec,)?relatime - tmpfs rw,(size=64k,)?mode=755$/,
    theirs: /^mounts: \/ \S+ r[ow],(noexec,)?relatime - tmpfs rw(,size=64k)?$/,
    variations: /^tmpfs (read-only|through)/,
    why: "A tmpfs without `mode`: tsrun keeps the mode of the folder it covers, as runc.",
  },
  {
    peer: "runc",
    ours: /^destinations: \/mnt directory 1770 0:0$/,
    theirs: /^destinations: \/mnt directory 755 0:0$/,
    variations: /^tmpfs with size and mode/,
    why: "runc 1.1 overwrites even a `mode` that is given with that of the folder it covers.",
  },
  {
    peer: "crun",
    theirs: /^devices: 'core' -> '\/proc\/kcore' symbolic link/,
    why: "crun always makes /dev/core, which the specification’s list of default links lacks.",
  },
  {
    peer: "crun",
    ours: /^destinations: \/sys\/fs\/cgroup directory 755 (0:0|65534:65534)$/,
    theirs: /^destinations: \/sys\/fs\/cgroup directory 555 (0:0|65534:65534)$/,
    why: "crun runs without cgroups here, and so shows the root of the tree.",
  },
  {
    peer: "crun",
    ours: /^cgroup: 0::\S*\/ID$/,
    theirs: /^cgroup: 0::\/\S*$/,
    variations: /^(no cgroup namespace|user namespace without cgroup)/,
    why: "crun runs without cgroups here, and so stays in the caller’s group.",
  },
  {
    peer: "crun",
    ours: /^device filter: head: .*Operation not permitted$/,
    theirs: /^device filter: head: .*No such device/,
    variations: /^many capabilities/,
    why: "crun runs without cgroups here, and so without the device filter.",
  },
  {
    peer: "crun",
    ours: /^environment: HOME=\/$/,
    variations: /^user (unknown|namespace of several)/,
    why: "crun sets no HOME for a user that /etc/passwd does not know; runc sets `/`.",
  },
  {
    peer: "crun",
    ours: /^destinations: \S+ directory 755 0:0$/,
    theirs: /^destinations: \S+ directory (1770|1777) 0:0$/,
    variations: /^tmpfs/,
    why: "A tmpfs without `mode`: tsrun keeps the mode of the folder it covers, as runc.",
  },
  {
    peer: "crun",
    ours: /^mounts: BUNDLE\/shared \/mnt rw,relatime (shared|unbindable) - /,
    theirs: /^mounts: BUNDLE\/shared \/mnt rw,relatime - /,
    variations: /^bind (rshared|unbindable)/,
    why: "crun makes everything private once more after it has mounted, which undoes the option.",
  },
  {
    peer: "crun",
    ours: /^mounts: \S+ \/proc\/\w+ ro,nosuid,nodev,noexec,relatime - proc rw$/,
    theirs: /^mounts: \S+ \/proc\/\w+ ro,relatime - proc rw$/,
    variations: /^proc with flags/,
    why: "crun drops nosuid, nodev and noexec of /proc when it binds a read-only path.",
  },
  {
    peer: "crun",
    ours: /^mounts: \/0 \/dev\/console rw,nosuid,noexec,relatime - devpts /,
    theirs: /^mounts: \/0 \/dev\/console rw,relatime - devpts /,
    variations: /terminal/,
    why: "crun drops the flags of /dev/pts when it binds the terminal to /dev/console; runc does not.",
  },
  {
    peer: "crun",
    ours: /^mounts: \/(\w+) \/dev\/\1 rw,(relatime|nosuid) - devtmpfs /,
    theirs: /^mounts: \/(\w+) \/dev\/\1 rw,nosuid,noexec(,relatime)? - devtmpfs /,
    variations: /^(user namespace|rootless)/,
    why: "Devices bound from the host have the host’s flags, as with runc; crun adds two.",
  },
  {
    peer: "runc",
    ours: /^(devices: kmsg .* 644 0:0 1:b|mounts: \/0 \/dev\/kmsg .* - tmpfs .*)$/,
    theirs: /^(devices: kmsg .* 644 65534:65534 1:b|mounts: \/kmsg \/dev\/kmsg .* - devtmpfs .*)$/,
    variations: /^user namespace with a device/,
    why: "runc binds the host’s device with the owner that it has there; tsrun makes it, as crun.",
  },
  {
    peer: "crun",
    ours: /^mounts: \/0 \/dev\/kmsg rw,nosuid,noexec,relatime - tmpfs rw$/,
    theirs: /^mounts: \/0 \/dev\/kmsg rw,relatime - tmpfs rw$/,
    variations: /^user namespace with a device/,
    why: "A device’s mount is nosuid and noexec, as with later releases of crun.",
  },
  {
    peer: "runc",
    ours: /^(devices: mqueue|destinations: \/dev\/mqueue) directory 1777 0:0/,
    theirs: /^(devices: mqueue|destinations: \/dev\/mqueue) directory 1777 0:65534/,
    variations: /^user namespace/,
    why: "runc makes the IPC namespace with the uid of the user namespace’s root and not yet its gid.",
  },
  {
    peer: "runc",
    ours: /^(mounts: \/ \/sys\/fs\/cgroup ro,\S+ - cgroup2 rw\S*|cgroup: cgroup.procs|destinations: \/sys\/fs\/cgroup directory [57]55 \S+)$/,
    theirs:
      /^(mounts: \/ \/sys\/fs\/cgroup ro,relatime - tmpfs ro,\S+|destinations: \/sys\/fs\/cgroup directory 1777 0:0)$/,
    variations: /^rootless/,
    why:
      "Without a group of its own a cgroup namespace is rooted in the caller’s: tsrun shows that, as crun, " +
      "runc an empty folder.",
  },
  {
    peer: "crun",
    theirs: /^mounts: \/ \/sys\/fs\/cgroup rw,relatime - tmpfs rw,size=4k,/,
    variations: /^rootless/,
    why: "crun mounts an empty tmpfs below the cgroup tree of a rootless container.",
  },
];
