/** Watching a group: killed processes, pressure, its end. */
import { EISDIR, ENODEV, O_RDONLY, POLLIN, POLLPRI } from "#abi";
import { unless } from "../../linux/errno.ts";
import { close, findAt, openAt, rereadText } from "../../linux/fs.ts";
import { poll } from "../../linux/signals.ts";
import { openTimer, readTimer } from "../../linux/timer.ts";
import { type Count, parseKeyed } from "./formats.ts";
import { openTrigger, type PressureTrigger, parsePressure, type Stall } from "./pressure.ts";

type GroupEvent =
  /** The time has come round. */
  | { type: "interval" }
  /** The kernel has killed a process, or several, of the group or of one below it, for want of memory. */
  | { type: "oom" }
  | { type: "pressure"; trigger: PressureTrigger; stall: Stall };

/** The kernel puts off the news that follows other within ten milliseconds, and forgets it if the group goes first. */
const LOOK_AGAIN_MS = 1000;

export interface Watch {
  /** Nanoseconds. */
  interval: bigint;
  triggers: readonly PressureTrigger[];
}

/**
 * Tells what happens in a group from now on, until no process is left in it. Without the memory controller it hears of
 * no killing. Throws a Failure for a trigger that the kernel does not take.
 */
export function* watchGroup(group: number, { interval, triggers }: Watch): Generator<GroupEvent> {
  const opened: number[] = [];
  const keep = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  try {
    const life = keep(openAt(group, "cgroup.events", O_RDONLY));
    const timer = keep(openTimer(interval));
    const stalls = new Map(triggers.map((trigger) => [keep(openTrigger(group, trigger)), trigger]));
    const memory = findAt(group, "memory.events", O_RDONLY);
    const kills = memory === undefined ? undefined : new KillCounter(keep(memory));
    for (;;) {
      // In this order: the kernel counts a kill before the process ends, and with the last one the watch is over.
      const isOver = reread(life, parseKeyed)?.["populated"] !== 1;
      if (kills?.hasGrown()) yield { type: "oom" };
      if (isOver) return;
      const files = [life, ...(kills?.watched() ?? []), ...stalls.keys()];
      const watched = files.map((fd) => ({ fd, events: POLLPRI }));
      const ready = poll([{ fd: timer, events: POLLIN }, ...watched], LOOK_AGAIN_MS).map(
        ({ fd }) => fd,
      );
      if (ready.includes(timer) && readTimer(timer) > 0n) yield { type: "interval" };
      yield* stallsAmong(ready, stalls);
    }
  } finally {
    opened.forEach(close);
  }
}

/** Triggers whose file is gone, since somebody switched cgroup.pressure off, leave `stalls`. */
function* stallsAmong(
  ready: readonly number[],
  stalls: Map<number, PressureTrigger>,
): Generator<GroupEvent> {
  for (const fd of ready) {
    const trigger = stalls.get(fd);
    const stall = trigger && reread(fd, parsePressure)?.[trigger.kind];
    if (trigger && stall) yield { type: "pressure", trigger, stall };
    else stalls.delete(fd);
  }
}

/** How many processes of a group the kernel has killed for want of memory. */
class KillCounter {
  readonly #events: number;
  /** Undefined once the file is gone: the group has lost the controller, or is gone itself. */
  #kills: Count | undefined;

  /** `events` is memory.events, opened. */
  constructor(events: number) {
    this.#events = events;
    this.#kills = this.#read();
  }

  /** Since this was asked last. */
  hasGrown(): boolean {
    const before = this.#kills;
    if (before === undefined) return false;
    this.#kills = this.#read();
    return this.#kills !== undefined && this.#kills > before;
  }

  /** The files to wait for. */
  watched(): number[] {
    return this.#kills === undefined ? [] : [this.#events];
  }

  #read(): Count | undefined {
    return reread(this.#events, parseKeyed)?.["oom_kill"];
  }
}

/**
 * What a file says now, of which poll(2) tells that it has changed since it was read; undefined if the file is gone,
 * or a group below has its name.
 */
const reread = <T>(fd: number, parse: (text: string) => T): T | undefined =>
  unless([ENODEV, EISDIR], () => parse(rereadText(fd)));
