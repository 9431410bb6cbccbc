/** All that is decided about a config before anything is made, each step by itself. `bundled.ts` makes it one module. */
import type { Process, Spec } from "@opencontainers-types";
import { readConfig } from "../../../../spec/config.ts";
import { deviceProgram } from "../../../../src/cgroup/devices/filter.ts";
import { readDeviceRules, withDefaults } from "../../../../src/cgroup/devices/rules.ts";
import { groupPath } from "../../../../src/cgroup/path.ts";
import { planResources } from "../../../../src/cgroup/resources/plan.ts";
import { annotatedProperties } from "../../../../src/cgroup/systemd/annotations.ts";
import {
  initialPropertiesOf,
  propertiesOf,
  roundedForSystemd,
} from "../../../../src/cgroup/systemd/properties.ts";
import { scopeName } from "../../../../src/cgroup/systemd/unit.ts";
import { doing, Failure } from "../../../../src/failure.ts";
import type { InitEnd } from "../../../../src/init/channel.ts";
import { planNamespaces } from "../../../../src/init/namespaces.ts";
import { close } from "../../../../src/linux/fs.ts";
import { cgroupOwner } from "../../../../src/runtime/cgroupOwner.ts";
import { checkConfig } from "../../../../src/runtime/checks.ts";
import type { Construction } from "../../../../src/runtime/construction.ts";
import { planInit } from "../../../../src/runtime/initPlan.ts";
import { mergeResources } from "../../../../src/runtime/mergeResources.ts";
import { readProfile } from "../../../../src/seccomp/profile.ts";

/** How a step has ended: with nothing, or with this error. */
export type Ending = { step: string; error?: unknown };

const MACHINE = { hasFile: () => true, cpuPeriod: () => 100_000n };
/** Versions of systemd around which what it knows changes. */
const SYSTEMD = [247, 252, 253, 257];

/** As after the config has been checked. */
const STEPS: Readonly<Record<string, (config: Spec, process: Process) => unknown>> = {
  plan,
  resources({ linux }) {
    const { settings } = planResources(linux?.resources);
    for (const version of SYSTEMD) {
      propertiesOf(settings, version, MACHINE);
      initialPropertiesOf(settings, version);
    }
    roundedForSystemd(settings);
  },
  merge: ({ linux }) => mergeResources(linux?.resources ?? {}, linux?.resources ?? {}),
  devices: ({ linux }) =>
    void deviceProgram(withDefaults(readDeviceRules(linux?.resources?.devices ?? []))),
  // As their drivers do.
  group: ({ linux }) =>
    doing("choosing", "/linux/cgroupsPath", () =>
      groupPath(linux?.cgroupsPath, "id", () => "/a/b"),
    ),
  scope: ({ linux }) =>
    doing("choosing", "/linux/cgroupsPath", () => scopeName(linux?.cgroupsPath, "id", false)),
  seccomp: ({ linux }) => linux?.seccomp?.defaultAction && readProfile(linux.seccomp),
  annotations: ({ annotations = {} }) => annotatedProperties(annotations),
  owner: (config) => cgroupOwner(config),
};

/** The steps for a config.json of this text, after it was read. Throws what reading it throws. */
export function planText(text: string): Ending[] {
  const config = readConfig(text);
  const steps: typeof STEPS = { check: () => checkConfig(config), ...STEPS };
  const process = config.process ?? { cwd: "/" };
  return Object.entries(steps).map(([step, decide]) => {
    try {
      decide(config, process);
      return { step };
    } catch (error) {
      return { step, error };
    }
  });
}

export const isFailure = (error: unknown): error is Failure => error instanceof Failure;

function plan(config: Spec, process: Process): void {
  try {
    const { joins } = planInit(construction(config, process), CHANNEL, false);
    for (const { fd } of joins) close(fd);
  } catch (error) {
    // What has ids mapped gets a namespace for them, after all that can be refused; Node cannot make one.
    if (!(error instanceof TypeError && error.message.includes("cannot fork"))) throw error;
  }
}

/** It is only handed on. */
const CHANNEL = {} as InitEnd;

/** What is known when the container's process is planned. */
function construction(config: Spec, process: Process): Construction {
  return {
    context: {
      root: "/run/tsrun",
      cgroupManager: "cgroupfs",
      caller: { isUser: false, ruid: 0 },
      warn: () => {},
    },
    options: {
      id: "id",
      bundle: "/bundle",
      noPivot: false,
      noNewKeyring: false,
      preserveFds: 0,
      listenFds: 0,
    },
    bundle: { path: "/bundle", config, process, rootfs: "/bundle/rootfs" },
    namespaces: planNamespaces(config.linux?.namespaces ?? []),
    state: {
      ociVersion: config.ociVersion,
      id: "id",
      bundle: "/bundle",
      rootfs: "/bundle/rootfs",
      annotations: config.annotations ?? {},
      endsWithProcess: true,
      hooks: {},
    },
    settings: [],
  } as unknown as Construction;
}
