/**
 * tsrun, an OCI container runtime, for front-ends in Node.js.
 *
 * @packageDocumentation
 */
export type * from "@opencontainers-types";
export type { Count, Keyed, Limit } from "../cgroup/statistics/formats.ts";
export type {
  Pressure,
  PressureKind,
  PressureResource,
  Stall,
} from "../cgroup/statistics/pressure.ts";
export type {
  HugetlbUsage,
  MemoryStatistics,
  RdmaLimits,
  Statistics,
  Usage,
} from "../cgroup/statistics/statistics.ts";
export type { Bundle } from "../runtime/bundle.ts";
export type { CgroupManager } from "../runtime/context.ts";
export type { ContainerEvent, PressureEvent } from "../runtime/events.ts";
export type { RuncStatistics } from "../runtime/runcStatistics.ts";
export type { ContainerState as ContainerDescription } from "../runtime/state.ts";
export type { ContainerStatus } from "../runtime/status.ts";
export { checkBundle, checkConfig, stringifyConfig } from "./checks.ts";
export {
  BinaryError,
  ConfigError,
  ContainerExistsError,
  ContainerStatusError,
  type Fault,
  NoContainerError,
  RuntimeError,
} from "./errors.ts";
export { AttachedProcess, ContainerProcess, type ExitStatus, type Signal } from "./handle.ts";
export {
  type CallOptions,
  type CheckpointOptions,
  type CreateOptions,
  type EventsOptions,
  type ExecOptions,
  type ImageOptions,
  type MakingOptions,
  type ProcessChanges,
  type RestoreOptions,
  type RunOptions,
  Runtime,
  type RuntimeOptions,
  type StreamOptions,
  type UpdateOptions,
  type Version,
} from "./runtime.ts";
export type { Input, Output, Stdio } from "./stdio.ts";
export { Terminal, type TerminalSize } from "./terminal.ts";
