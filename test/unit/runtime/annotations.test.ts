/** Annotations that mean something to crun: what is honoured, and what is refused and why. */
import { deepEqual, match, throws } from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "@opencontainers-types";
import { ANNOTATIONS, checkAnnotations } from "../../../src/runtime/annotations.ts";

/** The warnings. */
function check(annotations: Record<string, string>, rest: Partial<Spec> = {}): string[] {
  const warnings: string[] = [];
  const config = { ociVersion: "1.2.0", annotations, ...rest };
  checkAnnotations(config, (message) => warnings.push(message));
  return warnings;
}

const REFUSED: Readonly<Record<string, string>> = {
  "run.oci.seccomp.receiver": "/run/agent",
  "run.oci.seccomp.plugins": "a.so",
  "run.oci.seccomp_bpf_data": "AAAA",
  "run.oci.pidfd_receiver": "/run/receiver",
  "run.oci.systemd.force_cgroup_v1": "/sys/fs/cgroup/systemd",
  "run.oci.systemd.subgroup": "below",
  "run.oci.delegate-cgroup": "below",
  "run.oci.handler": "krun",
};

test("those that are refused say why", () => {
  for (const [name, value] of Object.entries(REFUSED))
    throws(
      () => check({ [name]: value }),
      ({ message }: Error) =>
        message.startsWith(`the annotation ${name}=${JSON.stringify(value)}: `) &&
        message.includes(`(config.json /annotations/${name})`),
      name,
    );
});

test("a value that asks for nothing is accepted", () => {
  const nothing = { "run.oci.systemd.subgroup": "", "run.oci.delegate-cgroup": "" };
  deepEqual(check(nothing), []);
  deepEqual(check({ "run.oci.keep_original_groups": "1", "org.example": "run.oci.handler" }), []);
});

test("a kind of context that mounts do not get", () => {
  const type = { "run.oci.mount_context_type": "rootcontext" };
  const linux = { mountLabel: "system_u:object_r:container_file_t:s0" };
  throws(() => check(type, { linux }), /mounts are labelled by the option context only/);
  deepEqual(check(type), []);
  deepEqual(check({ "run.oci.mount_context_type": "context" }, { linux }), []);
});

test("the output of hooks is warned of", () => {
  const files = { "run.oci.hooks.stdout": "/out", "run.oci.hooks.stderr": "/err" };
  deepEqual(check(files), []);
  const warnings = check(files, { hooks: { poststop: [{ path: "/bin/true" }] } });
  for (const name of Object.keys(files))
    match(warnings.shift() ?? "", new RegExp(`${name} is ignored: what hooks write`));
});

test("no name of Object's own is an annotation", () => {
  deepEqual(check({ "run.oci.": "", toString: "x" }), []);
  deepEqual(
    Object.keys(ANNOTATIONS).filter((name) => !name.startsWith("run.oci.")),
    [],
  );
});
