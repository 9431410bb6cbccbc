import { equal } from "node:assert/strict";
import { describe, test } from "node:test";
import { sysctlNamespace, sysctlPath } from "../../../src/init/sysctl.ts";

/** A parameter, its namespace and its path below /proc. */
const parameters: [name: string, namespace: string | undefined, path: string][] = [
  ["kernel.shmmax", "ipc", "sys/kernel/shmmax"],
  ["kernel/shmmax", "ipc", "sys/kernel/shmmax"],
  ["kernel.msgmax", "ipc", "sys/kernel/msgmax"],
  ["kernel.msgmnb", "ipc", "sys/kernel/msgmnb"],
  ["kernel.msgmni", "ipc", "sys/kernel/msgmni"],
  ["kernel.sem", "ipc", "sys/kernel/sem"],
  ["kernel.shmall", "ipc", "sys/kernel/shmall"],
  ["kernel.shmmni", "ipc", "sys/kernel/shmmni"],
  ["kernel.shm_rmid_forced", "ipc", "sys/kernel/shm_rmid_forced"],
  ["kernel.shm_next_id", "ipc", "sys/kernel/shm_next_id"],
  ["kernel.auto_msgmni", "ipc", "sys/kernel/auto_msgmni"],
  ["user.max_user_namespaces", "user", "sys/user/max_user_namespaces"],
  ["fs.mqueue.msg_max", "ipc", "sys/fs/mqueue/msg_max"],
  ["net.ipv4.ip_forward", "network", "sys/net/ipv4/ip_forward"],
  ["net/ipv4/ip_forward", "network", "sys/net/ipv4/ip_forward"],
  ["net.ipv4.conf.eth0/1.forwarding", "network", "sys/net/ipv4/conf/eth0.1/forwarding"],
  ["net/ipv4/conf/eth0.1/forwarding", "network", "sys/net/ipv4/conf/eth0.1/forwarding"],
  ["kernel.hostname", "uts", "sys/kernel/hostname"],
  ["kernel.domainname", "uts", "sys/kernel/domainname"],
  // The whole host's.
  // In a namespace since Linux 6.14 only.
  ["kernel.pid_max", undefined, "sys/kernel/pid_max"],
  ["kernel.cap_last_cap", undefined, "sys/kernel/cap_last_cap"],
  ["kernel.core_pattern", undefined, "sys/kernel/core_pattern"],
  ["kernel", undefined, "sys/kernel"],
  ["vm.swappiness", undefined, "sys/vm/swappiness"],
  ["fs.file-max", undefined, "sys/fs/file-max"],
  ["fs.mqueuefoo", undefined, "sys/fs/mqueuefoo"],
  ["netfoo.ipv4", undefined, "sys/netfoo/ipv4"],
  ["sem", undefined, "sys/sem"],
  ["", undefined, "sys/"],
];

describe("a parameter belongs to a namespace, or to the host", () => {
  for (const [name, namespace, path] of parameters)
    test(JSON.stringify(name), () => {
      equal(sysctlNamespace(name), namespace);
      equal(sysctlPath(name), path);
    });
});

describe("a name does not lead to another namespace's parameters", () => {
  const names = [
    "net/../kernel/core_pattern",
    "net/ipv4/../../kernel/core_pattern",
    "net.//.kernel.core_pattern",
    "kernel/shmmax/../core_pattern",
    "/kernel/shmmax",
    "../sys/kernel/shmmax",
    "./net/ipv4/ip_forward",
    "kernel/./core_pattern",
    "fs/mqueue/../file-max",
  ];
  for (const name of names)
    test(name, () => {
      equal(sysctlNamespace(name), undefined);
    });
});
