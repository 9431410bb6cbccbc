/** Whose a container's cgroup is to be (cgroupOwner.ts; config-linux.md, "Cgroup ownership"). */
import { equal } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxNamespace, Mount, Spec } from "@opencontainers-types";
import { cgroupOwner } from "../../../src/runtime/cgroupOwner.ts";

const cgroup: Mount = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" };

interface Given {
  namespaces?: LinuxNamespace[];
  mount?: Partial<Mount>;
  uid?: number;
}

const owner = ({ namespaces, mount = {}, uid = 0 }: Given): number | undefined => {
  const config: Spec = {
    ociVersion: "1.3.0",
    process: { cwd: "/", args: ["sh"], user: { uid, gid: 0 } },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { ...cgroup, ...mount },
    ],
    linux: {
      namespaces: namespaces ?? [{ type: "user" }, { type: "cgroup" }],
      uidMappings: [{ containerID: 0, hostID: 100_000, size: 1001 }],
    },
  };
  return cgroupOwner(config);
};

describe("the owner of the cgroup", () => {
  const hosts: LinuxNamespace[] = [{ type: "cgroup" }];
  const cases: [string, Given, number | undefined][] = [
    ["the user namespace's root", {}, 100_000],
    ["its user", { uid: 1000 }, 101_000],
    ["a user of the host", { namespaces: hosts, uid: 1000 }, 1000],
    ["as type cgroup2", { mount: { type: "cgroup2" } }, 100_000],
    ["by another way to write the place", { mount: { destination: "/sys//fs/cgroup/" } }, 100_000],
    ["read-write by name", { mount: { options: ["nosuid", "rw"] } }, 100_000],
    ["root stays root", { namespaces: hosts }, undefined],
    ["read-only", { mount: { options: ["nosuid", "ro"] } }, undefined],
    ["read-only with all below", { mount: { options: ["rro"] } }, undefined],
    ["at another place", { mount: { destination: "/cgroup" } }, undefined],
    ["of another source", { mount: { source: "cgroup2" } }, undefined],
    ["a folder of that name", { mount: { type: "bind" } }, undefined],
    ["without a cgroup namespace", { namespaces: [{ type: "user" }] }, undefined],
    [
      "in a cgroup namespace that is joined",
      { namespaces: [{ type: "user" }, { type: "cgroup", path: "/c" }] },
      undefined,
    ],
    ["a user that is not mapped", { uid: 5000 }, undefined],
  ];
  for (const [name, given, expected] of cases)
    test(name, () => {
      equal(owner(given), expected);
    });
});
