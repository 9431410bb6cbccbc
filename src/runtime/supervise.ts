/** The foreground of `run`: waits for the container's process, passing on signals and the terminal's bytes. */
import { POLLIN, SIGCHLD, SIGCONT, SIGWINCH } from "#abi";
import { load } from "#host";
import { type Child, type Ending, getpid, reapUpTo, sendSignal, wait } from "../linux/process.ts";
import { openSignals, poll, readSignal, type Watched } from "../linux/signals.ts";
import type { CallersTerminal } from "./callersTerminal.ts";
import type { Readiness } from "./notifySocket.ts";
import type { Shown, Typed } from "./relay.ts";

/** A process in the foreground, and what is between it and its caller. */
interface Supervision {
  child: Child;
  signals: number;
  screen: Screen | undefined;
  readiness: Readiness | undefined;
}

/** What a process with a terminal has in the foreground. */
interface Screen {
  callers: CallersTerminal;
  typed: Typed;
  shown: Shown;
}

/**
 * Waits until the process has ended. `terminal` is the master of its terminal, if it has one; `readiness` is passed on, if
 * somebody waits for it.
 */
export function supervise(
  child: Child,
  terminal: number | undefined,
  readiness?: Readiness | undefined,
): Ending {
  const screen = terminal === undefined ? undefined : openScreen(terminal);
  const supervision = { child, signals: openSignals(), screen, readiness };
  try {
    screen?.callers.take();
    attend(supervision);
    const ending = wait(child.pidfd) as Ending;
    if (screen) showRest(supervision, screen.shown);
    return ending;
  } finally {
    screen?.callers.giveBack();
  }
}

function openScreen(master: number): Screen {
  const { CallersTerminal, streamWithoutWaits } = load(import("./callersTerminal.ts"));
  const { Shown, Typed } = load(import("./relay.ts"));
  return {
    callers: new CallersTerminal(master),
    typed: new Typed(streamWithoutWaits(0), master),
    shown: new Shown(master, streamWithoutWaits(1)),
  };
}

/** Until the process has ended. */
function attend(supervision: Supervision): void {
  const { child, signals, screen } = supervision;
  for (;;) {
    if (passSignalsOn(supervision)) screen?.callers.goOn();
    // Whatever has come meanwhile comes first.
    if (screen?.callers.stop()) continue;
    const moving = movingIn(supervision);
    const ready = awaitAny(
      [watched(child.pidfd), watched(signals), ...moving.flatMap((each) => each.watched())],
      screen && shortest(screen.callers.pause, screen.typed.pause, screen.shown.pause),
    );
    for (const each of moving) each.move(ready);
    if (ready.has(child.pidfd)) return;
    if (screen?.callers.isInBackground) screen.callers.take();
  }
}

function movingIn({ screen, readiness }: Supervision): (Typed | Shown | Readiness)[] {
  return [
    ...(screen && !screen.callers.isInBackground ? [screen.typed] : []),
    ...(screen ? [screen.shown] : []),
    ...(readiness ? [readiness] : []),
  ];
}

function shortest(...pauses: (number | undefined)[]): number | undefined {
  const known = pauses.filter((pause) => pause !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

const watched = (fd: number): Watched => ({ fd, events: POLLIN });

const awaitAny = (all: readonly Watched[], timeout?: number): ReadonlySet<number> =>
  new Set(poll(all, timeout).map(({ fd }) => fd));

/**
 * What the process wrote last is still in its terminal. Whoever does not want to wait until somebody reads that sends a
 * signal: there is no process any more that it could be for.
 */
function showRest(supervision: Supervision, shown: Shown): void {
  const { signals } = supervision;
  shown.finish();
  while (!shown.isEmpty) {
    const ready = awaitAny([watched(signals), ...shown.watched()], shown.pause);
    shown.move(ready);
    if (ready.size === 1 && ready.has(signals) && passSignalsOn(supervision)) return;
  }
}

/** All signals but those that are for this process itself are for the container's. Returns whether there were such. */
function passSignalsOn({ child, signals, screen }: Supervision): boolean {
  let isPassedOn = false;
  for (let next = readSignal(signals); next !== undefined; next = readSignal(signals)) {
    const { signal, sender } = next;
    if (signal === SIGCHLD) reapUpTo(child);
    else if (signal === SIGWINCH && screen) screen.callers.resize();
    // SIGPIPE: what this process wrote is read by nobody any more.
    else if (sender !== getpid()) {
      sendSignal(child.pidfd, signal);
      isPassedOn ||= signal !== SIGCONT;
    }
    if (signal === SIGCONT) screen?.callers.resume();
  }
  return isPassedOn;
}
