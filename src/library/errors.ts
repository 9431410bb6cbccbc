/** What goes wrong, as classes. */
import type { Fault } from "../../spec/checks.ts";
import { JsonError } from "../../spec/exactJson.ts";
import { FaultyDocumentError } from "../../spec/faults.ts";
import { Failure, type FailureKind } from "../failure.ts";
import { Errno } from "../linux/errno.ts";

export type { Fault };

/**
 * A call has failed. `message` is all of it as one line for people: what was being done and with which value, what the
 * kernel said, where in config.json that came from, and what to do.
 */
export class RuntimeError extends Error {
  override name = "RuntimeError";
  /** What was being done, and why it failed: the message without the pointer and the hint. */
  readonly reason: string;
  /** Where in config.json, or the document at hand, as a JSON pointer (RFC 6901) such as `/mounts/3/source`. */
  readonly pointer: string | undefined;
  /** What to do about it, where that is known. */
  readonly hint: string | undefined;
  /** What the kernel said (errno(3)), a positive number as in C. */
  readonly errno: number | undefined;
  /** The errno's name, such as `ENOENT`. */
  readonly code: string | undefined;

  /** @internal */
  constructor(failure: Failure, message: string = failure.message) {
    super(message, { cause: failure.cause });
    this.reason = failure.doing;
    this.pointer = failure.pointer ?? failure.faults[0]?.pointer;
    this.hint = failure.hint;
    this.errno = failure.errno;
    this.code = failure.code;
  }
}

/** There is no container with this id. */
export class NoContainerError extends RuntimeError {
  override name = "NoContainerError";
}

/** There is a container with this id already. */
export class ContainerExistsError extends RuntimeError {
  override name = "ContainerExistsError";
}

/** The container is not in the state that the call needs: only one that is created can be started. */
export class ContainerStatusError extends RuntimeError {
  override name = "ContainerStatusError";
}

/**
 * The bundle's config.json, or another document such as a process for `exec`, cannot be read, does not keep to the
 * specification, or asks for what cannot be done.
 */
export class ConfigError extends RuntimeError {
  override name = "ConfigError";
  /** Every departure from the schema; `pointer` is the first one's. Empty for what is wrong in another way. */
  readonly faults: readonly Fault[];

  /** @internal */
  constructor(failure: Failure, message?: string) {
    super(failure, message);
    this.faults = failure.faults;
  }
}

/** The tsrun binary is not there, cannot be run, or has ended without saying why. */
export class BinaryError extends RuntimeError {
  override name = "BinaryError";
}

const CLASSES: Readonly<Record<FailureKind, typeof RuntimeError>> = {
  "no-container": NoContainerError,
  "container-exists": ContainerExistsError,
  "container-status": ContainerStatusError,
  config: ConfigError,
};

/** The class that a failure is of. `message` is the whole one, where the failure has had to be cut. */
export function toRuntimeError(failure: Failure, message?: string): RuntimeError {
  const isOfDocument = failure.pointer !== undefined || failure.faults.length > 0;
  const kind = failure.kind ?? (isOfDocument ? "config" : undefined);
  return new (kind ? CLASSES[kind] : RuntimeError)(failure, message);
}

/** What the runtime or the kernel says as a RuntimeError; what else was thrown, such as an AbortSignal's reason, as it is. */
export function runtimeErrorOf(error: unknown): unknown {
  if (error instanceof Failure) return toRuntimeError(error);
  if (error instanceof Errno) return toRuntimeError(Failure.of(error));
  return isSystemError(error)
    ? toRuntimeError(new Failure(error.message, { errno: -error.errno }))
    : error;
}

/** Node's own, of a system call. */
const isSystemError = (error: unknown): error is NodeJS.ErrnoException & { errno: number } =>
  error instanceof Error &&
  "syscall" in error &&
  typeof (error as { errno?: unknown }).errno === "number";

/** Does a step of the runtime in this process; what is wrong with it becomes a RuntimeError. */
export function inProcess<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw runtimeErrorOf(error);
  }
}

/** The same where a document is read. */
export const reading = <T>(what: string, step: () => T): T =>
  inProcess(() => {
    try {
      return step();
    } catch (cause) {
      if (cause instanceof FaultyDocumentError || cause instanceof JsonError)
        throw new Failure(what, { cause, kind: "config" });
      throw cause;
    }
  });
