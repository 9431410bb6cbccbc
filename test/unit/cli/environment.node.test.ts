/** What the environment decides: $XDG_RUNTIME_DIR for users, descriptors that systemd passes. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { record } from "./recorder.ts";
import { newDirectory } from "./scratch.ts";

const NOBODY = 65534;

afterEach(() => {
  for (const name of ["XDG_RUNTIME_DIR", "LISTEN_FDS", "LISTEN_PID"]) delete process.env[name];
});

function setEnvironment(name: string, value: string): void {
  process.env[name] = value;
}

/** As a user who is not root. */
function unprivileged<T>(step: () => T): T {
  const user = process.geteuid?.();
  if (user === 0) process.seteuid?.(NOBODY);
  try {
    return step();
  } finally {
    if (user === 0) process.seteuid?.(0);
  }
}

test("a user's containers are below $XDG_RUNTIME_DIR, safe from being cleaned up", () => {
  const dir = newDirectory();
  chmodSync(dir, 0o777);
  setEnvironment("XDG_RUNTIME_DIR", dir);
  for (let i = 0; i < 2; i++) {
    const { context, stderr } = unprivileged(() => record(["state", "c"]));
    assert.equal(stderr, "");
    assert.equal(context?.root, join(dir, "tsrun"));
  }
  assert.equal(statSync(join(dir, "tsrun")).mode & 0o7777, 0o1700);
});

test("--root goes before $XDG_RUNTIME_DIR", () => {
  setEnvironment("XDG_RUNTIME_DIR", "/no/such/directory");
  assert.equal(unprivileged(() => record(["--root", "/r", "state", "c"])).context?.root, "/r");
});

test("a $XDG_RUNTIME_DIR that is not there is an error that says so", () => {
  setEnvironment("XDG_RUNTIME_DIR", "/no/such/directory");
  const { status, stderr } = unprivileged(() => record(["state", "c"]));
  assert.equal(status, 1);
  assert.match(stderr, /\/no\/such\/directory\/tsrun.*ENOENT.*XDG_RUNTIME_DIR.*--root/);
});

test("others' directories, or those that others may write to, are not for a user's containers", () => {
  const makers: [what: string, make: (path: string) => void][] = [
    ["another user's", (path) => mkdirSync(path, 0o755)],
    [
      "open to all",
      (path) => {
        mkdirSync(path);
        chownSync(path, NOBODY, NOBODY);
        chmodSync(path, 0o777);
      },
    ],
    ["a link", (path) => symlinkSync("/", path)],
  ];
  for (const [what, make] of makers) {
    const dir = newDirectory();
    chmodSync(dir, 0o777);
    make(join(dir, "tsrun"));
    setEnvironment("XDG_RUNTIME_DIR", dir);
    const { status, stderr } = unprivileged(() => record(["state", "c"]));
    assert.equal(status, 1, what);
    assert.match(stderr, /\/tsrun is not a directory that is yours alone; .*XDG_RUNTIME_DIR/, what);
  }
});

test("a relative $XDG_RUNTIME_DIR counts as none", () => {
  setEnvironment("XDG_RUNTIME_DIR", "relative");
  assert.equal(unprivileged(() => record(["state", "c"])).context?.root, "/run/tsrun");
});

/** Runs with as many descriptors open from 3 on. */
function withOpen<T>(count: number, step: () => T): T {
  const opened: number[] = [];
  for (let fd = 3; fd < 3 + count; fd++) if (!isOpen(fd)) opened.push(openSync("/dev/null", "r"));
  try {
    return step();
  } finally {
    opened.forEach(closeSync);
  }
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

const preserved = (argv: string[]): unknown => {
  const [call] = withOpen(5, () => record(argv)).calls;
  return (call?.[1] as { preserveFds: number } | undefined)?.preserveFds;
};

test("--preserve-fds counts on from what systemd passes to this process", () => {
  assert.equal(preserved(["run", "--preserve-fds", "2", "c"]), 2);
  setEnvironment("LISTEN_FDS", "3");
  assert.equal(preserved(["run", "c"]), 0);
  setEnvironment("LISTEN_PID", "1");
  assert.equal(preserved(["run", "c"]), 0);
  setEnvironment("LISTEN_PID", String(process.pid));
  assert.equal(preserved(["run", "c"]), 3);
  assert.equal(preserved(["create", "--preserve-fds=2", "c"]), 5);
});

test("a $LISTEN_FDS that is no number is refused", () => {
  setEnvironment("LISTEN_FDS", "some");
  setEnvironment("LISTEN_PID", String(process.pid));
  assert.match(record(["run", "c"]).stderr, /LISTEN_FDS is "some"/);
});
