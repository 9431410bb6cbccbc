/** The log file that engines read a failure's reason from, in the forms in which runc (logrus) writes it. */
import { AT_FDCWD, O_APPEND, O_CREAT, O_SYNC, O_WRONLY } from "#abi";
import { stringifyJson } from "../../spec/json.ts";
import { Failure, type FailureData } from "../failure.ts";
import { writeText } from "../linux/fs.ts";
import type { Output } from "./command.ts";
import type { GlobalFlags } from "./globals.ts";

export type Level = "error" | "warning" | "debug";

export interface Log {
  /** Makes the file if it is not there. Throws a Failure. */
  open: () => void;
  /** Whether it is the standard error: nothing is said there in another form then. */
  isStandardError: boolean;
  /** Appends a line; as JSON also with the parts of the error. Throws a Failure. */
  append: (level: Level, message: string, error?: FailureData) => void;
}

const LOG_MODE = 0o644;

/** The log that `--log`, `--log-format` and `--debug` ask for, if any: without a file it is the standard error, as runc's. */
export function toLog(
  { log: path, logFormat, debug }: GlobalFlags,
  output: Output,
): Log | undefined {
  const format = logFormat === "json" ? "json" : "text";
  const line: (...parts: Parameters<Log["append"]>) => string = (level, message, error) =>
    logLine(format, level, message, new Date(), error);
  if (!path) {
    if (format === "text" && !debug) return undefined;
    const append: Log["append"] = (...parts) => output.writeError(line(...parts));
    return { open: () => {}, isStandardError: true, append };
  }
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
    isStandardError: false,
    append: (level, message, error) => append(line(level, message, error)),
  };
}

/** `error` is for programs that do more with it than show it; logrus's readers pass over what they do not know. */
export function logLine(
  format: "text" | "json",
  level: Level,
  msg: string,
  date: Date,
  error?: FailureData,
): string {
  // RFC 3339 without fractions, in UTC.
  const time = date.toISOString().replace(/\.\d+/, "");
  return format === "json"
    ? `${stringifyJson({ level, msg, time, error })}\n`
    : `time="${time}" level=${level} msg=${JSON.stringify(msg)}\n`;
}
