/** `tsrun features` beside what runc and crun tell of themselves on this machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Features } from "@opencontainers-types";
import { ANNOTATIONS } from "../../src/runtime/annotations.ts";
import { succeeded } from "./harness/expect.ts";
import { needs } from "./harness/machine.ts";
import { Runtime, tsrun } from "./harness/runtime.ts";

const featuresOf = (runtime: Runtime): Features =>
  JSON.parse(succeeded(runtime.call(["features"]), runtime.name).stdout) as Features;

const ours = featuresOf(tsrun);

/** What a peer knows and tsrun does not, and why. */
const UNKNOWN: Readonly<Record<string, string>> = {
  acl: "a file system's own, as for recent runc",
  noacl: "a file system's own, as for recent runc",
  "copy-symlink": "crun's own, not in the specification",
  rsync: "a flag of the superblock, which has no mounts below",
  rasync: "a flag of the superblock, which has no mounts below",
  rdirsync: "a flag of the superblock, which has no mounts below",
  rmand: "a flag of the superblock, which has no mounts below",
  rnomand: "a flag of the superblock, which has no mounts below",
};

/** Every list of names in the document, by its place. */
function lists(value: object, place = ""): [place: string, names: string[]][] {
  return Object.entries(value).flatMap(([key, part]): [string, string[]][] => {
    if (Array.isArray(part)) return [[`${place}/${key}`, part as string[]]];
    return typeof part === "object" && part !== null ? lists(part, `${place}/${key}`) : [];
  });
}

const oursBy = new Map(lists(ours));

/** Annotations are each runtime's own. */
const isComparable = (place: string): boolean => place !== "/potentiallyUnsafeConfigAnnotations";

const missingHere = (theirs: Features): string[] =>
  lists(theirs)
    .filter(([place]) => isComparable(place))
    .flatMap(([place, names]) =>
      names
        .filter((name) => !oursBy.get(place)?.includes(name) && !(name in UNKNOWN))
        .map((name) => `${place}: ${name}`),
    );

/** What a peer says that it can do, by place: `/linux/cgroup/v2`. */
function claims(value: object, place = ""): [place: string, claim: boolean][] {
  return Object.entries(value).flatMap(([key, part]): [string, boolean][] => {
    if (typeof part === "boolean") return [[`${place}/${key}`, part]];
    return typeof part === "object" && part !== null && !Array.isArray(part)
      ? claims(part, `${place}/${key}`)
      : [];
  });
}

/** cgroup v1: docs/architecture.md, Departures from runc. */
const DEPARTS = ["/linux/cgroup/v1"];

function claimsAlike(theirs: Features): void {
  const mine = new Map(claims(ours));
  assert.ok(mine.size > 10);
  assert.deepEqual(
    claims(theirs).filter(
      ([place, claim]) => mine.get(place) !== claim && !DEPARTS.includes(place),
    ),
    [],
  );
}

for (const [name, command, ...needed] of [
  ["this machine's runc", "runc"],
  ["recent runc", "runc-recent", "recent runc"],
] as const)
  test(`every name that ${name} knows is known`, needs(...needed), () => {
    const theirs = featuresOf(new Runtime(name, [command]));
    assert.ok(lists(theirs).length > 6);
    assert.deepEqual(missingHere(theirs), []);
    claimsAlike(theirs);
  });

test("every name that recent crun knows is known", needs("recent runc"), () => {
  const theirs = featuresOf(new Runtime("crun", ["crun"]));
  assert.deepEqual(missingHere(theirs), []);
  claimsAlike(theirs);
});

test(
  "of the flags of seccomp this kernel has those that recent runc finds",
  needs("recent runc"),
  () => {
    const theirs = featuresOf(new Runtime("runc", ["runc-recent"])).linux?.seccomp;
    const { supportedFlags = [] } = ours.linux?.seccomp ?? {};
    assert.deepEqual(
      supportedFlags.filter((flag) => theirs?.knownFlags?.includes(flag)).sort(),
      [...(theirs?.supportedFlags ?? [])].sort(),
    );
  },
);

test("every annotation that has a meaning is told to be one that users must not set as they like", () => {
  const { potentiallyUnsafeConfigAnnotations: unsafe = [] } = ours;
  const names = [...Object.keys(ANNOTATIONS), "run.oci.hooks.stdout", "org.systemd.property.X"];
  for (const name of names)
    assert.ok(
      unsafe.some((prefix) => name === prefix || (prefix.endsWith(".") && name.startsWith(prefix))),
      name,
    );
});

test("it needs no argument and takes none", () => {
  assert.equal(tsrun.call(["features", "x"]).status, 1);
});
