/** Terminals and pseudo-terminals (pty(7), termios(3), ioctl_tty(2)). */

import {
  BRKINT,
  CS8,
  CSIZE,
  ECHO,
  ECHONL,
  ENOTTY,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNBRK,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IXON,
  O_CLOEXEC,
  O_NOCTTY,
  O_RDWR,
  OPOST,
  PARENB,
  PARMRK,
  SIGTTOU,
  SYS_getpgid,
  SYS_ioctl,
  TCGETS,
  TCSETS,
  TIOCGPGRP,
  TIOCGPTN,
  TIOCGPTPEER,
  TIOCGWINSZ,
  TIOCSCTTY,
  TIOCSPTLCK,
  TIOCSWINSZ,
  VMIN,
  VTIME,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { signalGroup } from "./process.ts";
import { withUnblocked } from "./signals.ts";
import { struct } from "./struct.ts";

/** The kernel's struct termios, without the line discipline's number and the control characters, which follow. */
const termios = struct({ iflag: "u32", oflag: "u32", cflag: "u32", lflag: "u32" });
const CONTROL_CHARACTERS = termios.size + 1;
const TERMIOS_SIZE = 64;

/** A terminal's settings, opaque, as `setTermios` takes them back. */
export type Termios = Uint8Array;

/** The settings of a terminal, or undefined if the descriptor is none. */
export function getTermios(fd: number): Termios | undefined {
  const settings = new Uint8Array(TERMIOS_SIZE);
  const result = syscall(SYS_ioctl, fd, TCGETS, settings);
  if (result === -ENOTTY) return undefined;
  check(result, "ioctl(TCGETS)", fd);
  return settings;
}

export const isTerminal = (fd: number): boolean =>
  syscall(SYS_ioctl, fd, TCGETS, new Uint8Array(TERMIOS_SIZE)) === 0;

export function setTermios(fd: number, settings: Termios): void {
  check(syscall(SYS_ioctl, fd, TCSETS, settings), "ioctl(TCSETS)", fd);
}

/** Whether the caller may change the terminal: a shell with job control has it in the foreground, or there is no such shell. */
export function isInForeground(fd: number): boolean {
  const group = new Int32Array(1);
  // ENOTTY: it is not the caller's controlling terminal. 0: it has no group in the foreground, or none that is seen here.
  if (syscall(SYS_ioctl, fd, TIOCGPGRP, group) < 0 || group[0] === 0) return true;
  return group[0] === syscall(SYS_getpgid, 0);
}

/** Whether it is the master of a pty, which has no path that leads to it again. */
export const isMaster = (fd: number): boolean =>
  syscall(SYS_ioctl, fd, TIOCGPTN, new Uint32Array(1)) === 0;

/**
 * Stops the caller's job, as a terminal does with one that wants it from the background (SIGTTOU), until a shell lets it go
 * on. Returns at once where no shell could (the process group is orphaned, setpgid(2)), or where SIGTTOU is ignored.
 */
export function stopInBackground(): void {
  withUnblocked(SIGTTOU, () => signalGroup(0, SIGTTOU));
}

/** The same settings made raw, as cfmakeraw(3) does: bytes pass through untouched, and each at once. */
export function rawTermios(settings: Termios): Termios {
  const raw = rawOutput(settings);
  raw[CONTROL_CHARACTERS + VMIN] = 1;
  raw[CONTROL_CHARACTERS + VTIME] = 0;
  change(raw, "iflag", IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  change(raw, "lflag", ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  change(raw, "cflag", CSIZE | PARENB, CS8);
  return raw;
}

/** The same settings, but what is shown passes through untouched. */
export function rawOutput(settings: Termios): Termios {
  const raw = settings.slice();
  change(raw, "oflag", OPOST);
  return raw;
}

function change(
  settings: Termios,
  field: "iflag" | "oflag" | "lflag" | "cflag",
  cleared: number,
  set = 0,
): void {
  const view = new DataView(settings.buffer);
  const offset = termios.offset(field);
  view.setUint32(offset, (view.getUint32(offset, true) & ~cleared) | set, true);
}

const NEWLINE = 0x0a;

/**
 * What a terminal's line discipline takes for the end of input after a last byte, if any: VEOF, control-D (termios(3)). After an
 * unfinished line the first one only sends that line on.
 */
export const endOfInput = (last: number | undefined): Uint8Array =>
  Uint8Array.from(last === undefined || last === NEWLINE ? [4] : [4, 4]);

export interface WindowSize {
  /** In characters. */
  rows: number;
  columns: number;
}

/** The size of a terminal, or undefined if the descriptor is none. */
export function getWindowSize(fd: number): WindowSize | undefined {
  const size = new Uint16Array(4);
  if (syscall(SYS_ioctl, fd, TIOCGWINSZ, size) < 0) return undefined;
  return { rows: size[0] as number, columns: size[1] as number };
}

export function setWindowSize(fd: number, { rows, columns }: WindowSize): void {
  check(
    syscall(SYS_ioctl, fd, TIOCSWINSZ, new Uint16Array([rows, columns, 0, 0])),
    "ioctl(TIOCSWINSZ)",
    fd,
  );
}

/** Makes a terminal as large as another one, if that is one. */
export function copyWindowSize(from: number, to: number): void {
  const size = getWindowSize(from);
  if (size) setWindowSize(to, size);
}

/** Unlocks a pty's other end and opens it by the master, with no path in between. */
export function openPeer(master: number): number {
  check(syscall(SYS_ioctl, master, TIOCSPTLCK, new Int32Array([0])), "ioctl(TIOCSPTLCK)", master);
  const flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  return check(syscall(SYS_ioctl, master, TIOCGPTPEER, flags), "ioctl(TIOCGPTPEER)", master);
}

/** Makes a terminal the controlling one of the calling session leader. */
export function setControllingTerminal(fd: number): void {
  check(syscall(SYS_ioctl, fd, TIOCSCTTY, 0), "ioctl(TIOCSCTTY)", fd);
}
