/** What linux.sysctl must fulfil: parameters of the container's own namespaces, each set once. */
import type { Spec } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import { sysctlNamespace, sysctlPath, sysctlPointer } from "../init/sysctl.ts";

/** Throws a Failure. That a joined namespace is not the host's own is checked when it is open. */
export function checkSysctls({ domainname, linux }: Spec): void {
  const sysctls = Object.entries(linux?.sysctl ?? {});
  const isPrivate = (type: string) => linux?.namespaces?.some((each) => each.type === type);
  const seen = new Map<string, string>();
  for (const [name, value] of sysctls) {
    const pointer = sysctlPointer(name);
    const namespace = sysctlNamespace(name);
    if (namespace === undefined)
      throw new Failure(`the sysctl ${name} is not one of a namespace`, {
        pointer,
        hint: "a container can have net.*, fs.mqueue.*, user.* and the System V IPC parameters of kernel.*: set others on the host",
      });
    const path = sysctlPath(name);
    const namesHost = path === "sys/kernel/hostname";
    if (namesHost || (path === "sys/kernel/domainname" && domainname && domainname !== value))
      throw new Failure(
        `the sysctl ${name} would set what the field ${namesHost ? "hostname" : "domainname"} is for`,
        { pointer, hint: "use that field" },
      );
    if (!isPrivate(namespace))
      throw new Failure(
        `the sysctl ${name} would change the host's without a ${namespace} namespace`,
        { pointer, hint: `add {"type": "${namespace}"} to linux.namespaces` },
      );
    const other = seen.get(path);
    if (other !== undefined)
      throw new Failure(`${other} and ${name} are the same sysctl`, { pointer });
    seen.set(path, name);
    checkValue(name, value, pointer);
  }
}

/** The kernel reads one line, and would ignore what follows it without a word. */
function checkValue(name: string, value: string, pointer: string): void {
  if (/\n[^\n]|\0/.test(value))
    throw new Failure(`the value of the sysctl ${name} is not one line of text`, { pointer });
}
