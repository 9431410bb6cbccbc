/** Making processes: what a child must never do is come back. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  EACCES,
  ECHILD,
  ENOENT,
  ENOTDIR,
  F_GETFD,
  FD_CLOEXEC,
  MFD_CLOEXEC,
  POLLIN,
  RLIMIT_AS,
  SEEK_SET,
  SIGKILL,
  SIGSEGV,
  SIGTERM,
  SYS_fork,
  SYS_getppid,
  SYS_kill,
  SYS_uname,
  WNOHANG,
} from "#abi";
import { fork, syscall } from "#host";
import { setRlimit, setsid } from "../../../src/linux/credentials.ts";
import { Errno } from "../../../src/linux/errno.ts";
import {
  close,
  closeFrom,
  dup,
  fcntl,
  lseek,
  memfd,
  readBytes,
  readText,
  writeAll,
} from "../../../src/linux/fs.ts";
import { setHostname } from "../../../src/linux/namespaces.ts";
import {
  type Child,
  describeEnding,
  exit,
  exitStatus,
  getpid,
  pidfdOpen,
  prepareExec,
  sendSignal,
  signalGroup,
  spawn,
  wait,
} from "../../../src/linux/process.ts";
import { poll } from "../../../src/linux/signals.ts";
import { decode } from "../../../src/linux/text.ts";
import { inChild, runChild } from "./child.ts";

/** A function that breaks the promise that its type gives. */
const lawless = (body: () => unknown): (() => never) => body as () => never;

/** Beyond the largest pid that the kernel gives. */
const NO_GROUP = 4194305;

const sleep = (): never => {
  for (;;) poll([], 60_000);
};

function finish({ pidfd }: Child) {
  const ending = wait(pidfd);
  close(pidfd);
  return ending;
}

describe("a child never comes back", () => {
  const ways: [string, () => never, RegExp][] = [
    [
      "throws",
      () => {
        throw new RangeError("of its own");
      },
      /^tsrun: internal error: RangeError: of its own\n$/,
    ],
    [
      "throws what is no error",
      lawless(() => {
        throw undefined;
      }),
      /^tsrun: internal error: undefined\n$/,
    ],
    ["returns", lawless(() => 5), /^$/],
    [
      "overflows the stack",
      () => {
        const deeper = (n: number): number => 1 + deeper(n + 1);
        throw new Error(String(deeper(0)));
      },
      /^tsrun: internal error: InternalError: stack overflow\n$/,
    ],
    [
      "exhausts the memory",
      () => {
        setRlimit(RLIMIT_AS, 64 << 20, 64 << 20);
        const hoard: Uint8Array[] = [];
        for (;;) hoard.push(new Uint8Array(1 << 20));
      },
      /^tsrun: internal error: .*out of memory\n$/,
    ],
    [
      "exhausts the memory in small pieces",
      () => {
        setRlimit(RLIMIT_AS, 64 << 20, 64 << 20);
        let hoard: object = {};
        for (;;) hoard = { hoard };
      },
      /^tsrun: internal error: .*\n$/,
    ],
    [
      "throws what throws when it is shown",
      () => {
        throw {
          toString: () => {
            throw new Error("again");
          },
        };
      },
      /^tsrun: internal error: .*\n$/,
    ],
  ];
  for (const [way, body, message] of ways)
    test(`that ${way}`, () => {
      const parent = getpid();
      const marks = memfd("marks", MFD_CLOEXEC);
      try {
        const { ending, output } = runChild(body);
        deepEqual(ending, { exited: 1 });
        match(output, message);
      } finally {
        writeAll(marks, `${getpid() === parent ? "parent" : "child"};`);
      }
      lseek(marks, 0, SEEK_SET);
      equal(decode(readBytes(marks)), "parent;");
      close(marks);
    });

  test("and neither does a child's child", () => {
    const { ending, output } = runChild(() => {
      try {
        const inner = runChild(lawless(() => "back"));
        writeAll(1, `inner ${JSON.stringify(inner.ending)};`);
        exit(3);
      } finally {
        writeAll(1, "finally of the child");
      }
    });
    deepEqual(ending, { exited: 3 });
    equal(output, 'inner {"exited":1};');
  });
});

describe("making", () => {
  test("a child has its own pid, its parent's descriptors and a pidfd that ends at exec", () => {
    const file = memfd("shared", MFD_CLOEXEC);
    const own = getpid();
    const child = spawn({}, () => {
      writeAll(file, `${getpid()} ${syscall(SYS_getppid)}`);
      return exit(0);
    });
    equal(fcntl(child.pidfd, F_GETFD), FD_CLOEXEC);
    deepEqual(finish(child), { exited: 0 });
    lseek(file, 0, SEEK_SET);
    equal(decode(readBytes(file)), `${child.pid} ${own}`);
    close(file);
  });

  test("what a child changes in memory is its own", () => {
    const values = [1];
    const { ending } = runChild(() => {
      values.push(2);
      return exit(values.length);
    });
    deepEqual(ending, { exited: 2 });
    deepEqual(values, [1]);
  });

  test("new namespaces begin with it", () => {
    const nodename = () => {
      const utsname = new Uint8Array(65 * 6);
      syscall(SYS_uname, utsname);
      return decode(utsname.subarray(65, utsname.indexOf(0, 65)));
    };
    const host = nodename();
    inChild(() => {
      equal(getpid(), 1);
      setHostname("of-the-child");
      equal(nodename(), "of-the-child");
      throws(() => setHostname("n".repeat(65)), { code: "EINVAL" });
    }, CLONE_NEWPID | CLONE_NEWUTS);
    equal(nodename(), host);
    inChild(() => {
      equal(readText("/proc/self/uid_map"), "");
    }, CLONE_NEWUSER);
  });

  test("a plan that the kernel refuses makes none", () => {
    const noCgroup = memfd("no cgroup", MFD_CLOEXEC);
    throws(() => spawn({ cgroup: noCgroup }, () => exit(0)), { message: "clone3(): EBADF" });
    throws(() => spawn({ cgroup: 99999 }, () => exit(0)), { message: "clone3(): EBADF" });
    close(noCgroup);
  });

  test("fork() takes a structure and a function, and nothing else", () => {
    const lawlessFork = fork as unknown as (...args: unknown[]) => number;
    const never = () => exit(9);
    for (const args of [[], [undefined, never], [1, never], ["x", never], [new Uint8Array(88)]])
      throws(() => lawlessFork(...args), TypeError);
    throws(() => lawlessFork(new Uint8Array(88), "exit"), TypeError);
    ok(lawlessFork(new Uint8Array(8), never) < 0);
    throws(() => syscall(SYS_fork), TypeError);
  });
});

describe("ends", () => {
  for (const status of [0, 1, 2, 127, 128, 255])
    test(`with status ${status}`, () => {
      const { ending } = runChild(() => exit(status));
      deepEqual(ending, { exited: status });
      equal(ending && exitStatus(ending), status);
      equal(ending && describeEnding(ending), `exited with status ${status}`);
    });

  for (const signal of [SIGTERM, SIGKILL, SIGSEGV])
    test(`with signal ${signal}`, () => {
      const { ending } = runChild(() => {
        setRlimit(4, 0, 0);
        syscall(SYS_kill, getpid(), signal);
        return sleep();
      });
      deepEqual(ending, { killed: signal });
      equal(ending && exitStatus(ending), 128 + signal);
      equal(ending && describeEnding(ending), `was killed by signal ${signal}`);
    });

  test("are waited for, or asked about", () => {
    const child = spawn({}, sleep);
    equal(wait(child.pidfd, WNOHANG), undefined);
    deepEqual(poll([{ fd: child.pidfd, events: POLLIN }], 20), []);
    ok(sendSignal(child.pidfd, SIGKILL));
    equal(poll([{ fd: child.pidfd, events: POLLIN }], 5000).length, 1);
    // Dead and not yet waited for: a signal is accepted, and lost.
    ok(sendSignal(child.pidfd, 0));
    deepEqual(wait(child.pidfd, WNOHANG), { killed: SIGKILL });
    ok(!sendSignal(child.pidfd, 0));
    throws(() => wait(child.pidfd), { errno: ECHILD, call: "waitid" });
    throws(() => pidfdOpen(child.pid), { code: "ESRCH" });
    close(child.pidfd);
  });

  test("of a whole group", () => {
    const file = memfd("ready", MFD_CLOEXEC);
    const leader = spawn({}, () => {
      setsid();
      const member = spawn({}, sleep);
      writeAll(file, String(member.pid));
      return sleep();
    });
    while (lseek(file, 0, 2) === 0) poll([], 5);
    lseek(file, 0, SEEK_SET);
    const member = pidfdOpen(Number(decode(readBytes(file))));
    ok(signalGroup(leader.pid, SIGKILL));
    deepEqual(finish(leader), { killed: SIGKILL });
    equal(poll([{ fd: member, events: POLLIN }], 5000).length, 1);
    for (const fd of [member, file]) close(fd);
    ok(!signalGroup(NO_GROUP, SIGKILL));
  });

  test("a signal that does not exist is an error", () => {
    const own = pidfdOpen(getpid());
    throws(() => sendSignal(own, 65), { code: "EINVAL", call: "pidfd_send_signal" });
    close(own);
  });
});

describe("execve", () => {
  test("hands on arguments and environment byte by byte", () => {
    const args = ["weird name", "/proc/self/cmdline", "/proc/self/environ"];
    const env = ["A=1", "A=2", "É=\u{1f600} \n", "no equals sign", ""];
    const { ending, output } = runChild(prepareExec("/bin/cat", args, env));
    deepEqual(ending, { exited: 0 });
    equal(output, [...args, ...env].map((text) => `${text}\0`).join(""));
  });

  test("with nothing in the environment", () => {
    const { output } = runChild(prepareExec("/bin/cat", ["cat", "/proc/self/environ"], []));
    equal(output, "");
  });

  test("a long list", () => {
    const args = Array.from({ length: 5000 }, (_, i) => `argument ${i}`);
    const { output } = runChild(prepareExec("/bin/echo", ["echo", ...args], []));
    equal(output, `${args.join(" ")}\n`);
  });

  const refused: [string, number][] = [
    ["/nonexistent/program", ENOENT],
    ["/etc", EACCES],
    ["/etc/passwd", EACCES],
    ["/etc/passwd/x", ENOTDIR],
    ["", ENOENT],
  ];
  for (const [path, errno] of refused)
    test(`of ${JSON.stringify(path)} is an error of the child`, () => {
      const { ending, output } = runChild(prepareExec(path, ["x"], []));
      deepEqual(ending, { exited: 1 });
      equal(output, `tsrun: internal error: ${new Errno(errno, "execve", [path])}\n`);
    });

  test("closes what is close-on-exec, and nothing else", () => {
    const kept = memfd("kept", 0);
    const gone = memfd("gone", MFD_CLOEXEC);
    const { output } = runChild(() => {
      dup(kept, 8);
      dup(gone, 9);
      closeFrom(10);
      fcntl(9, 2, FD_CLOEXEC);
      for (const fd of [kept, gone]) if (fd < 8) fcntl(fd, 2, FD_CLOEXEC);
      return prepareExec("/bin/ls", ["ls", "-1", "/proc/self/fd"], [])();
    });
    for (const fd of [kept, gone]) close(fd);
    const numbers = output.trim().split("\n");
    ok(numbers.includes("8"), output);
    ok(!numbers.includes("9"), output);
  });
});
