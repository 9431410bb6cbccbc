/** `tmpcopyup`: a tmpfs that begins with a copy of what it covers, beside runc and crun. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { alike, mountsBelow, printed } from "./harness/alike.ts";
import { type Bundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config, HOST_GID, HOST_UID } from "./harness/config.ts";
import { failed } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

interface Copying {
  prepare: (data: string) => void;
  options?: string[];
  edit?: (config: Config) => void;
}

/** A container with a copying tmpfs on /data. */
const copying = (script: string, { prepare, options = [], edit = () => {} }: Copying): Bundle =>
  shellBundle(script, {
    prepare: (rootfs) => {
      mkdirSync(join(rootfs, "data"));
      prepare(join(rootfs, "data"));
    },
    edit: (config) => {
      config.process.capabilities = {
        bounding: ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"],
        effective: ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"],
        permitted: ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"],
      };
      config.mounts.push({
        destination: "/data",
        type: "tmpfs",
        source: "tmpfs",
        options: ["tmpcopyup", ...options],
      });
      edit(config);
    },
  });

const EVERYTHING =
  "cd /data; ls -AR; stat -c '%n %F %a %u:%g' * */* */*/*; cat file; wc -c deep/er/file";

/** What runc knows to copy: files, folders, symbolic links. */
function plain(data: string): void {
  mkdirSync(join(data, "deep/er"), { recursive: true });
  writeFileSync(join(data, "file"), "contents\n");
  writeFileSync(join(data, "deep/er/file"), "x".repeat(300_000));
  writeFileSync(join(data, "deep/er/empty"), "");
  linkSync(join(data, "file"), join(data, "same-file"));
  symlinkSync("/etc/passwd", join(data, "link"));
  symlinkSync("nowhere", join(data, "deep/dangling"));
  for (const [name, mode] of [
    ["file", 0o4751],
    ["deep", 0o1700],
    ["deep/er", 0o750],
    ["deep/er/file", 0o000],
  ] as const) {
    chownSync(join(data, name), 1000, 5);
    chmodSync(join(data, name), mode);
  }
}

test("files, folders and links, their owners and modes, as runc and crun copy them", () => {
  const output = alike(copying(EVERYTHING, { prepare: plain }), runc, crun);
  assert.match(output, /^file regular file 4751 1000:5$/m);
  assert.match(output, /^link symbolic link/m);
});

test("devices, FIFOs and sockets, as crun copies them", () => {
  const prepare = (data: string) => {
    execFileSync("mknod", [join(data, "device"), "c", "1", "3"]);
    execFileSync("mkfifo", ["-m", "640", join(data, "fifo")]);
    execFileSync("python3", [
      ...["-c", "import socket,sys; socket.socket(1).bind(sys.argv[1])"],
      join(data, "socket"),
    ]);
  };
  const script = "stat -c '%n %F %a %u:%g %t:%T' /data/*";
  assert.match(alike(copying(script, { prepare }), crun), /^\/data\/device character .* 1:3$/m);
});

test("times of files, links and folders stay", () => {
  const script = "stat -c '%n %Y' /data/file /data/folder /data/link";
  const bundle = copying(script, {
    prepare: (data) => {
      mkdirSync(join(data, "folder"));
      writeFileSync(join(data, "folder/file"), "");
      writeFileSync(join(data, "file"), "contents");
      symlinkSync("file", join(data, "link"));
      utimesSync(join(data, "file"), 1_000_000, 2_000_000);
      utimesSync(join(data, "folder"), 1_000_000, 3_000_000);
      lutimesSync(join(data, "link"), 1_000_000, 4_000_000);
    },
  });
  assert.equal(printed(bundle), "/data/file 2000000\n/data/folder 3000000\n/data/link 4000000\n");
});

test("a file keeps its capabilities, which are an extended attribute", () => {
  // setcap cap_net_raw=ep, as struct vfs_cap_data of revision 2.
  const value = "0x0100000200200000000000000000000000000000";
  const set = `import os,sys; os.setxattr(sys.argv[1], "security.capability", bytes.fromhex("${value.slice(2)}"))`;
  const bundle = copying("/data/busybox grep CapEff /proc/self/status", {
    prepare: (data) => {
      execFileSync("cp", ["/bin/busybox", join(data, "busybox")]);
      execFileSync("python3", ["-c", set, join(data, "busybox")]);
    },
    options: ["exec"],
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
      config.process.noNewPrivileges = false;
      config.process.capabilities = { bounding: ["CAP_NET_RAW"] };
    },
  });
  assert.equal(printed(bundle), "CapEff:\t0000000000002000\n");
});

test("capabilities of another user namespace are left behind", () => {
  // Those of revision 3 hold whose root they are for.
  const value = `0100000300200000000000000000000000000000${"409c0000"}`;
  const set = `import os,sys; os.setxattr(sys.argv[1], "security.capability", bytes.fromhex("${value}"))`;
  const bundle = copying("cat /data/file", {
    prepare: (data) => {
      writeFileSync(join(data, "file"), "contents\n");
      chownSync(join(data, "file"), HOST_UID, HOST_GID);
      execFileSync("python3", ["-c", set, join(data, "file")]);
    },
    edit: addUserNamespace,
  });
  assert.equal(alike(bundle, runc), "contents\n");
});

test("a name of any bytes", () => {
  const bundle = copying("ls -A /data | wc -l; cat /data/*", {
    prepare: (data) => {
      const name = Buffer.concat([Buffer.from(`${data}/`), Buffer.from([0xff, 0x0a, 0x27])]);
      writeFileSync(name, "odd\n");
    },
  });
  assert.match(printed(bundle), /odd\n$/);
});

test("a tree that is deeper than calls can be nested", () => {
  const deep = "d/".repeat(300);
  const bundle = copying(`cat /data/${deep}file; stat -c %Y /data/d`, {
    prepare: (data) => {
      mkdirSync(join(data, deep), { recursive: true });
      writeFileSync(join(data, deep, "file"), "at the bottom\n");
      utimesSync(join(data, "d"), 1_000_000, 2_000_000);
    },
  });
  assert.equal(printed(bundle), "at the bottom\n2000000\n");
});

test("what is written stays in the tmpfs, which may be read-only", () => {
  const prepare = (data: string) => writeFileSync(join(data, "file"), "of the image\n");
  const writable = copying("echo written > /data/file; cat /data/file", { prepare });
  assert.equal(printed(writable), "written\n");
  execFileSync("grep", ["-q", "of the image", join(writable.rootfs, "data/file")]);
  const script = `cat /data/file; echo x 2>/dev/null > /data/file || echo read-only; ${mountsBelow("/data")}`;
  const output = alike(copying(script, { prepare, options: ["ro", "mode=755"] }), crun);
  assert.match(output, /^of the image\nread-only\n\/ \/data ro,/);
});

test("a place that is not there yet begins empty", () => {
  const bundle = shellBundle("ls -A /new/place", {
    edit: (config) =>
      config.mounts.push({ destination: "/new/place", type: "tmpfs", options: ["tmpcopyup"] }),
  });
  assert.equal(printed(bundle), "");
});

test("what does not fit is an error that names the file", () => {
  const { path } = copying("true", {
    prepare: (data) => {
      mkdirSync(join(data, "folder"));
      writeFileSync(join(data, "folder/large"), "x".repeat(100_000));
    },
    options: ["size=64k"],
  });
  leavesNothing(() =>
    failed(tsrun.call(["run", "-b", path, newId()]), /folder\/large: .*ENOSPC/, /\/mounts\/\d+/),
  );
});

test("in a user namespace, with the owners that it knows", () => {
  const prepare = (data: string) => {
    writeFileSync(join(data, "file"), "contents\n");
    chownSync(join(data, "file"), HOST_UID + 7, HOST_GID + 8);
    chmodSync(join(data, "file"), 0o640);
  };
  const bundle = copying("stat -c '%a %u:%g' /data/file", { prepare, edit: addUserNamespace });
  assert.equal(alike(bundle, crun), "640 7:8\n");
});

test("an owner that the user namespace does not know is an error with a hint", () => {
  const { path } = copying("true", {
    prepare: (data) => writeFileSync(join(data, "file"), ""),
    edit: (config) => {
      addUserNamespace(config);
      const ranges = (hostID: number) => [{ containerID: 0, hostID, size: 10 }];
      config.linux.uidMappings = ranges(HOST_UID);
      config.linux.gidMappings = ranges(HOST_GID);
    },
  });
  leavesNothing(() =>
    failed(tsrun.call(["run", "-b", path, newId()]), /file: giving it its owner/, /not mapped/),
  );
});

test("no link of the image leads the copying elsewhere", () => {
  const bundle = shellBundle("ls /data/link/ 2>&1; ls -A /data", {
    prepare: (rootfs, folder) => {
      mkdirSync(join(folder, "outside"));
      writeFileSync(join(folder, "outside/secret"), "");
      mkdirSync(join(rootfs, "data"));
      symlinkSync(join(folder, "outside"), join(rootfs, "data/link"));
      // The place itself, as an image might have it: it is followed inside the root, where there is none.
      symlinkSync(join(folder, "outside"), join(rootfs, "escape"));
    },
    edit: (config) => {
      for (const destination of ["/data", "/escape"])
        config.mounts.push({ destination, type: "tmpfs", options: ["tmpcopyup"] });
      config.process.args[2] += "; ls -A /escape";
    },
  });
  assert.doesNotMatch(printed(bundle), /secret/);
});

test("a link that takes the place of a file or folder while it is copied is never followed", () => {
  // RENAME_EXCHANGE, as fast as it goes (renameat2(2)).
  const swap = `import ctypes,sys
libc = ctypes.CDLL(None)
while True:
  for name in (b"file", b"folder"):
    path = sys.argv[1].encode() + b"/" + name
    libc.renameat2(-100, path, -100, path + b"-link", 2)`;
  const secrets = newFolder("secrets");
  mkdirSync(join(secrets, "folder"));
  for (const name of ["file", "folder/inner"]) writeFileSync(join(secrets, name), "secret\n");
  const bundle = copying("cat /data/* /data/*/* 2>/dev/null; true", {
    prepare: (data) => {
      mkdirSync(join(data, "folder"));
      for (const name of ["file", "folder/inner"]) writeFileSync(join(data, name), "harmless\n");
      for (const name of ["file", "folder"])
        symlinkSync(join(secrets, name), join(data, `${name}-link`));
    },
  });
  const swapper = spawn("python3", ["-c", swap, join(bundle.rootfs, "data")], { stdio: "ignore" });
  try {
    for (let i = 0; i < 20; i++) {
      // What is swapped at the wrong moment is an error, or is copied as what it was.
      const { stdout } = tsrun.call(["run", "--bundle", bundle.path, newId()]);
      assert.doesNotMatch(stdout, /secret/);
    }
  } finally {
    swapper.kill("SIGKILL");
  }
});
