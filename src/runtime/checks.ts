/** What a config.json must fulfil beyond its schema: parts that need each other, and parts that are not built yet. */
import type { LinuxNamespace, Process, Spec } from "@opencontainers-types";
import { O_RDONLY } from "#abi";
import { Failure } from "../failure.ts";
import type { OpenedNamespace } from "../init/namespaces.ts";
import { sysctlNamespace, sysctlPointer } from "../init/sysctl.ts";
import { open, stat, using } from "../linux/fs.ts";
import { NAMESPACES } from "../linux/namespaces.ts";
import { checkUserNamespace } from "./userNamespaceChecks.ts";

/** Checks a config that keeps to its schema. Returns its process. Throws a Failure. */
export function checkConfig(config: Spec): Process {
  const { process, root, linux } = config;
  if (!process) throw new Failure("config.json has no process to run", { pointer: "/process" });
  if (!process.args?.length || process.args[0] === "")
    throw new Failure("process.args names no program", { pointer: "/process/args" });
  if (!root?.path) throw new Failure("config.json has no root filesystem", { pointer: "/root" });
  const isPrivate = (type: string) =>
    linux?.namespaces?.some((namespace) => namespace.type === type) ?? false;
  if (!isPrivate("mount"))
    throw new Failure(
      "a container without a mount namespace of its own is not supported by this version of tsrun",
      {
        pointer: "/linux/namespaces",
        hint: 'add {"type": "mount"}',
      },
    );
  refuseJoinedMounts(linux?.namespaces ?? []);
  checkNames(config, isPrivate("uts"));
  checkSysctls(linux?.sysctl ?? {}, isPrivate);
  checkProcess(process);
  refuseUnsupported(config);
  checkUserNamespace(config);
  return process;
}

/** Its root would be pivoted away under those who live in it. */
function refuseJoinedMounts(namespaces: readonly LinuxNamespace[]): void {
  const i = namespaces.findIndex(({ type, path }) => type === "mount" && path);
  if (i >= 0)
    throw new Failure("joining a mount namespace is not supported by this version of tsrun", {
      pointer: `/linux/namespaces/${i}/path`,
    });
}

/** What is set through a namespace must not reach the host's by the way of a path to it. Throws a Failure. */
export function checkJoined(
  { hostname, domainname, linux }: Spec,
  joined: readonly OpenedNamespace[],
): void {
  const sysctls = Object.keys(linux?.sysctl ?? {}).map(sysctlNamespace);
  const set = new Set([...sysctls, hostname || domainname ? "uts" : undefined]);
  for (const { fd, join } of joined.filter(({ join }) => set.has(join.type))) {
    const own = open(`/proc/self/ns/${NAMESPACES[join.type].file}`, O_RDONLY);
    if (using(own, stat).ino === stat(fd).ino)
      throw new Failure(
        `${join.path} is the host's own, and config.json would change what belongs to it`,
        {
          pointer: join.pointer,
        },
      );
  }
}

function checkNames({ hostname, domainname }: Spec, hasUts: boolean): void {
  if (hasUts) return;
  const hint = 'add {"type": "uts"} to linux.namespaces, or remove the name';
  if (hostname)
    throw new Failure("a hostname would change the host's without a UTS namespace", {
      pointer: "/hostname",
      hint,
    });
  if (domainname)
    throw new Failure("a domain name would change the host's without a UTS namespace", {
      pointer: "/domainname",
      hint,
    });
}

/** "Duplicate entries … MUST generate an error" (specification, "POSIX process"); and C strings end at a NUL. */
function checkProcess({ rlimits = [], args = [], env = [] }: Process): void {
  rlimits.forEach(({ type }, i) => {
    if (rlimits.findIndex((other) => other.type === type) !== i)
      throw new Failure(`the resource limit ${type} is given twice`, {
        pointer: `/process/rlimits/${i}`,
      });
  });
  const nameless = env.findIndex((entry) => entry.indexOf("=") <= 0);
  if (nameless >= 0)
    throw new Failure(
      `${JSON.stringify(env[nameless])} is no environment variable: it has no NAME=`,
      {
        pointer: `/process/env/${nameless}`,
      },
    );
  for (const [name, strings] of Object.entries({ args, env })) {
    const i = strings.findIndex((text) => text.includes("\0"));
    if (i >= 0)
      throw new Failure("a string with a NUL character cannot be passed to a program", {
        pointer: `/process/${name}/${i}`,
      });
  }
}

function checkSysctls(sysctls: Record<string, string>, isPrivate: (type: string) => boolean): void {
  for (const name of Object.keys(sysctls)) {
    const pointer = sysctlPointer(name);
    const namespace = sysctlNamespace(name);
    if (namespace === undefined)
      throw new Failure(`the sysctl ${name} is not one of a namespace`, { pointer });
    if (!isPrivate(namespace))
      throw new Failure(
        `the sysctl ${name} would change the host's without a ${namespace} namespace`,
        { pointer },
      );
  }
}

/** What is not built is refused: a field that is ignored is a lie. */
function refuseUnsupported({ process, mounts, linux }: Spec): void {
  const pointers: string[] = [];
  const refuse = (pointer: string, value: unknown) => {
    if (asksForSomething(value)) pointers.push(pointer);
  };
  refuse("/process/apparmorProfile", process?.apparmorProfile);
  refuse("/process/selinuxLabel", process?.selinuxLabel);
  refuse("/process/scheduler", process?.scheduler);
  refuse("/process/ioPriority", process?.ioPriority);
  refuse("/process/execCPUAffinity", process?.execCPUAffinity);
  linux?.namespaces?.forEach(({ type, path }, i) => {
    refuse(`/linux/namespaces/${i}`, type === "time" || (type === "user" && path));
  });
  refuse("/linux/timeOffsets", linux?.timeOffsets);
  refuse("/linux/netDevices", linux?.netDevices);
  refuse("/linux/seccomp", linux?.seccomp);
  refuse("/linux/intelRdt", linux?.intelRdt);
  refuse("/linux/memoryPolicy", linux?.memoryPolicy);
  refuse("/linux/mountLabel", linux?.mountLabel);
  mounts?.forEach(({ uidMappings, gidMappings }, i) => {
    refuse(`/mounts/${i}/uidMappings`, uidMappings);
    refuse(`/mounts/${i}/gidMappings`, gidMappings);
  });
  if (pointers.length > 0)
    throw new Failure(
      `config.json asks for what this version of tsrun does not do: ${pointers.join(", ")}`,
    );
}

/** Engines write empty lists, objects and strings for what they do not ask for. */
function asksForSomething(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === "object" ? Object.keys(value ?? {}).length > 0 : Boolean(value);
}
