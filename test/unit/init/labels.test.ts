/** No machine of the tests runs SELinux: a folder with files of the same names stands for its /proc/self/attr. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { Process } from "@opencontainers-types";
import { ENOENT, O_CREAT, O_WRONLY } from "#abi";
import { openLabelsIn } from "../../../src/init/labels.ts";
import { isErrno } from "../../../src/linux/errno.ts";
import { listDirectory, mkdirAt, readText, writeText } from "../../../src/linux/fs.ts";
import { inScratch } from "../linux/scratch.ts";

const SELINUX = { exec: "", keycreate: "", current: "system_u:system_r:container_runtime_t:s0\0" };
const LABEL = "system_u:system_r:container_t:s0:c1,c2";

type Files = Record<string, string>;

/** What the files hold after each of the two steps. */
function written(process: Partial<Process>, files: Files): Record<"keyring" | "program", Files> {
  let result: Record<"keyring" | "program", Files> | undefined;
  inScratch((attr) => {
    if (Object.keys(files).some((name) => name.startsWith("apparmor/")))
      mkdirAt(attr, "apparmor", 0o755);
    for (const [name, text] of Object.entries(files))
      writeText(name, text, O_CREAT | O_WRONLY, attr, 0o644);
    const read = (): Files =>
      Object.fromEntries(Object.keys(files).map((name) => [name, readText(name, attr)]));
    const labels = openLabelsIn(attr, { cwd: "/", ...process });
    labels.keyring();
    const keyring = read();
    labels.program();
    result = { keyring, program: read() };
  });
  return result as Record<"keyring" | "program", Files>;
}

describe("SELinux", () => {
  test("the label is the keyring's first and then the program's", () => {
    deepEqual(written({ selinuxLabel: LABEL }, SELINUX), {
      keyring: { ...SELINUX, keycreate: LABEL },
      program: { ...SELINUX, keycreate: LABEL, exec: LABEL },
    });
  });

  test("without a label nothing is written", () => {
    deepEqual(written({ selinuxLabel: "" }, SELINUX), { keyring: SELINUX, program: SELINUX });
  });
});

describe("AppArmor", () => {
  const files = (current: string): Files => ({
    "apparmor/exec": "",
    "apparmor/current": `${current}\n`,
    exec: "",
  });
  const CASES: [string, Partial<Process>, string, string][] = [
    ["an unconfined caller's", {}, "unconfined", "exec profile"],
    ["a confined caller's", {}, "docker-default (enforce)", "exec profile"],
    ["one without privileges to gain", { noNewPrivileges: true }, "unconfined", "exec profile"],
    ["both", { noNewPrivileges: true }, "docker-default (enforce)", "stack profile"],
    ["a name that only begins alike", { noNewPrivileges: true }, "unconfined_x", "stack profile"],
  ];
  for (const [name, process, current, text] of CASES)
    test(`the profile of a process: ${name}`, () => {
      const { program } = written({ apparmorProfile: "profile", ...process }, files(current));
      equal(program["apparmor/exec"], text);
      equal(program["exec"], "");
    });

  test("an older kernel's file is found", () => {
    const { program } = written({ apparmorProfile: "p" }, { exec: "", current: "unconfined\n" });
    equal(program["exec"], "exec p");
  });

  test("a kernel that has no such file is an error", () => {
    inScratch((attr) => {
      equal(listDirectory(".", attr).length, 0);
      throws(
        () => openLabelsIn(attr, { cwd: "/", apparmorProfile: "p" }),
        (error) => isErrno(error, ENOENT),
      );
    });
  });
});
