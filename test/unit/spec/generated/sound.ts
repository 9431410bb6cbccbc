/** Turns a config that keeps to the schemas into one that also keeps what they cannot say, so that it can be planned. */
import type {
  Linux,
  LinuxNamespace,
  LinuxResources,
  LinuxSeccomp,
  Mount,
  Process,
  Scheduler,
  Spec,
} from "@opencontainers-types";
import { knownMountOptions } from "../../../../src/init/mountOptions.ts";
import { sysctlNamespace } from "../../../../src/init/sysctl.ts";

/** Changes it in place. */
export function makeSound(config: Spec): Spec {
  config.root ??= { path: "rootfs" };
  config.process ??= { cwd: "/" };
  config.linux ??= {};
  const { annotations = {} } = config;
  for (const name of Object.keys(annotations))
    if (name.startsWith("org.systemd.property.")) delete annotations[name];
  soundProcess(config.process);
  soundNamespaces(config, config.linux);
  config.mounts?.forEach(soundMount);
  soundLinux(config.linux);
  return config;
}

const unique = <Item>(items: readonly Item[], key: (item: Item) => unknown): Item[] =>
  items.filter((item, i) => items.findIndex((other) => key(other) === key(item)) === i);

function soundProcess(process: Process): void {
  process.args = ["sh", ...(process.args ?? [])];
  process.env = (process.env ?? []).filter((entry) => entry.indexOf("=") > 0);
  if (process.rlimits) process.rlimits = unique(process.rlimits, ({ type }) => type);
  for (const limit of process.rlimits ?? []) limit.soft = limit.hard;
  // Not every machine has them.
  delete process.apparmorProfile;
  delete process.selinuxLabel;
  if (process.scheduler) process.scheduler = soundScheduler(process.scheduler);
  if (process.execCPUAffinity) process.execCPUAffinity = { initial: "0", final: "" };
}

function soundScheduler({ policy, flags = [] }: Scheduler): Scheduler {
  const common = { policy, flags: flags.filter((flag) => flag === "SCHED_FLAG_RESET_ON_FORK") };
  switch (policy) {
    case "SCHED_ISO":
      return { policy: "SCHED_IDLE" };
    case "SCHED_FIFO":
    case "SCHED_RR":
      return { ...common, priority: 1 };
    case "SCHED_DEADLINE":
      return { ...common, runtime: 10_000, deadline: 20_000, period: 30_000 };
    default:
      return common;
  }
}

const IDS = [{ containerID: 0, hostID: 100_000, size: 70_001 }];

/** All that the config's parts need, each of its own. */
function soundNamespaces(config: Spec, linux: Linux): void {
  const sysctls = Object.keys(linux.sysctl ?? {});
  for (const name of sysctls.filter((name) => sysctlNamespace(name) === undefined))
    delete linux.sysctl?.[name];
  if (config.domainname) delete linux.sysctl?.["kernel.domainname"];
  const needed: LinuxNamespace["type"][] = ["mount", "uts", "network", "ipc", "pid", "time"];
  const asked = (linux.namespaces ?? []).map(({ type }) => type);
  linux.namespaces = unique([...needed, ...asked], (type) => type).map((type) => ({ type }));
  const hasUser = asked.includes("user");
  for (const name of ["uidMappings", "gidMappings"] as const)
    if (hasUser) linux[name] = structuredClone(IDS);
    else delete linux[name];
  if (hasUser && config.process) config.process.user = { uid: 0, gid: 0 };
}

const ofAnyMount = knownMountOptions().filter((option) => !option.endsWith("idmap"));

function soundMount(mount: Mount): void {
  mount.source ||= "source";
  mount.type ||= "tmpfs";
  // A file system's own are not for a bind mount.
  mount.options = (mount.options ?? []).filter((option) => ofAnyMount.includes(option));
  delete mount.uidMappings;
  delete mount.gidMappings;
}

function soundLinux(linux: Linux): void {
  const { devices = [], memoryPolicy, timeOffsets = {} } = linux;
  for (const device of devices) for (const id of ["uid", "gid"] as const) device[id] = 0;
  // A name for both cgroup managers.
  if (linux.cgroupsPath) linux.cgroupsPath = "system.slice:a:b";
  if (memoryPolicy) linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0" };
  for (const offset of Object.values(timeOffsets)) Object.assign(offset, { secs: 1, nanosecs: 1 });
  // Not every machine has them.
  delete linux.mountLabel;
  delete linux.intelRdt;
  if (linux.netDevices) linux.netDevices = { eth0: { name: "eth1" } };
  if (linux.seccomp) soundSeccomp(linux.seccomp);
  if (linux.resources) soundResources(linux.resources);
}

function soundSeccomp(seccomp: LinuxSeccomp): void {
  seccomp.defaultAction = "SCMP_ACT_ALLOW";
  for (const name of ["defaultErrnoRet", "listenerPath", "listenerMetadata"] as const)
    delete seccomp[name];
  seccomp.flags = (seccomp.flags ?? []).filter((flag) => !flag.endsWith("WAIT_KILLABLE_RECV"));
  for (const call of seccomp.syscalls ?? []) {
    call.names = ["read", "no_such_call"];
    call.action = "SCMP_ACT_ERRNO";
    call.errnoRet = 1;
    for (const condition of call.args ?? []) condition.index %= 6;
  }
}

/** cgroup v2 cannot express the others (docs/cgroups.md). */
function soundResources(resources: LinuxResources): void {
  delete resources.network;
  if (resources.unified) resources.unified = { "memory.high": "max" };
  if (resources.memory) {
    const { limit: asked = -1 } = resources.memory;
    const limit = asked < 0 ? -1 : asked;
    resources.memory = { limit, swap: limit };
  }
  if (resources.cpu) {
    const { shares, cpus, mems } = resources.cpu;
    resources.cpu = {
      ...(shares === undefined ? {} : { shares }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(mems === undefined ? {} : { mems }),
    };
  }
  delete resources.blockIO?.leafWeight;
  if (resources.blockIO?.weight) resources.blockIO.weight = 500;
  for (const device of resources.blockIO?.weightDevice ?? []) {
    delete device.leafWeight;
    device.weight = 500;
  }
  if (resources.rdma) resources.rdma = { mlx5_1: { hcaHandles: 1 } };
  for (const rule of resources.devices ?? []) {
    rule.access = "rwm";
    rule.major = 1;
    rule.minor = -1;
  }
}
