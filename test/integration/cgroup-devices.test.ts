/** Which devices a container may use: generated rules under tsrun, under runc, and read as the specification says. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BPF_CGROUP_DEVICE } from "#abi";
import { openProgram, programName, programsOfCgroup } from "../../src/linux/bpf.ts";
import { sequence } from "../random.ts";
import { type Bundle, makeBundle, WAITS, writeConfig } from "./harness/bundle.ts";
import type { Config } from "./harness/config.ts";
import { eventually, failed, succeeded } from "./harness/expect.ts";
import { cgroups, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, type Runtime, runc, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

type Rule = NonNullable<NonNullable<Config["linux"]["resources"]>["devices"]>[number];

interface Device {
  type: "b" | "c";
  major: number;
  minor: number;
}

const device = (text: string): Device => {
  const [type, major, minor] = text.split(" ") as ["b" | "c", string, string];
  return { type, major: Number(major), minor: Number(minor) };
};
const nameOf = ({ type, major, minor }: Device): string => `${type}-${major}-${minor}`;

/** null, zero, full, random, urandom, kmsg, tty, ptmx, a pseudoterminal, tun, fuse; memory, loops, a disk. */
const DEVICES: readonly Device[] = [
  ...["c 1 3", "c 1 5", "c 1 7", "c 1 8", "c 1 9", "c 1 11", "c 5 0", "c 5 2", "c 136 9"],
  ...["c 10 200", "c 10 229", "b 1 3", "b 7 0", "b 7 1", "b 8 0"],
].map(device);

const ACCESSES = ["m", "r", "w", "rw"] as const;

/** What was granted, such as `c-1-3 rw`. A device that is not there was granted, too. */
type Granted = Set<string>;

/** The nodes are there for opening, whether the container may make some or not. */
const probe = `
  PATH=/bin
  try() {
    case $( { "$@"; } 2>&1) in
      *"Operation not permitted"*) ;;
      *) echo "$node $access"
    esac
  }
  readable() { true < "$1"; }
  writable() { true >> "$1"; }
  both() { true <> "$1"; }
  cd /nodes
  for node in *; do
    access=r try readable $node
    access=w try writable $node
    access=rw try both $node
    IFS=-; set -- $node; unset IFS
    access=m try mknod /dev/$node $1 $2 $3
  done
  echo end`;

function makeNodes(rootfs: string): void {
  mkdirSync(join(rootfs, "nodes"));
  for (const each of DEVICES) {
    const { type, major, minor } = each;
    execFileSync("mknod", [join(rootfs, "nodes", nameOf(each)), type, `${major}`, `${minor}`]);
  }
}

/** Who reads kmsg needs CAP_SYSLOG, and would else get EPERM for that. */
function addCapabilities({ process: { capabilities } }: Config): void {
  for (const set of Object.values(capabilities ?? {})) set.push("CAP_MKNOD", "CAP_SYSLOG");
}

const bundle: Bundle = makeBundle(["sh", "-c", probe], {
  prepare: makeNodes,
  edit: addCapabilities,
});

const run = (runtime: Runtime, devices: readonly Rule[] | undefined) => {
  bundle.config.linux.resources = devices === undefined ? {} : { devices: [...devices] };
  writeConfig(bundle.path, bundle.config);
  return runtime.call(["run", "--bundle", bundle.path, newId()]);
};

function grantedBy(runtime: Runtime, devices: readonly Rule[] | undefined): Granted {
  const lines = succeeded(run(runtime, devices), runtime.name).stdout.trimEnd().split("\n");
  assert.equal(lines.pop(), "end");
  return new Set(lines);
}

const isWildcard = (number: number | undefined): boolean => number === undefined || number === -1;
const isForEverything = ({ type, major, minor, access }: Rule): boolean =>
  (type ?? "a") === "a" && isWildcard(major) && isWildcard(minor) && access.length === 3;

const matches = (rule: Rule, { type, major, minor }: Device): boolean =>
  [type, "a", undefined].includes(rule.type) &&
  (isWildcard(rule.major) || rule.major === major) &&
  (isWildcard(rule.minor) || rule.minor === minor);

const DEFAULTS: readonly Rule[] = [
  ...["c 1 3", "c 1 5", "c 1 7", "c 1 8", "c 1 9", "c 5 0", "c 5 2", "c 10 200", "c 136 -1"],
].map((text) => ({ allow: true, access: "rwm", ...device(text) }));

const startsFromAll = (rules: readonly Rule[]): boolean =>
  rules.findLast(isForEverything)?.allow ?? false;

/** What rules grant, read plainly: the last one that matches decides, after the config's come the default ones. */
function grantedByRules(rules: readonly Rule[] = []): Granted {
  const nodes = startsFromAll(rules) ? [] : [{ allow: true, access: "m" }];
  const all: Rule[] = [...rules, ...nodes, ...DEFAULTS];
  const allows = (to: Device, letter: string): boolean =>
    all.findLast((rule) => matches(rule, to) && rule.access.includes(letter))?.allow ?? false;
  return new Set(
    DEVICES.flatMap((each) =>
      ACCESSES.filter((access) => [...access].every((letter) => allows(each, letter))).map(
        (access) => `${nameOf(each)} ${access}`,
      ),
    ),
  );
}

const DENY_ALL: Rule = { allow: false, access: "rwm" };
const ALLOW_ALL: Rule = { allow: true, access: "rwm" };
const rule = (verdict: "allow" | "deny", text: string, access: string): Rule => ({
  allow: verdict === "allow",
  ...device(text),
  access,
});

for (const [name, rules] of [
  ["no resources", undefined],
  ["an empty list", []],
  ["a list that denies everything", [DENY_ALL]],
  ["a list that allows everything", [ALLOW_ALL]],
] as const)
  test(`${name} grants what it does under runc`, () => {
    const ours = grantedBy(tsrun, rules);
    assert.deepEqual(ours, grantedBy(runc, rules));
    assert.deepEqual(ours, grantedByRules(rules));
  });

/** Rules as engines write them, and then some: first for everything, then exceptions, wide and narrow, and back. */
function randomRules(next: (limit: number) => number): Rule[] {
  const one = <T>(values: readonly T[]): T => values[next(values.length)] as T;
  const forEverything = (): Rule => ({
    allow: next(3) === 0,
    ...one([{}, { type: "a" }, { type: "a", major: -1, minor: -1 }]),
    access: one(["rwm", "mrw"]),
  });
  const exception = (): Rule => {
    const { type, major, minor } = one(DEVICES);
    return {
      allow: next(2) === 0,
      type: next(20) === 0 ? "a" : type,
      ...one([{ major, minor }, { major, minor }, { major }, { minor }, { major: -1, minor: -1 }]),
      access: one(["r", "w", "m", "rw", "rm", "rwm", "rwm"]),
    };
  };
  const exceptions = Array.from({ length: next(6) }, () =>
    next(12) === 0 ? forEverything() : exception(),
  );
  return next(5) === 0 ? exceptions : [forEverything(), ...exceptions];
}

const sameNumber = (a?: number, b?: number): boolean => (isWildcard(a) ? isWildcard(b) : a === b);
const meet = (a?: number, b?: number): boolean => isWildcard(a) || isWildcard(b) || a === b;

/** Whether `later` takes back a part of what `earlier` says, or more than that. */
const cutsThrough = (later: Rule, earlier: Rule): boolean =>
  later.type === earlier.type &&
  meet(later.major, earlier.major) &&
  meet(later.minor, earlier.minor) &&
  !(sameNumber(later.major, earlier.major) && sameNumber(later.minor, earlier.minor)) &&
  [...later.access].some((letter) => earlier.access.includes(letter));

/**
 * Whether runc takes these rules as the specification does. It knows one verdict for everything and exceptions from it,
 * which only a rule about exactly the same devices takes back; `runcDeparts` has what it makes of other rules.
 */
function runcAgrees(rules: readonly Rule[]): boolean {
  const start = rules.findLastIndex(isForEverything) + 1;
  const fromAll = startsFromAll(rules);
  const all = [...rules.slice(start), ...DEFAULTS];
  return (
    rules.every((each) => isForEverything(each) || (each.type ?? "a") !== "a") &&
    rules.slice(0, start).every((_, i) => i === 0 || runcAgrees(rules.slice(0, i))) &&
    !(fromAll && all.some(({ major, minor }) => isWildcard(major) && isWildcard(minor))) &&
    !all.some(
      (later, i) =>
        later.allow === fromAll &&
        all.slice(0, i).some((earlier) => earlier.allow !== fromAll && cutsThrough(later, earlier)),
    )
  );
}

/** runc wants one rule to decide about both parts of opening for reading and writing. */
const splitsOpening = (rules: readonly Rule[]): boolean =>
  rules.some(({ access }) => access.includes("r") !== access.includes("w"));

const withoutBoth = (granted: Granted): Granted =>
  new Set([...granted].filter((each) => !each.endsWith(" rw")));

const SEED = Number(process.env["TSRUN_TEST_SEED"] ?? 1);
const LISTS = Number(process.env["TSRUN_TEST_LISTS"] ?? 60);

test("generated rules grant what they say, and what they do under runc", (context) => {
  context.diagnostic(`TSRUN_TEST_SEED=${SEED}`);
  const next = sequence(SEED);
  let agreed = 0;
  for (let i = 0; i < LISTS; i++) {
    const rules = randomRules(next);
    const text = JSON.stringify(rules);
    const ours = grantedBy(tsrun, rules);
    assert.deepEqual(ours, grantedByRules(rules), text);
    if (!runcAgrees(rules)) continue;
    agreed++;
    const comparable = splitsOpening(rules) ? withoutBoth : (granted: Granted) => granted;
    assert.deepEqual(comparable(ours), comparable(grantedBy(runc, rules)), text);
  }
  assert.ok(agreed > LISTS / 4, `runc agreed to ${agreed} of ${LISTS}`);
});

/** What the specification's order says of one request, and what runc makes of it. */
const runcDeparts: [
  what: string,
  rules: Rule[],
  request: string,
  ours: boolean,
  theirs: boolean,
][] = [
  [
    "ignores a denial of more than was allowed",
    [DENY_ALL, rule("allow", "c 10 229", "rw"), rule("deny", "c 10 -1", "rw")],
    "c-10-229 r",
    false,
    true,
  ],
  [
    "forgets that a rule for both types names a device",
    [DENY_ALL, { ...rule("allow", "c 7 1", "r"), type: "a" }],
    "c-1-11 w",
    false,
    true,
  ],
  [
    "refuses to open for what two rules allow together",
    [DENY_ALL, rule("allow", "c -1 -1", "r"), rule("allow", "c 1 11", "w")],
    "c-1-11 rw",
    true,
    false,
  ],
  [
    "opens for reading and writing though one of them is denied",
    [ALLOW_ALL, rule("deny", "c 10 229", "w")],
    "c-10-229 rw",
    false,
    true,
  ],
  [
    "lets nodes be made though that is denied for all of a type",
    [ALLOW_ALL, rule("deny", "b -1 -1", "m")],
    "b-7-0 m",
    false,
    true,
  ],
];
for (const [what, rules, request, ours, theirs] of runcDeparts)
  test(`runc ${what}, and tsrun does not`, () => {
    assert.equal(grantedBy(tsrun, rules).has(request), ours);
    assert.equal(grantedBy(runc, rules).has(request), theirs);
  });

test("runc refuses to deny a part of what was allowed, and tsrun denies it", () => {
  const rules = [DENY_ALL, rule("allow", "b 7 -1", "rw"), rule("deny", "b 7 1", "w")];
  assert.match(run(runc, rules).stderr, /cannot punch hole in existing wildcard rule/);
  const granted = grantedBy(tsrun, rules);
  assert.ok(granted.has("b-7-0 rw") && granted.has("b-7-1 r"));
  assert.ok(!granted.has("b-7-1 w") && !granted.has("b-7-1 rw"));
});

test("more rules than the kernel takes are refused with their place", () => {
  const rules = Array.from({ length: 5000 }, (_, i) => rule("allow", `c ${i} 1`, "rw"));
  failed(run(tsrun, rules), /over 8192 comparisons/, /\/linux\/resources\/devices/, /fewer rules/);
});

/** Runs a step with a descriptor. */
function using<T>(fd: number, step: (fd: number) => T): T {
  try {
    return step(fd);
  } finally {
    closeSync(fd);
  }
}

/** The ids of the programs that a container's group asks about devices. */
function filtersOf(id: string): number[] {
  const group = cgroups().find((path) => path.endsWith(`/${id}`)) as string;
  return using(openSync(group, "r"), (fd) => programsOfCgroup(fd, BPF_CGROUP_DEVICE));
}

function isLoaded(program: number): boolean {
  try {
    return using(openProgram(program), () => true);
  } catch (error) {
    assert.match(String(error), /ENOENT/);
    return false;
  }
}

test("update replaces the rules of a running container, if it names some", () => {
  const script = `cd /nodes; while true; do
    echo "$(true < c-1-11 && echo log) $(true < c-10-229 && echo fuse)" > /open.new
    mv /open.new /open; sleep 0.02
  done 2>/dev/null`;
  const { path, rootfs } = makeBundle(["sh", "-c", script], {
    prepare: (rootfs) => {
      makeNodes(rootfs);
      symlinkSync("busybox", join(rootfs, "bin/mv"));
    },
    edit: (config) => {
      config.root.readonly = false;
      addCapabilities(config);
    },
  });
  const open = join(rootfs, "open");
  const opens = (expected: string): void =>
    eventually(
      `"${expected}" can be opened`,
      () => existsSync(open) && readFileSync(open, "utf8") === `${expected}\n`,
    );
  const id = newId();
  const update = (resources: object): void => {
    const input = JSON.stringify(resources);
    succeeded(tsrun.call(["update", "--resources", "-", id], { input }), "update");
  };
  succeeded(tsrun.call(["run", "--detach", "--bundle", path, id]), "run");
  opens(" ");
  update({ devices: [DENY_ALL, rule("allow", "c 1 11", "r")] });
  opens("log ");
  update({ devices: [DENY_ALL, rule("allow", "c 10 229", "rwm")] });
  opens(" fuse");
  update({});
  assert.equal(filtersOf(id).length, 1);
  opens(" fuse");
  update({ devices: [ALLOW_ALL] });
  assert.deepEqual(filtersOf(id), []);
  opens("log fuse");
  succeeded(tsrun.call(["delete", "--force", id]), "delete");
});

test("a container has one filter, which goes with it", () => {
  const { path } = makeBundle(["sh", "-c", WAITS]);
  const programs = Array.from({ length: 10 }, () => {
    const id = newId();
    succeeded(tsrun.call(["create", "--bundle", path, id]), "create");
    const ids = filtersOf(id);
    assert.deepEqual(
      ids.map((each) => using(openProgram(each), programName)),
      ["tsrun_devices"],
    );
    succeeded(tsrun.call(["delete", "--force", id]), "delete");
    return ids[0] as number;
  });
  eventually("no filter is loaded any more", () => !programs.some(isLoaded));
});
