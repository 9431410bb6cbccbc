/** What `features` tells is what the schemas of config.json know, and what the code that reads a config takes. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, it } from "node:test";
import type { LinuxNamespace } from "@opencontainers-types";
import { validateFeatures } from "#validators";
import { readConfig } from "../../../spec/config.ts";
import featuresSchema from "../../../spec/features.schema.json" with { type: "json" };
import hooksSchema from "../../../spec/hooks.schema.json" with { type: "json" };
import linuxSchema from "../../../spec/linux.schema.json" with { type: "json" };
import seccompSchema from "../../../spec/seccomp.schema.json" with { type: "json" };
import { planCapabilities } from "../../../src/init/capabilities.ts";
import { parseMountOptions } from "../../../src/init/mountOptions.ts";
import { planNamespaces } from "../../../src/init/namespaces.ts";
import { features } from "../../../src/runtime/features.ts";

const told = features();
const linux = told.linux ?? {};

const sorted = (names: readonly string[] | undefined): string[] => [...(names ?? [])].sort();

const seccomp = seccompSchema.definitions;
const { LinuxMemoryPolicy, LinuxNamespaceType } = linuxSchema.definitions;
const memoryPolicy = LinuxMemoryPolicy.properties;

/** The names that a config may have, by where `features` tells them. */
const KNOWN: Record<string, [told: string[] | undefined, known: string[]]> = {
  hooks: [told.hooks, Object.keys(hooksSchema.definitions.Hooks.properties)],
  "linux.namespaces": [linux.namespaces, LinuxNamespaceType.enum],
  "linux.seccomp.actions": [linux.seccomp?.actions, seccomp.LinuxSeccompAction.enum],
  "linux.seccomp.operators": [linux.seccomp?.operators, seccomp.LinuxSeccompOperator.enum],
  "linux.seccomp.archs": [linux.seccomp?.archs, seccomp.Arch.enum],
  "linux.seccomp.knownFlags": [linux.seccomp?.knownFlags, seccomp.LinuxSeccompFlag.enum],
  "linux.memoryPolicy.modes": [linux.memoryPolicy?.modes, memoryPolicy.mode.enum],
  "linux.memoryPolicy.flags": [linux.memoryPolicy?.flags, memoryPolicy.flags.items.enum],
};

describe("features", () => {
  it("keeps to the specification's schema", () => {
    equal(validateFeatures(told), null);
  });

  it("tells of everything that the specification has a place for", () => {
    const types = featuresSchema.definitions;
    const missing = (value: object = {}, { properties }: { properties: object }): string[] =>
      Object.keys(properties).filter((name) => !Object.hasOwn(value, name));
    deepEqual(missing(told, featuresSchema), []);
    deepEqual(missing(linux, types.LinuxFeatures), []);
    deepEqual(missing(linux.cgroup, types.CgroupFeatures), []);
    deepEqual(missing(linux.seccomp, types.SeccompFeatures), []);
    deepEqual(missing(linux.intelRdt, types.IntelRdtFeatures), []);
  });

  for (const [place, [tells, known]] of Object.entries(KNOWN))
    it(`${place} are all the names that a config may have`, () => {
      ok(known.length > 0);
      deepEqual(sorted(tells), sorted(known));
    });

  it("its versions are accepted", () => {
    for (const ociVersion of [told.ociVersionMin, told.ociVersionMax])
      equal(readConfig(JSON.stringify({ ociVersion })).ociVersion, ociVersion);
  });

  it("its capabilities are known, from the first to the last one of the kernel's headers", () => {
    const { bounding, unknown } = planCapabilities({ bounding: linux.capabilities ?? [] });
    deepEqual(unknown, []);
    equal(bounding, (1n << BigInt(linux.capabilities?.length ?? 0)) - 1n);
  });

  it("its namespaces can be asked for", () => {
    const namespaces = (linux.namespaces ?? []).map((type): LinuxNamespace => ({ type }));
    ok(planNamespaces(namespaces));
  });

  it("none of its mount options is taken for a file system's own", () => {
    const superblock = ["async", "dirsync", "lazytime", "mand", "nolazytime", "nomand", "sync"];
    const parameters = (told.mountOptions ?? []).flatMap((option) =>
      parseMountOptions([option]).parameters.map(([key]) => key),
    );
    deepEqual(parameters, superblock);
  });

  it("the flags of seccomp that are supported are among those that are known", () => {
    const { knownFlags = [], supportedFlags = [] } = linux.seccomp ?? {};
    deepEqual(
      supportedFlags.filter((flag) => !knownFlags.includes(flag)),
      [],
    );
    // Linux 4.17; tsrun needs a later one.
    for (const flag of ["TSYNC", "LOG", "SPEC_ALLOW"] as const)
      ok(supportedFlags.includes(`SECCOMP_FILTER_FLAG_${flag}`), flag);
  });
});
