/** The log file that engines read a failure's reason from, in the forms in which runc (logrus) writes it. */
import { AT_FDCWD, O_APPEND, O_CREAT, O_SYNC, O_WRONLY } from "#abi";
import { Failure } from "../failure.ts";
import { writeText } from "../linux/fs.ts";
import type { GlobalFlags } from "./globals.ts";

export type Level = "error" | "warning";

export interface Log {
  /** Makes the file if it is not there. Throws a Failure. */
  open: () => void;
  /** Appends a line. Throws a Failure. */
  append: (level: Level, message: string) => void;
}

const LOG_MODE = 0o644;

/** The log that `--log` and `--log-format` ask for, if any. Throws a Failure for an unknown format. */
export function toLog({ log: path, logFormat: format = "text" }: GlobalFlags): Log | undefined {
  if (format !== "text" && format !== "json")
    throw new Failure(`--log-format is ${JSON.stringify(format)}: expected text or json`);
  if (!path) return undefined;
  // Opened anew for every line: no descriptor of the log is ever open while a container is made.
  const append = (text: string): void => {
    try {
      writeText(path, text, O_CREAT | O_WRONLY | O_APPEND | O_SYNC, AT_FDCWD, LOG_MODE);
    } catch (error) {
      throw new Failure(`writing the log ${path}`, { cause: error });
    }
  };
  return {
    open: () => append(""),
    append: (level, message) => append(logLine(format, level, message, new Date())),
  };
}

export function logLine(format: "text" | "json", level: Level, msg: string, date: Date): string {
  // RFC 3339 without fractions, in UTC.
  const time = date.toISOString().replace(/\.\d+/, "");
  return format === "json"
    ? `${JSON.stringify({ level, msg, time })}\n`
    : `time="${time}" level=${level} msg=${JSON.stringify(msg)}\n`;
}
