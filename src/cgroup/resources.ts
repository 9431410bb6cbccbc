/** `linux.resources` other than devices (config-linux.md, Control groups). */
import type { LinuxResources } from "@opencontainers-types";

/** Members in which 0 and -1 ask for nothing, as runc reads them: a new group has no limit. */
const AMOUNTS = ["memory", "cpu", "pids", "blockIO", "network"] as const;
/** Members whose every entry asks for something: a limit of 0 there is a limit. */
const ENTRIES = ["hugepageLimits", "rdma", "unified"] as const;

/**
 * JSON pointers of what a config asks for and this version does not do, for the caller to refuse rather than to ignore.
 * Engines write much that asks for nothing: null, "", false, 0, -1, empty lists and objects.
 */
export function unsupportedResources(resources: LinuxResources | null | undefined): string[] {
  const asked = [
    ...AMOUNTS.flatMap((name) => members(resources, name).filter(([, value]) => isAmount(value))),
    ...ENTRIES.flatMap((name) => members(resources, name).filter(([, value]) => value !== null)),
  ];
  return asked.map(([pointer]) => pointer);
}

/** The members of a member of `linux.resources`, by JSON pointer. */
const members = (
  resources: LinuxResources | null | undefined,
  name: keyof LinuxResources,
): [pointer: string, value: unknown][] =>
  Object.entries(resources?.[name] ?? {}).map(([key, value]) => [
    `/linux/resources/${name}/${escapeToken(key)}`,
    value,
  ]);

function isAmount(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "number" || typeof value === "bigint")
    return ![0, -1].includes(Number(value));
  return Boolean(value);
}

/** RFC 6901, section 3. */
const escapeToken = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");
