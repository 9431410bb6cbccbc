import { deepEqual, equal, notDeepEqual, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  CS8,
  CSIZE,
  ECHO,
  F_GETFD,
  FD_CLOEXEC,
  ICANON,
  ICRNL,
  ISIG,
  O_NOCTTY,
  O_RDONLY,
  O_RDWR,
  OPOST,
  PARENB,
  STRUCT_termios,
  SYS_read,
  VMIN,
  VTIME,
} from "#abi";
import { syscall } from "#host";
import { close, fcntl, memfd, open, stat, using, writeAll } from "../../../src/linux/fs.ts";
import {
  getTermios,
  getWindowSize,
  isInForeground,
  isTerminal,
  openPeer,
  rawOutput,
  rawTermios,
  setTermios,
  setWindowSize,
  type Termios,
} from "../../../src/linux/tty.ts";

function withPty(use: (master: number, slave: number) => void): void {
  const master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  const slave = openPeer(master);
  try {
    use(master, slave);
  } finally {
    close(slave);
    close(master);
  }
}

function readSome(fd: number): string {
  const bytes = new Uint8Array(100);
  const length = syscall(SYS_read, fd, bytes, bytes.length);
  ok(length > 0);
  return new TextDecoder().decode(bytes.subarray(0, length));
}

type Flags = keyof typeof STRUCT_termios.members;

/** A member of struct termios, by the headers' own layout. */
const flags = (settings: Termios, name: Flags): number =>
  new DataView(settings.buffer).getUint32(STRUCT_termios.members[name].offset, true);

const settingsOf = (fd: number): Termios => getTermios(fd) as Termios;

test("both ends of a pty are terminals, other files are none", () => {
  withPty((master, slave) => {
    equal(fcntl(slave, F_GETFD), FD_CLOEXEC);
    ok(isTerminal(slave));
    ok(isTerminal(master));
    equal(stat(slave).rdev.major, 136);
  });
  const others = [memfd("none", 0), open("/dev/null", O_RDONLY), open("/", O_RDONLY)];
  for (const fd of others)
    using(fd, () => {
      ok(!isTerminal(fd));
      equal(getTermios(fd), undefined);
      equal(getWindowSize(fd), undefined);
      throws(() => openPeer(fd), { code: "ENOTTY" });
      throws(() => setWindowSize(fd, { rows: 1, columns: 1 }), { code: "ENOTTY" });
    });
  ok(!isTerminal(99999));
  throws(() => getTermios(99999), { code: "EBADF", call: "ioctl(TCGETS)" });
});

test("raw is what cfmakeraw(3) makes of it", () => {
  withPty((_, slave) => {
    const cooked = settingsOf(slave);
    cooked[STRUCT_termios.members.c_cc.offset + VMIN] = 5;
    cooked[STRUCT_termios.members.c_cc.offset + VTIME] = 7;
    const before = cooked.slice();
    const raw = rawTermios(cooked);
    deepEqual(cooked, before);
    notDeepEqual(raw, cooked);
    equal(flags(raw, "c_lflag") & (ECHO | ICANON | ISIG), 0);
    equal(flags(raw, "c_iflag") & ICRNL, 0);
    equal(flags(raw, "c_oflag") & OPOST, 0);
    equal(flags(raw, "c_cflag") & (CSIZE | PARENB), CS8);
    // What cfmakeraw does not name stays, and so do the other control characters.
    equal(flags(raw, "c_cflag") & ~(CSIZE | PARENB), flags(cooked, "c_cflag") & ~(CSIZE | PARENB));
    const { c_line, c_cc } = STRUCT_termios.members;
    equal(raw[c_line.offset], cooked[c_line.offset]);
    const expected = cooked.slice(c_cc.offset);
    expected[VMIN] = 1;
    expected[VTIME] = 0;
    deepEqual(raw.subarray(c_cc.offset), expected);
    deepEqual(rawTermios(raw), raw);

    setTermios(slave, raw);
    deepEqual(settingsOf(slave), raw);
    setTermios(slave, cooked);
    deepEqual(settingsOf(slave), cooked);
  });
});

test("raw output leaves what is typed to the terminal", () => {
  withPty((master, slave) => {
    const cooked = settingsOf(slave);
    const raw = rawOutput(cooked);
    equal(flags(raw, "c_oflag"), flags(cooked, "c_oflag") & ~OPOST);
    for (const field of ["c_iflag", "c_lflag", "c_cflag"] as const)
      equal(flags(raw, field), flags(cooked, field));
    setTermios(slave, raw);
    writeAll(slave, "c\n");
    equal(readSome(master), "c\n");
    writeAll(master, "d\r");
    equal(readSome(slave), "d\n");
  });
});

test("a terminal that is not the caller's own has no background", () => {
  withPty((_, slave) => ok(isInForeground(slave)));
});

test("a raw terminal passes bytes as they are, a cooked one does not", () => {
  withPty((master, slave) => {
    writeAll(slave, "a\n");
    equal(readSome(master), "a\r\n");
    writeAll(master, "b\r");
    equal(readSome(slave), "b\n");
    equal(readSome(master), "b\r\n");
    setTermios(slave, rawTermios(settingsOf(slave)));
    writeAll(slave, "c\n");
    equal(readSome(master), "c\n");
    writeAll(master, "d\r\u0003\u0004");
    equal(readSome(slave), "d\r\u0003\u0004");
  });
});

test("the size of the window is that of both ends", () => {
  withPty((master, slave) => {
    deepEqual(getWindowSize(slave), { rows: 0, columns: 0 });
    setWindowSize(master, { rows: 24, columns: 80 });
    deepEqual(getWindowSize(slave), { rows: 24, columns: 80 });
    setWindowSize(slave, { rows: 65535, columns: 1 });
    deepEqual(getWindowSize(master), { rows: 65535, columns: 1 });
  });
});
