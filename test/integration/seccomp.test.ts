/** linux.seccomp: what each action, operator and architecture does to a program's system calls, beside runc and crun. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as abi from "#abi";
import { sequence } from "../random.ts";
import { type BundleOptions, makeBundle, shellBundle } from "./harness/bundle.ts";
import {
  addUserNamespace,
  type Config,
  makeRootless,
  type Seccomp,
  type SeccompRule,
  USER,
} from "./harness/config.ts";
import { failed, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { crun, newId, type Outcome, Runtime, runc, tsrun, tsrunPath } from "./harness/runtime.ts";
import { addSystemCalls, needsCompiler } from "./harness/systemCalls.ts";
import { asUser, giveFolders, runtimeDirectory } from "./harness/user.ts";

nothingIsLeftAtTheEnd();

const X86: { skip?: string } = process.arch === "x64" ? {} : { skip: "only x86_64 has other ABIs" };

/** A bundle whose container makes these calls (systemCalls.ts). */
const callsBundle = (seccomp: Seccomp, calls: string[], edit?: (config: Config) => void) =>
  makeBundle(["/bin/calls", ...calls], {
    prepare: addSystemCalls,
    edit: (config) => {
      config.linux.seccomp = seccomp;
      edit?.(config);
    },
  });

function run(bundle: string, runtime: Runtime = tsrun): Outcome {
  // Not /dev/null: crun would give the host's to a user namespace's root.
  return runtime.call(["run", "--bundle", bundle, newId()], { input: "" });
}

/** What the calls' lines say, and the exit status. */
const endOf = ({ stdout, status }: Outcome) => ({ lines: stdout.trim().split("\n"), status });

const rule = (action: string, names: string[], more: Partial<SeccompRule> = {}): SeccompRule => ({
  names,
  action,
  ...more,
});
/** Lets all through but for these rules. */
const allowBut = (...syscalls: SeccompRule[]): Seccomp => ({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls,
});

/** What a C program calls from its beginning to its end. */
const C_PROGRAM = [
  ...["execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64"],
  ...[
    "readlink",
    "readlinkat",
    "getrandom",
    "mprotect",
    "newfstatat",
    "fstat",
    "write",
    "exit_group",
  ],
  ...["mmap", "munmap"],
];
/** What runc calls between loading a filter with no_new_privs and execve. */
const RUNC = [
  ...[
    "futex",
    "close",
    "openat",
    "read",
    "fcntl",
    "epoll_ctl",
    "epoll_pwait",
    "nanosleep",
    "tgkill",
  ],
  ...[
    "rt_sigreturn",
    "rt_sigaction",
    "rt_sigprocmask",
    "getpid",
    "gettid",
    "sched_yield",
    "madvise",
  ],
  ...[
    "getppid",
    "fstatfs",
    "close_range",
    "sigaltstack",
    "getdents64",
    "dup3",
    "unlinkat",
    "prctl",
  ],
  ...["capget", "capset", "setgroups", "setgid", "setuid", "umask", "chdir", "getcwd", "clone"],
];

interface Case {
  name: string;
  seccomp: Seccomp;
  calls: string[];
  lines: string[];
  /** 0 when absent. */
  status?: number;
  /** Of those that answer alike. */
  peers?: Runtime[];
}

const ARGUMENT_CASES: [operator: string, value: number, valueTwo: number, matching: string[]][] = [
  ["SCMP_CMP_NE", 5, 0, ["4", "6", "0x100000005"]],
  ["SCMP_CMP_LT", 5, 0, ["4"]],
  ["SCMP_CMP_LE", 5, 0, ["4", "5"]],
  ["SCMP_CMP_EQ", 5, 0, ["5"]],
  ["SCMP_CMP_GE", 5, 0, ["5", "6", "0x100000005"]],
  ["SCMP_CMP_GT", 5, 0, ["6", "0x100000005"]],
  ["SCMP_CMP_MASKED_EQ", 6, 4, ["4", "5", "0x100000005"]],
];
const ARGUMENTS = ["4", "5", "6", "0x100000005"];

const CASES: Case[] = [
  {
    name: "SCMP_ACT_ERRNO is EPERM, or the errno that it is given",
    seccomp: allowBut(
      rule("SCMP_ACT_ERRNO", ["getppid"]),
      rule("SCMP_ACT_ERRNO", ["getuid"], { errnoRet: 28 }),
      rule("SCMP_ACT_ERRNO", ["getgid"], { errnoRet: 0 }),
    ),
    calls: ["call:getppid", "call:getuid", "call:getgid", "call:getpid"],
    lines: ["getppid errno 1", "getuid errno 28", "getgid ok", "getpid ok"],
  },
  {
    name: "SCMP_ACT_KILL_PROCESS kills with SIGSYS",
    seccomp: allowBut(rule("SCMP_ACT_KILL_PROCESS", ["getppid"])),
    calls: ["call:getpid", "thread:getppid", "call:getpid"],
    lines: ["getpid ok"],
    status: 128 + 31,
  },
  {
    name: "SCMP_ACT_KILL_THREAD kills the thread, and the process if it is its only one",
    seccomp: allowBut(rule("SCMP_ACT_KILL_THREAD", ["getppid"])),
    calls: ["thread:getppid", "call:getpid", "call:getppid"],
    lines: ["getppid gone", "getpid ok"],
    status: 128 + 31,
  },
  {
    name: "SCMP_ACT_KILL is SCMP_ACT_KILL_THREAD",
    seccomp: allowBut(rule("SCMP_ACT_KILL", ["getppid"])),
    calls: ["thread:getppid", "call:getpid"],
    lines: ["getppid gone", "getpid ok"],
  },
  {
    name: "SCMP_ACT_TRAP sends SIGSYS, which can be caught and tells the call",
    seccomp: allowBut(rule("SCMP_ACT_TRAP", ["reboot"])),
    calls: ["caught:reboot", "call:getpid"],
    lines: [`trapped ${process.arch === "x64" ? 169 : 142} code 1 errno 0`, "getpid ok"],
  },
  {
    name: "SCMP_ACT_TRAP kills who does not catch it",
    seccomp: allowBut(rule("SCMP_ACT_TRAP", ["getppid"])),
    calls: ["call:getpid", "call:getppid", "call:getpid"],
    lines: ["getpid ok"],
    status: 128 + 31,
  },
  {
    name: "SCMP_ACT_TRACE without a tracer is ENOSYS",
    seccomp: allowBut(
      rule("SCMP_ACT_TRACE", ["getppid"]),
      rule("SCMP_ACT_TRACE", ["getuid"], { errnoRet: 7 }),
    ),
    calls: ["call:getppid", "call:getuid"],
    lines: ["getppid errno 38", "getuid errno 38"],
  },
  {
    name: "SCMP_ACT_LOG and SCMP_ACT_ALLOW let through",
    seccomp: {
      defaultAction: "SCMP_ACT_LOG",
      syscalls: [
        rule("SCMP_ACT_ALLOW", ["getuid"]),
        rule("SCMP_ACT_ERRNO", ["getgid"], { errnoRet: 13 }),
      ],
    },
    calls: ["call:getppid", "call:getuid", "call:getgid"],
    lines: ["getppid ok", "getuid ok", "getgid errno 13"],
  },
  {
    name: "defaultErrnoRet is the errno of all that no rule allows",
    seccomp: {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 95,
      syscalls: [rule("SCMP_ACT_ALLOW", [...C_PROGRAM, ...RUNC, "getuid", "faccessat2", "reboot"])],
    },
    calls: ["call:getuid", "call:geteuid", "call:uname"],
    lines: ["getuid ok", "geteuid errno 95", "uname errno 95"],
    peers: [runc],
  },
  {
    name: "calls that are newer than the profile get ENOSYS",
    seccomp: {
      defaultAction: "SCMP_ACT_ERRNO",
      // runc 1.1.5 looks only at those that are listed.
      architectures: [process.arch === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"],
      syscalls: [rule("SCMP_ACT_ALLOW", [...C_PROGRAM, ...RUNC, "faccessat2"])],
    },
    // 440 is process_madvise, the first after faccessat2.
    calls: ["call:uname", "call:openat2", "call:440", "call:999"],
    lines: ["uname errno 1", "openat2 errno 1", "440 errno 38", "999 errno 38"],
    peers: [runc],
  },
  {
    name: "names that nobody knows are ignored",
    seccomp: allowBut(rule("SCMP_ACT_ERRNO", ["no_such_call", "getppid", "nor_this_one"])),
    calls: ["call:getppid", "call:getuid"],
    lines: ["getppid errno 1", "getuid ok"],
  },
  {
    name: "conditions on several arguments must all hold",
    seccomp: allowBut(
      rule("SCMP_ACT_ERRNO", ["getppid"], {
        args: [
          { index: 0, value: 1, op: "SCMP_CMP_EQ" },
          { index: 5, value: 9, op: "SCMP_CMP_GE" },
        ],
      }),
    ),
    calls: ["call:getppid:1:0:0:0:0:9", "call:getppid:1:0:0:0:0:8", "call:getppid:2:0:0:0:0:9"],
    lines: ["getppid errno 1", "getppid ok", "getppid ok"],
  },
  {
    name: "of conditions on one argument, one is enough",
    seccomp: allowBut(
      rule("SCMP_ACT_ERRNO", ["getppid"], {
        args: [
          { index: 0, value: 1, op: "SCMP_CMP_EQ" },
          { index: 0, value: 2, op: "SCMP_CMP_EQ" },
        ],
      }),
    ),
    calls: ["call:getppid:1", "call:getppid:2", "call:getppid:3"],
    lines: ["getppid errno 1", "getppid errno 1", "getppid ok"],
  },
  {
    name: "without a default action and without rules there is no filter",
    seccomp: { defaultAction: "", syscalls: [] },
    calls: ["call:getppid"],
    lines: ["getppid ok"],
    peers: [runc],
  },
  ...ARGUMENT_CASES.map(
    ([op, value, valueTwo, matching]): Case => ({
      name: `${op} with ${value}${valueTwo ? ` and ${valueTwo}` : ""}`,
      seccomp: allowBut(
        rule("SCMP_ACT_ERRNO", ["getppid"], { args: [{ index: 2, value, valueTwo, op }] }),
      ),
      calls: ARGUMENTS.map((argument) => `call:getppid:0:0:${argument}`),
      lines: ARGUMENTS.map((argument) =>
        matching.includes(argument) ? "getppid errno 1" : "getppid ok",
      ),
    }),
  ),
];

describe("the effect of a profile is that under runc and crun", needsCompiler, () => {
  for (const { name, seccomp, calls, lines, status = 0, peers = [runc, crun] } of CASES)
    test(name, () => {
      const { path } = callsBundle(seccomp, calls);
      for (const runtime of [tsrun, ...peers])
        assert.deepEqual(endOf(run(path, runtime)), { lines, status }, runtime.name);
    });

  test("values have all 64 bits", () => {
    const bundle = callsBundle(allowBut(), [
      "call:getppid:0xffffffffffffffff",
      "call:getppid:0xffffffff",
    ]);
    const file = join(bundle.path, "config.json");
    const rules = `"syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO",
      "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]`;
    writeFileSync(file, readFileSync(file, "utf8").replace('"syscalls": []', rules));
    for (const runtime of [tsrun, tsrun, runc, crun])
      assert.deepEqual(
        endOf(run(bundle.path, runtime)),
        { lines: ["getppid errno 1", "getppid ok"], status: 0 },
        runtime.name,
      );
  });
});

describe("the other ABIs of x86_64", { ...X86, ...needsCompiler }, () => {
  /** The number of getppid, which differs. */
  const calls = ["call:getppid", "i386:64"];

  test("a filter that is not for them kills who uses them", () => {
    const { path } = callsBundle(allowBut(rule("SCMP_ACT_ERRNO", ["getppid"])), calls);
    for (const runtime of [tsrun, runc, crun])
      assert.deepEqual(
        endOf(run(path, runtime)),
        { lines: ["getppid errno 1"], status: 128 + 31 },
        runtime.name,
      );
  });

  test("a filter that is for them has the same rules for them", () => {
    const seccomp = {
      ...allowBut(rule("SCMP_ACT_ERRNO", ["getppid"], { errnoRet: 28 })),
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    };
    const { path } = callsBundle(seccomp, [...calls, "x32:getppid"]);
    for (const runtime of [tsrun, runc, crun])
      assert.deepEqual(
        endOf(run(path, runtime)),
        { lines: ["getppid errno 28", "64 errno 28", "getppid errno 28"], status: 0 },
        runtime.name,
      );
  });
});

/** What the kernel says of the process: lines of /proc/self/status. */
const STATUS = "grep -E '^(Cap|NoNewPrivs|Seccomp|Seccomp_filters)' /proc/self/status";

const shown = (options: BundleOptions, runtime: Runtime): string =>
  succeeded(run(shellBundle(STATUS, options).path, runtime), runtime.name).stdout;

describe("loading takes no privilege from the program and leaves it none", () => {
  const all = ["CAP_SYS_ADMIN", "CAP_KILL", "CAP_SETPCAP"];
  const EDITS: [string, (config: Config) => void][] = [
    ["root", () => {}],
    [
      "a user",
      (config) => {
        config.process.user = { uid: 1000, gid: 1000 };
      },
    ],
    [
      "root with CAP_SYS_ADMIN",
      (config) => {
        config.process.capabilities = { bounding: all, effective: all, permitted: all };
      },
    ],
    [
      "a user with CAP_SYS_ADMIN, ambient",
      (config) => {
        config.process.user = { uid: 1000, gid: 1000 };
        config.process.capabilities = {
          ...{ bounding: all, effective: all, permitted: all },
          ...{ inheritable: all, ambient: all },
        };
      },
    ],
    [
      "a user whose ambient set has what is not permitted",
      (config) => {
        config.process.user = { uid: 1000, gid: 1000 };
        config.process.capabilities = {
          ...{ bounding: all, effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
          ...{ inheritable: all, ambient: ["CAP_KILL"] },
        };
      },
    ],
    [
      "root without any",
      (config) => {
        config.process.capabilities = {};
      },
    ],
    ["root of a user namespace", addUserNamespace],
  ];
  for (const noNewPrivileges of [true, false])
    for (const [who, edit] of EDITS)
      test(`${who}, ${noNewPrivileges ? "with" : "without"} no_new_privs`, () => {
        const options = {
          edit: (config: Config) => {
            config.process.noNewPrivileges = noNewPrivileges;
            config.linux.seccomp = allowBut(rule("SCMP_ACT_ERRNO", ["reboot"]));
            edit(config);
          },
        };
        const ours = shown(options, tsrun);
        assert.match(ours, /^Seccomp:\t2$/m);
        assert.match(ours, /^Seccomp_filters:\t1$/m);
        assert.match(ours, new RegExp(`^NoNewPrivs:\\t${Number(noNewPrivileges)}$`, "m"));
        for (const peer of [runc, crun]) assert.equal(ours, shown(options, peer), peer.name);
      });
});

test("an ordinary user's container has the filter, and the user a cache", () => {
  for (const noNewPrivileges of [true, false]) {
    const { path } = shellBundle(STATUS, {
      edit: (config) => {
        makeRootless(config);
        config.process.noNewPrivileges = noNewPrivileges;
        config.linux.seccomp = allowBut(rule("SCMP_ACT_ERRNO", ["reboot"]));
      },
    });
    giveFolders(path);
    const [ours, theirs] = [tsrun, runc].map(
      (runtime) => succeeded(run(path, asUser(runtime)), runtime.name).stdout,
    );
    assert.match(ours as string, /^Seccomp:\t2$/m);
    assert.equal(ours, theirs);
  }
  const cache = join(runtimeDirectory, "tsrun/@seccomp");
  assert.equal(statSync(cache).uid, USER);
  assert.equal(readdirSync(cache).length, 1);
});

test("a profile needs to allow nothing but execve, with and without no_new_privs", () => {
  for (const noNewPrivileges of [true, false]) {
    const { path } = makeBundle(["/bin/true"], {
      edit: (config) => {
        config.process.noNewPrivileges = noNewPrivileges;
        config.linux.seccomp = {
          defaultAction: "SCMP_ACT_KILL_PROCESS",
          syscalls: [rule("SCMP_ACT_ALLOW", ["execve"])],
        };
      },
    });
    // The program was started, and its first call has killed it.
    assert.deepEqual(endOf(run(path)), { lines: [""], status: 128 + 31 });
  }
});

test("startContainer hooks run without the filter", () => {
  const { path, rootfs } = makeBundle(["/bin/true"], {
    edit: (config) => {
      config.root.readonly = false;
      config.hooks = {
        startContainer: [
          { path: "/bin/sh", args: ["sh", "-c", "/bin/grep Seccomp: /proc/self/status > /seen"] },
        ],
      };
      config.linux.seccomp = allowBut(rule("SCMP_ACT_KILL_PROCESS", ["openat", "open", "read"]));
    },
  });
  run(path);
  assert.equal(readFileSync(join(rootfs, "seen"), "utf8"), "Seccomp:\t0\n");
});

describe("the flags that the filter is loaded with", () => {
  const FLAGS: [string[] | undefined, string][] = [
    [undefined, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
    [[], "0"],
    [["SECCOMP_FILTER_FLAG_TSYNC"], "0"],
    [["SECCOMP_FILTER_FLAG_LOG"], "SECCOMP_FILTER_FLAG_LOG"],
    [
      ["SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG"],
      "SECCOMP_FILTER_FLAG_LOG|SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    ],
  ];
  for (const [flags, expected] of FLAGS)
    test(flags ? `${flags.join(", ") || "none"}` : "by default", () => {
      const { path, config } = makeBundle(["/bin/true"], {
        edit: (config) => {
          config.linux.seccomp = { ...allowBut(), ...(flags ? { flags } : {}) };
        },
      });
      assert.ok(config.linux.seccomp);
      const log = join(path, "strace");
      const traced = new Runtime("tsrun", [
        ...["strace", "-f", "-qq", "-e", "trace=seccomp", "-o", log, tsrunPath],
      ]);
      succeeded(run(path, traced));
      // libseccomp asks the kernel for its flags without a filter.
      const loads = readFileSync(log, "utf8").match(/SECCOMP_SET_MODE_FILTER, [^,]+, \{len/g);
      assert.deepEqual(loads, [`SECCOMP_SET_MODE_FILTER, ${expected}, {len`]);
    });
});

describe("a program that cannot be executed behind a filter is an error", () => {
  const allowing = (...names: string[]): Seccomp => ({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [rule("SCMP_ACT_ALLOW", names)],
  });
  const bundleOf = (seccomp: Seccomp) =>
    makeBundle(["/bin/script"], {
      prepare: (rootfs) =>
        writeFileSync(join(rootfs, "bin/script"), "#!/nowhere/sh\n", { mode: 0o755 }),
      edit: (config) => {
        config.linux.seccomp = seccomp;
      },
    });
  const told = /executing \/bin\/script: no such file or directory \(ENOENT\).*\/process\/args\/0/;
  const silent = /executing the program, and the seccomp filter keeps the reason back/;
  const FILTERS: [string, Seccomp, RegExp][] = [
    ["that allows everything", allowBut(), told],
    ["that allows write", allowing("execve", "write", "exit_group"), told],
    ["that allows sendmsg", allowing("execve", "sendmsg", "exit_group"), told],
    ["that allows no more than execve and the end", allowing("execve", "exit_group"), silent],
    ["that allows no more than execve", allowing("execve"), silent],
    ["that kills", { ...allowing("execve"), defaultAction: "SCMP_ACT_KILL_PROCESS" }, silent],
  ];
  for (const [what, seccomp, message] of FILTERS) {
    const bundle = bundleOf(seccomp);
    test(`${what}: of run`, () => {
      leavesNothing(() => failed(run(bundle.path), message));
    });

    test(`${what}: of start`, () => {
      const id = newId();
      succeeded(tsrun.call(["create", "--bundle", bundle.path, id]));
      failed(tsrun.call(["start", id]), message);
      succeeded(tsrun.call(["delete", "--force", id]));
    });
  }
});

describe("what cannot be done is refused before anything is made", () => {
  const FAULTS: [string, Seccomp, RegExp][] = [
    [
      "an errno for an action without one",
      { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 },
      /SCMP_ACT_ALLOW returns no errno.*\/linux\/seccomp\/defaultErrnoRet/,
    ],
    [
      "a seventh argument",
      allowBut(
        rule("SCMP_ACT_ERRNO", ["read"], { args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] }),
      ),
      /no argument 6.*\/linux\/seccomp\/syscalls\/0\/args\/0\/index/,
    ],
    [
      "no execve",
      { defaultAction: "SCMP_ACT_ERRNO" },
      /lets no container start: it refuses execve.*\/linux\/seccomp/,
    ],
    [
      "a listener without a path",
      allowBut(rule("SCMP_ACT_NOTIFY", ["mkdirat"])),
      /SCMP_ACT_NOTIFY needs a listener.*\/linux\/seccomp\/listenerPath/,
    ],
    [
      "metadata for no listener",
      { ...allowBut(), listenerMetadata: "m" },
      /listenerMetadata is for a listener.*\/linux\/seccomp\/listenerMetadata/,
    ],
    [
      "an architecture of the other byte order",
      { ...allowBut(), architectures: ["SCMP_ARCH_S390X"] },
      /system calls of s390x.*EDOM.*\/linux\/seccomp\/architectures\/0.*byte order/,
    ],
    [
      "an unknown flag",
      { ...allowBut(), flags: ["SECCOMP_FILTER_FLAG_NONE"] },
      /\/linux\/seccomp\/flags\/0/,
    ],
  ];
  for (const [what, seccomp, message] of FAULTS)
    test(what, () => {
      const { path } = makeBundle(["/bin/true"], {
        edit: (config) => {
          config.linux.seccomp = seccomp;
        },
      });
      leavesNothing(() => failed(run(path), message));
    });
});

/** Numbers of x86_64 that would end, stop or fork the program, or change what it may do. */
const HARMFUL = new Set([
  // read, select, rt_sigreturn, pause, clone, fork, vfork, execve, exit, ptrace, rt_sigsuspend
  ...[0, 15, 23, 34, 56, 57, 58, 59, 60, 101, 130],
  // exit_group, epoll_pwait, pselect6, ppoll, seccomp, execveat; uretprobe and uprobe, which filters do not concern
  ...[231, 281, 270, 271, 317, 322, 335, 336],
]);

/** The newest call that runc's libseccomp of Debian 12 knows and whose number is told here. */
const NEWEST = 439;

/** An engine's kind of profile: two thirds of all calls that tsrun's own tables know, and some by their arguments. */
function engineLike(): Seccomp {
  const random = sequence(439);
  const known = Object.entries(abi)
    .filter(([name, number]) => /^SYS_/.test(name) && (number as number) <= NEWEST)
    .map(([name]) => name.slice("SYS_".length));
  const names = known.filter(() => random(3) > 0);
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [
      rule("SCMP_ACT_ALLOW", [...new Set([...names, ...C_PROGRAM, ...RUNC, "faccessat2"])]),
      rule("SCMP_ACT_ERRNO", ["clone3"], { errnoRet: 38 }),
      rule("SCMP_ACT_ALLOW", ["socket"], {
        args: [{ index: 0, value: 40, op: "SCMP_CMP_NE" }],
      }),
      rule("SCMP_ACT_ALLOW", ["personality"], {
        args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }],
      }),
    ],
  };
}

test("of all calls of x86_64, an engine's kind of profile allows those that it allows under runc", {
  ...X86,
  ...needsCompiler,
}, () => {
  const numbers = Array.from({ length: 470 }, (_, number) => number);
  const calls = numbers
    .filter((number) => !HARMFUL.has(number))
    .map((number) => `call:${number}`)
    // The first argument is a descriptor in many, and 0 would close the standard input for what follows.
    .map((call) => `${call}:99`);
  const { path } = callsBundle(engineLike(), [
    ...calls,
    ...["call:socket:40", "call:socket:2:1", "call:personality:8", "call:personality:7"],
  ]);
  const [ours, theirs] = [tsrun, runc].map((runtime) => endOf(run(path, runtime)));
  assert.ok((ours?.lines.length ?? 0) > 450, `${ours?.lines.length} calls`);
  assert.deepEqual(ours, theirs);
  const count = (end: RegExp) => ours?.lines.filter((line) => end.test(line)).length ?? 0;
  const counts = { ok: count(/ok$/), EPERM: count(/ 1$/), ENOSYS: count(/ 38$/) };
  assert.ok(counts.ok > 15 && counts.EPERM > 60 && counts.ENOSYS > 20, JSON.stringify(counts));
});
