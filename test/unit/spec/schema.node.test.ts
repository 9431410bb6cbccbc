/**
 * Our schemas against the specification's own, got as a Go module: every property's name, type,
 * range, words and whether it is required. Where ours depart on purpose, `departures` says why.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { parseJson } from "../../../spec/json.ts";
import { specVersion } from "../../../spec/version.ts";

interface Node {
  type?: unknown;
  properties?: unknown;
  patternProperties?: unknown;
  additionalProperties?: unknown;
  items?: unknown;
  enum?: unknown;
  minimum?: unknown;
  maximum?: unknown;
  pattern?: unknown;
  format?: unknown;
  required?: unknown;
  definitions?: unknown;
  allOf?: unknown;
  anyOf?: unknown;
  [key: string]: unknown;
}
/** Schema files by name. */
type Files = ReadonlyMap<string, Node>;
/** What a schema says of each place in a document, e.g. `/mounts[]/source`: `string`. */
type Places = ReadonlyMap<string, string>;

const ourFolder = join(import.meta.dirname, "../../../spec");
const otherPlatforms = ["freebsd", "solaris", "vm", "windows", "zos"];

function readFolder(folder: string): Files {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return new Map(
    names.map((name) => [name, parseJson(readFileSync(join(folder, name), "utf8")) as Node]),
  );
}

/** Everything that a schema says of a document and its parts. */
function placesOf(files: Files, root: string): Places {
  const places = new Map<string, string>();
  visit(files.get(root) as Node, root, "");
  return places;

  function visit(node: Node, file: string, place: string): void {
    const { $ref: ref, ...rest } = node;
    if (typeof ref === "string") {
      const [target, targetFile] = follow(ref, file);
      visit({ ...target, ...rest }, targetFile, place);
      return;
    }
    const parts = [...list(node.allOf), ...list(node.anyOf)] as Node[];
    for (const part of parts) visit(part, file, place);
    if (node.type === undefined && parts.length > 0) return;
    note(place, node);
    for (const [key, child] of Object.entries((node.properties ?? {}) as Node)) {
      if (place === "" && otherPlatforms.includes(key)) note(`/${key}`, { type: "object" });
      else visit(child as Node, file, `${place}/${key}`);
    }
    const patterns = Object.values((node.patternProperties ?? {}) as Node);
    for (const child of [...patterns, node.additionalProperties, node.items]) {
      const step = child === node.items ? "[]" : "/*";
      if (typeof child === "object") visit(child as Node, file, place + step);
    }
  }

  /** Adds what a node says; a place may be described by several nodes (allOf). */
  function note(place: string, node: Node): void {
    const type = node.type;
    const words = list(node.enum).join(" ");
    const range = `${node.minimum ?? ""}..${node.maximum ?? ""}`;
    const facts = [type, words, node.pattern, type === "integer" ? rangeOf(node, range) : ""];
    for (const key of ["minLength", "minItems"]) {
      if (node[key] !== undefined) facts.push(`${key} ${node[key]}`);
    }
    const text = facts.filter((fact) => fact !== undefined && fact !== "").join(" ");
    if (places.get(place) === undefined) places.set(place, text);
    for (const key of list(node.required)) places.set(`${place}/${key} required`, "yes");
  }

  function follow(ref: string, file: string): [target: Node, file: string] {
    const [name, pointer = ""] = ref.split("#");
    const targetFile = name === "" ? file : (name as string);
    let target = files.get(targetFile) as Node;
    for (const key of pointer.split("/").filter((key) => key !== "")) target = target[key] as Node;
    return [target, targetFile];
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? [...value].sort() : [];
}

/** The range of an integer, of ours by its format. */
function rangeOf(node: Node, range: string): string {
  const format = node.format;
  if (format === undefined) return range;
  const bits = BigInt(String(format).replace(/\D+/, ""));
  const isUnsigned = String(format).startsWith("u");
  const max = isUnsigned ? 2n ** bits - 1n : 2n ** (bits - 1n) - 1n;
  const min = isUnsigned ? 0n : -(2n ** (bits - 1n));
  return `${node.minimum ?? min}..${node.maximum ?? max}`;
}

/** Where ours say something else than the specification's, and what. */
function differences(ours: Places, upstream: Places): Map<string, readonly [string, string]> {
  const found = new Map<string, readonly [string, string]>();
  for (const place of [...new Set([...ours.keys(), ...upstream.keys()])].sort()) {
    const pair = [ours.get(place) ?? "-", upstream.get(place) ?? "-"] as const;
    if (pair[0] !== pair[1]) found.set(place, pair);
  }
  return found;
}

/** Places where ours say something else on purpose: what they say, and why. */
const departures: Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>> = {
  "config.schema.json": {
    ...Object.fromEntries(
      ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
        .map((list) => `/hooks/${list}[]`)
        .flatMap((hook) => [
          [`${hook}/path`, ["string ^/", "config.md: MUST be absolute"]],
          [`${hook}/timeout`, ["integer 1..9223372036854775807", "an int of 64 bits in Go"]],
        ]),
    ),
    ...Object.fromEntries(
      ["ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS"].map((kind) => [
        `/linux/resources/blockIO/throttle${kind}Device[]/rate required`,
        ["yes", "config-linux.md: REQUIRED"],
      ]),
    ),
    "/linux/devices[]/fileMode": [
      "integer 0..4294967295",
      "engines copy st_mode, file type and sticky bits included; runc accepts that",
    ],
    "/linux/devices[]/path": ["string ^/", "config-linux.md: full path"],
    "/linux/devices[]/type": ["string b c p u", "the same, as words"],
    "/linux/intelRdt/memBwSchema": ["string ^(MB:[^\\n]*)?$", "empty means absent in Go"],
    "/linux/intelRdt/schemata[]": [
      "string ^[^\\n]*$",
      "config-linux.md: MUST NOT contain newlines",
    ],
    "/linux/maskedPaths[]": ["string ^/", "config-linux.md: MUST be absolute"],
    "/linux/memoryPolicy/mode required": ["yes", "config-linux.md: REQUIRED"],
    "/linux/namespaces[]/path": ["string ^(/|$)", "config-linux.md: MUST be absolute"],
    "/linux/personality/domain required": ["yes", "config-linux.md: REQUIRED"],
    "/linux/readonlyPaths[]": ["string ^/", "config-linux.md: MUST be absolute"],
    "/linux/resources/devices[]/access": ["string ^[rwm]*$", "cgroup v1 devices: no other letter"],
    "/linux/resources/devices[]/type": ["string  a b c", "config-linux.md: a, b or c"],
    "/linux/resources/pids/limit required": ["-", "config-linux.md: OPTIONAL"],
    "/linux/rootfsPropagation": [
      "string  private rprivate rshared rslave runbindable shared slave unbindable",
      "Docker and Podman write the recursive ones; empty means absent in Go",
    ],
    "/linux/seccomp/defaultAction": [
      "string  SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS " +
        "SCMP_ACT_KILL_THREAD SCMP_ACT_LOG SCMP_ACT_NOTIFY SCMP_ACT_TRACE SCMP_ACT_TRAP",
      "runc takes an empty action without rules for no filter",
    ],
    "/mounts[]/destination": ["string minLength 1", "an empty one would be the root itself"],
    "/process/cwd": ["string ^/", "config.md: MUST be absolute"],
    "/process/ioPriority/priority": ["integer 0..7", "config.md: 0 to 7"],
    "/process/ioPriority/priority required": ["yes", "config.md: REQUIRED"],
    "/process/oomScoreAdj": ["integer -1000..1000", "the kernel's range (proc(5))"],
    "/process/rlimits[]/type": [
      "string RLIMIT_AS RLIMIT_CORE RLIMIT_CPU RLIMIT_DATA RLIMIT_FSIZE RLIMIT_LOCKS " +
        "RLIMIT_MEMLOCK RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_NOFILE RLIMIT_NPROC RLIMIT_RSS " +
        "RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING RLIMIT_STACK",
      "config.md: an error for what is no limit of the kernel (getrlimit(2))",
    ],
    "/process/user/gid required": ["yes", "config.md: REQUIRED"],
    "/process/user/uid required": ["yes", "config.md: REQUIRED"],
    "/root/path": ["string minLength 1", "an empty one would be the bundle itself"],
  },
  "features.schema.json": {
    "/linux/intelRdt/monitoring": ["boolean", "in features-linux.md, not in upstream's schema"],
    "/linux/intelRdt/schemata": ["boolean", "in features-linux.md, not in upstream's schema"],
    "/linux/memoryPolicy": ["object", "in features-linux.md, not in upstream's schema"],
    "/linux/memoryPolicy/flags": ["array", "in features-linux.md, not in upstream's schema"],
    "/linux/memoryPolicy/flags[]": ["string", "in features-linux.md, not in upstream's schema"],
    "/linux/memoryPolicy/modes": ["array", "in features-linux.md, not in upstream's schema"],
    "/linux/memoryPolicy/modes[]": ["string", "in features-linux.md, not in upstream's schema"],
  },
  "state.schema.json": {
    "/bundle": ["string ^/", "runtime.md: the absolute path"],
    "/id": ["string minLength 1", "an empty id names no container"],
    "/pid": ["integer 0..2147483647", "pid_t"],
  },
};

const documents = [
  ["config.schema.json", "config-schema.json"],
  ["features.schema.json", "features-schema.json"],
  ["state.schema.json", "state-schema.json"],
] as const;

const ourFiles = readFolder(ourFolder);
let upstreamFolder: string;
/** What upstream's schemas say, with the departures put in: what ours have to say. */
let wanted: ReadonlyMap<string, Places>;

before(() => {
  const module = `github.com/opencontainers/runtime-spec@v${specVersion}`;
  const options = { cwd: tmpdir(), encoding: "utf8" } as const;
  upstreamFolder = JSON.parse(
    execFileSync("go", ["mod", "download", "-json", module], options),
  ).Dir;
  const files = readFolder(join(upstreamFolder, "schema"));
  wanted = new Map(
    documents.map(([ours, upstream]) => {
      const places = new Map(placesOf(files, upstream));
      for (const [place, [text]] of Object.entries(departures[ours] ?? {})) {
        if (text === "-") places.delete(place);
        else places.set(place, text);
      }
      return [ours, places];
    }),
  );
});

/** All places in all documents where these schemas are not what they have to be. */
function allDifferences(files: Files): string[] {
  return documents.flatMap(([name]) =>
    [...differences(placesOf(files, name), wanted.get(name) as Places)].map(
      ([place, [ours, upstream]]) => `${name} ${place}: "${ours}", not "${upstream}"`,
    ),
  );
}

describe("our schemas and the specification's", () => {
  it("agree on every name, type, range and requirement", () => {
    deepEqual(allDifferences(ourFiles), []);
  });

  it("depart only where they still differ", () => {
    const files = readFolder(join(upstreamFolder, "schema"));
    for (const [ours, upstream] of documents) {
      const places = placesOf(files, upstream);
      for (const [place, [text]] of Object.entries(departures[ours] ?? {})) {
        ok((places.get(place) ?? "-") !== text, `${place} is no departure any more`);
      }
    }
  });

  it("are told apart when a property of ours is missing or of another type", () => {
    let mutations = 0;
    for (const [properties, key] of propertiesOf(ourFiles)) {
      const original = properties[key] as Node;
      delete properties[key];
      ok(allDifferences(ourFiles).length > 0, `${key} was removed`);
      if (!otherPlatforms.includes(key)) {
        properties[key] = { type: original.type === "boolean" ? "string" : "boolean" };
        ok(allDifferences(ourFiles).length > 0, `${key} was given another type`);
        mutations++;
      }
      properties[key] = original;
    }
    ok(mutations > 200, `${mutations} mutations`);
    deepEqual(allDifferences(ourFiles), []);
  });

  it("are told apart when a requirement, range or word of ours changes", () => {
    const size = { type: "integer", format: "uint64" };
    const mapping = definition("filesystem.schema.json", "LinuxIDMapping");
    for (const [file, name, changed] of [
      ["process.schema.json", "POSIXRlimit", { required: ["type", "soft"] }],
      ["seccomp.schema.json", "Arch", { enum: ["SCMP_ARCH_X86"] }],
      [
        "filesystem.schema.json",
        "LinuxIDMapping",
        { properties: { ...(mapping.properties as Node), size } },
      ],
    ] as const) {
      const node = definition(file, name);
      const original = { ...node };
      Object.assign(node, changed);
      ok(allDifferences(ourFiles).length > 0, name);
      Object.assign(node, original);
    }
    deepEqual(allDifferences(ourFiles), []);
  });
});

function definition(file: string, name: string): Node {
  const { definitions } = ourFiles.get(file) as Node;
  return (definitions as Record<string, Node>)[name] as Node;
}

/** Every `properties` object that a document of ours reaches, with each of its keys. */
function propertiesOf(files: Files): [properties: Node, key: string][] {
  return [...files.values()].flatMap((file) => {
    // Upstream has no JSON Schema of it, only Go.
    const { ContainerProcessState: _, ...definitions } = (file.definitions ?? {}) as Node;
    return [file, ...(Object.values(definitions) as Node[])].flatMap((node) => {
      const properties = (node.properties ?? {}) as Node;
      return Object.keys(properties).map((key): [Node, string] => [properties, key]);
    });
  });
}

describe("generated types", () => {
  it("have the names of the specification's Go types for Linux", () => {
    const go = ["config.go", "state.go"]
      .map((name) => readFileSync(join(upstreamFolder, "specs-go", name), "utf8"))
      .join("\n");
    const structs = [...go.matchAll(/^type (\w+) struct/gm)].map(([, name]) => name as string);
    const forLinux = structs.filter(
      (name) => !/^(Windows|Solaris|FreeBSD|ZOS|VM|HWConfig|IOMems)/.test(name),
    );
    const types = readFileSync(
      join(ourFolder, "../build/generated/opencontainers-types.ts"),
      "utf8",
    );
    const missing = forLinux.filter((name) => !types.includes(`export interface ${name} {`));
    // Embedded in two others, which have its members.
    deepEqual(missing, ["LinuxBlockIODevice"]);
    ok(!/\bnull\b/.test(types));
    equal(types.match(/\bhard: number \| bigint/g)?.length, 1);
  });
});
