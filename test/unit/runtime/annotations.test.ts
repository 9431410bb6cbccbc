/** Annotations that mean something to crun: what is honoured, and what is refused and why. */
import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "@opencontainers-types";
import { ANNOTATIONS, checkAnnotations } from "../../../src/runtime/annotations.ts";

const check = (annotations: Record<string, string>, rest: Partial<Spec> = {}): void =>
  checkAnnotations({ ociVersion: "1.2.0", annotations, ...rest });

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
  check(nothing);
  check({ "run.oci.keep_original_groups": "1", "org.example": "run.oci.handler" });
});

test("a kind of context that no mount has", () => {
  for (const type of ["context", "fscontext", "defcontext", "rootcontext"])
    check({ "run.oci.mount_context_type": type });
  throws(() => check({ "run.oci.mount_context_type": "seclabel" }), /no mount has such a context/);
});

test("what hooks write goes to absolute paths only", () => {
  for (const name of ["run.oci.hooks.stdout", "run.oci.hooks.stderr"]) {
    check({ [name]: "/out" });
    for (const path of ["", "out"]) throws(() => check({ [name]: path }), /an absolute path/, name);
  }
});

test("no name of Object's own is an annotation", () => {
  check({ "run.oci.": "", toString: "x" });
  deepEqual(
    Object.keys(ANNOTATIONS).filter((name) => !name.startsWith("run.oci.")),
    [],
  );
});
