import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  PR_GET_NAME,
  PR_SET_NAME,
  SYS_gettid,
  SYS_prctl,
} from "#abi";
import { syscall } from "#host";
import { close, open, openAt, readText, using, writeAll } from "../../../src/linux/fs.ts";
import {
  cgroupOf,
  isDead,
  mountInfo,
  openProc,
  openProcRoot,
  processStatus,
  writeProc,
} from "../../../src/linux/proc.ts";
import { getpid } from "../../../src/linux/process.ts";
import { encode } from "../../../src/linux/text.ts";
import { inScratch } from "./scratch.ts";

const PID_MAX = 4194304;

describe("processes", () => {
  test("the own one runs, since the time that the kernel says", () => {
    const status = processStatus(getpid());
    match(status?.state ?? "", /^[RS]$/);
    const fields = readText("/proc/self/stat").split(" ");
    equal(status?.startTime, Number(fields[21]));
    ok((status?.startTime ?? 0) > (processStatus(1)?.startTime ?? -1));
  });

  test("one that does not exist has no status", () => {
    equal(processStatus(PID_MAX + 1), undefined);
    equal(cgroupOf(PID_MAX + 1), undefined);
  });

  const hostile: [string, Uint8Array][] = [
    ["parentheses and fields", encode(") Z 1 (x) R")],
    ["an end of its own", encode("x) X 9 9 9")],
    ["only parentheses", encode(")))((( )")],
    ["a newline", encode("a\n1 (b) Z")],
    ["bytes that are not UTF-8", Uint8Array.from([0x61, 0xff, 0x29, 0x20, 0xc3])],
    ["nothing", new Uint8Array(0)],
  ];
  for (const [kind, name] of hostile)
    test(`a name may be ${kind}`, () => {
      // The name is the calling thread's, which is the process's first.
      equal(syscall(SYS_gettid), getpid());
      const own = new Uint8Array(16);
      syscall(SYS_prctl, PR_GET_NAME, own, 0, 0, 0);
      const before = processStatus(getpid());
      try {
        equal(syscall(SYS_prctl, PR_SET_NAME, Uint8Array.from([...name, 0]), 0, 0, 0), 0);
        const status = processStatus(getpid());
        equal(status?.startTime, before?.startTime);
        match(status?.state ?? "", /^[RS]$/);
      } finally {
        syscall(SYS_prctl, PR_SET_NAME, own, 0, 0, 0);
      }
    });

  test("zombies and what comes after are dead, nothing else is", () => {
    for (const state of ["Z", "X"]) ok(isDead({ state, threads: 1 }), state);
    for (const state of ["R", "S", "D", "T", "t", "I", "P"]) ok(!isDead({ state, threads: 1 }));
    // The first thread alone has ended.
    ok(!isDead({ state: "Z", threads: 2 }));
  });
});

describe("mounts", () => {
  const parsed = (text: string | Uint8Array) => {
    let mounts: ReturnType<typeof mountInfo> = [];
    inScratch((dir, path) => {
      using(openAt(dir, "mountinfo", O_CREAT | O_WRONLY, { mode: 0o600 }), (fd) =>
        writeAll(fd, text),
      );
      mounts = mountInfo(`${path}/mountinfo`);
    });
    return mounts;
  };

  test("a line has its parts", () => {
    deepEqual(
      parsed(
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n" +
          "21 1 0:20 / /proc rw - proc proc rw\n",
      ),
      [
        {
          id: 36,
          root: "/mnt1",
          mountPoint: "/mnt2",
          options: ["rw", "noatime"],
          propagation: ["master:1", "shared:7"],
          type: "ext3",
          source: "/dev/root",
          superOptions: ["rw", "errors=continue"],
        },
        {
          id: 21,
          root: "/",
          mountPoint: "/proc",
          options: ["rw"],
          propagation: [],
          type: "proc",
          source: "proc",
          superOptions: ["rw"],
        },
      ],
    );
    deepEqual(parsed(""), []);
  });

  const escapes: [string, string][] = [
    ["/a\\040b", "/a b"],
    ["/a\\011b\\012c", "/a\tb\nc"],
    ["/a\\134b", "/a\\b"],
    ["/a\\134040b", "/a\\040b"],
    ["/\\040-\\040tmpfs\\040x", "/ - tmpfs x"],
    ["/é\\040\u{1f600}", "/é \u{1f600}"],
    ["/a\\043b", "/a#b"],
    ["/a\\9b", "/a\\9b"],
    ["/a\\01b", "/a\\01b"],
    ["/a//deleted", "/a//deleted"],
  ];
  for (const [escaped, text] of escapes)
    test(`${escaped} is ${JSON.stringify(text)}`, () => {
      const [mount] = parsed(`1 0 0:1 ${escaped} ${escaped} rw - tmpfs ${escaped} rw\n`);
      deepEqual([mount?.root, mount?.mountPoint, mount?.source], [text, text, text]);
      equal(mount?.type, "tmpfs");
    });

  test("a name that is not UTF-8 is shown byte by byte, the others' as they are", () => {
    const line = encode("1 0 0:1 / /b rw - fuse x rw\n");
    line[line.indexOf(0x62)] = 0xff;
    const other = encode("2 0 0:2 / /é rw - tmpfs x rw\n");
    const mounts = parsed(new Uint8Array([...line, ...other]));
    deepEqual(
      mounts.map(({ mountPoint }) => mountPoint),
      ["/ÿ", "/é"],
    );
  });

  test("a source may be empty", () => {
    const [mount] = parsed("1 0 0:1 / /a rw shared:1 - tmpfs  rw,size=1k\n");
    deepEqual([mount?.type, mount?.source, mount?.superOptions], ["tmpfs", "", ["rw", "size=1k"]]);
  });

  test("of this machine", () => {
    const mounts = mountInfo();
    ok(mounts.some(({ mountPoint, root }) => mountPoint === "/" && root === "/"));
    ok(mounts.some(({ mountPoint, type }) => mountPoint === "/proc" && type === "proc"));
    equal(new Set(mounts.map(({ id }) => id)).size, mounts.length);
    ok(mounts.every(({ options }) => options.includes("rw") || options.includes("ro")));
  });
});

test("the cgroup v2 group, where there is one", () => {
  const line = readText("/proc/self/cgroup")
    .split("\n")
    .find((text) => text.startsWith("0::"));
  equal(cgroupOf("self"), line?.slice(3));
  equal(cgroupOf(getpid()), cgroupOf("self"));
});

describe("a verified /proc", () => {
  test("is opened, written and read", () => {
    using(openProcRoot(), (proc) => {
      const score = readText("self/oom_score_adj", proc).trim();
      writeProc(proc, "self/oom_score_adj", score, O_WRONLY);
      using(openProc(proc, "self/oom_score_adj", O_RDONLY), (fd) => ok(fd > proc));
      throws(() => writeProc(proc, "self/oom_score_adj", "1001", O_WRONLY), { code: "EINVAL" });
    });
  });

  test("is not left by magic links or mounts", () => {
    using(openProcRoot(), (proc) => {
      for (const path of ["self/exe", "self/root", "self/cwd/..", "self/fd/0"])
        throws(() => openProc(proc, path, O_PATH), { code: "ELOOP" }, path);
      throws(() => openProc(proc, "..", O_PATH), { code: "EXDEV" });
      close(openProc(proc, "self/ns", O_RDONLY | O_DIRECTORY));
    });
  });

  test("is what it is opened as", () => {
    const proc = openProcRoot();
    const other = open("/proc", O_PATH);
    equal(readText("version", proc), readText("version", other));
    close(other);
    close(proc);
  });
});
