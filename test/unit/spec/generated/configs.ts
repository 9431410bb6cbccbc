/** Random configurations that keep to the schemas of spec/. */
import type { Spec } from "@opencontainers-types";
import fc, { type Arbitrary } from "fast-check";
import type { SchemaNode } from "../../../../spec/schema-node.ts";
import { knownMountOptions } from "../../../../src/init/mountOptions.ts";
import { configSchema, rangeOf, resolve } from "./schema.ts";
import { makeSound } from "./sound.ts";

/** Any configuration that keeps to its schema; numbers beyond 2^53 are bigints. */
export const anyConfig = (): Arbitrary<Record<string, unknown>> =>
  generate(configSchema, "") as Arbitrary<Record<string, unknown>>;

/** One that also keeps what the schemas cannot say. */
export const soundConfig = (): Arbitrary<Spec> =>
  anyConfig().map((config) => makeSound(structuredClone(config) as unknown as Spec));

/** Lists are short: what is in them varies more than how much. */
const MOST_ITEMS = 4;

/** Text without the characters that no C string has. */
const text = (): Arbitrary<string> => fc.string({ unit: "grapheme", maxLength: 12 });

const absolute = fc
  .array(fc.constantFrom("a", "b", "..", ".", "", "proc", "sys", "dev", "etc"), { maxLength: 4 })
  .map((names) => `/${names.join("/")}`);
const cpuList = fc.constantFrom("", "0", "0-3", "0-3,7", "1, 3", "3-1", "-", "9999999999", "0-");
const id = fc.integer({ min: 0, max: 70_000 });
const device = fc.integer({ min: -1, max: 300 });

/**
 * What is likely at a place, in a path of property names, where anything would hardly ever mean something. Half of the
 * values are these.
 */
const LIKELY: Readonly<Record<string, Arbitrary<unknown>>> = {
  ociVersion: fc.constantFrom("1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0"),
  "root.path": fc.constantFrom("rootfs", "/rootfs", "./rootfs/.."),
  hostname: fc.constantFrom("h", "", "host.name"),
  "mounts[].destination": absolute,
  "mounts[].type": fc.constantFrom(
    "bind",
    "proc",
    "tmpfs",
    "sysfs",
    "cgroup",
    "cgroup2",
    "none",
    "",
  ),
  "mounts[].source": fc.oneof(absolute, fc.constantFrom("tmpfs", "proc", "shared")),
  "mounts[].options[]": fc.oneof(
    fc.constantFrom(...knownMountOptions()),
    fc.constantFrom("size=64k", "mode=755", "uid=0", "gid=5", "idmap=uids=0-1-2", "ridmap", "="),
  ),
  "process.args[]": fc.constantFrom("sh", "/bin/sh", "-c"),
  "process.env[]": fc.constantFrom("A=b", "PATH=/bin", "HOME=", "A=b=c"),
  "process.cwd": absolute,
  "process.user.uid": id,
  "process.user.gid": id,
  "process.capabilities.*[]": fc.constantFrom("CAP_KILL", "CAP_SYS_ADMIN", "CAP_BPF", "CAP_NONE"),
  "process.scheduler.nice": fc.integer({ min: -21, max: 20 }),
  "process.scheduler.priority": fc.integer({ min: -1, max: 100 }),
  "linux.namespaces[].path": fc.constantFrom("", "/proc/self/ns/net"),
  "linux.*Mappings[].containerID": fc.constantFrom(0, 1, 65_536),
  "linux.*Mappings[].hostID": id,
  "linux.*Mappings[].size": fc.constantFrom(0, 1, 65_536),
  "linux.devices[].path": absolute.map((path) => `/dev${path}`),
  "linux.devices[].major": device,
  "linux.devices[].minor": device,
  "linux.cgroupsPath": fc.oneof(
    absolute,
    fc.constantFrom("a/b", "system.slice:a:b", ":a:b", "a:b"),
  ),
  "linux.sysctl.*": fc.constantFrom("0", "1", "256"),
  "linux.memoryPolicy.nodes": cpuList,
  "linux.resources.cpu.cpus": cpuList,
  "linux.resources.cpu.mems": cpuList,
  "linux.resources.cpu.period": fc.integer({ min: 0, max: 2_000_000 }),
  "linux.resources.unified.*": fc.constantFrom("1", "max", "1 2"),
  "linux.seccomp.syscalls[].names[]": fc.constantFrom("read", "clone", "mount", "no_such_call"),
  "linux.seccomp.syscalls[].args[].index": fc.integer({ min: 0, max: 7 }),
};

/** Names of members that an object may have any of, by the object's place. */
const LIKELY_NAMES: Readonly<Record<string, readonly string[]>> = {
  annotations: [
    "org.systemd.property.TimeoutStopUSec",
    "org.systemd.property.PIDs",
    "org.systemd.property.",
    "a",
  ],
  "linux.sysctl": [
    ...["net.core.somaxconn", "kernel.msgmax", "kernel/sem", "fs.mqueue.msg_max"],
    ...["kernel.domainname", "vm.swappiness", "net/../kernel/x"],
  ],
  "linux.netDevices": ["eth0", "lo", "a-name-that-is-too-long"],
  "linux.resources.unified": ["memory.max", "cpu.weight", "cgroup.procs", "a/b", "io.max"],
  "linux.resources.rdma": ["mlx5_1"],
};

/** The value of the first pattern of a table that a place matches; `*` is any name, or a part of one. */
function at<Value>(table: Readonly<Record<string, Value>>, place: string): Value | undefined {
  const pattern = Object.keys(table).find((key) =>
    new RegExp(`^${key.replace(/[.[\]]/g, "\\$&").replaceAll("*", "[^.[]+")}$`).test(place),
  );
  return pattern === undefined ? undefined : table[pattern];
}

function generate(described: SchemaNode, place: string): Arbitrary<unknown> {
  const node = resolve(described);
  const likely = at(LIKELY, place);
  // What the schema leaves to code that knows versions.
  if (likely && place === "ociVersion") return likely;
  const any = ofType(node, place);
  return likely ? fc.oneof(likely.filter(keepsTo(node)), any) : any;
}

/** For scalars: whether a likely value keeps to the schema, too. */
const keepsTo =
  ({ pattern, minLength = 0, format }: SchemaNode) =>
  (value: unknown): boolean =>
    typeof value === "string"
      ? value.length >= minLength && (pattern === undefined || new RegExp(pattern).test(value))
      : !(format?.startsWith("u") && (value as number) < 0);

function ofType(node: SchemaNode, place: string): Arbitrary<unknown> {
  switch (node.type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return integer(node);
    case "string":
      return string(node);
    case "array":
      return fc.array(generate(node.items as SchemaNode, `${place}[]`), {
        minLength: node.minItems ?? 0,
        maxLength: MOST_ITEMS,
      });
    default:
      return object(node, place);
  }
}

/** Often the bounds themselves, often small. */
function integer(node: SchemaNode): Arbitrary<number | bigint> {
  const [min, max] = rangeOf(node);
  const isInside = (value: bigint): boolean => value >= min && value <= max;
  return fc
    .oneof(
      fc.constantFrom(min, max),
      fc.bigInt({ min: isInside(-2n) ? -2n : min, max: isInside(100n) ? 100n : max }),
      fc.bigInt({ min, max }),
    )
    .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
}

function string({ enum: words, pattern, minLength = 0 }: SchemaNode): Arbitrary<string> {
  if (words) return fc.constantFrom(...words);
  // A pattern's `.` and `[^…]` would take a NUL, too.
  if (pattern !== undefined)
    return fc
      .stringMatching(new RegExp(pattern), { maxLength: 20 })
      .filter((s) => !s.includes("\0"));
  return fc.oneof(text(), fc.constant("x")).filter((value) => value.length >= minLength);
}

function object(node: SchemaNode, place: string): Arbitrary<unknown> {
  const { properties, additionalProperties, required = [], if: condition } = node;
  if (properties === undefined) return dictionary(additionalProperties ?? true, place);
  const members = Object.fromEntries(
    Object.entries(properties).map(([key, member]) => [
      key,
      generate(member, place === "" ? key : `${place}.${key}`),
    ]),
  );
  const withKeys = (keys: readonly string[]): Arbitrary<Record<string, unknown>> =>
    fc.record(members, { requiredKeys: [...keys] });
  if (condition === undefined) return withKeys(required);
  // The one condition that the schemas have: one word of one member makes others needless.
  const [[key, { const: word }]] = Object.entries(condition.properties ?? {}) as [
    [string, SchemaNode],
  ];
  return fc.oneof(
    withKeys([...required, ...(node.else?.required ?? [])]),
    withKeys(required).map((value) => ({ ...value, [key]: word })),
  );
}

function dictionary(values: SchemaNode | boolean, place: string): Arbitrary<unknown> {
  const names = at(LIKELY_NAMES, place);
  const name = fc.oneof(text(), fc.constantFrom(...(names ?? ["x"]))).filter((key) => key !== "");
  const value =
    typeof values === "object" ? generate(values, `${place}.x`) : fc.jsonValue({ maxDepth: 2 });
  return fc.dictionary(name, value, { maxKeys: 3 });
}
