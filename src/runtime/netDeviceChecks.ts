/** What linux.netDevices must fulfil before anything is moved. */
import type { Linux } from "@opencontainers-types";
import { Failure, pointerTo } from "../failure.ts";
import { DEVICE_NAME_MAX } from "../linux/links.ts";
import { encode } from "../linux/text.ts";

/** Throws a Failure. That a joined namespace is not the host's own is checked when it is open. */
export function checkNetDevices({ netDevices = {}, namespaces = [] }: Linux): void {
  const devices = Object.entries(netDevices);
  if (devices.length === 0) return;
  if (!namespaces.some(({ type }) => type === "network"))
    throw new Failure("network devices are moved into a network namespace, and there is none", {
      pointer: "/linux/netDevices",
      hint: 'add {"type": "network"} to linux.namespaces, or remove the devices',
    });
  const taken = new Map<string, string>();
  for (const [hostName, { name = "" }] of devices) {
    const pointer = pointerTo("linux", "netDevices", hostName);
    checkName(hostName, pointer, false);
    const newName = name || hostName;
    if (name) checkName(name, `${pointer}/name`, true);
    const other = taken.get(newName);
    if (other !== undefined && !newName.includes("%d"))
      throw new Failure(`the network devices ${other} and ${hostName} would both be ${newName}`, {
        pointer: `${pointer}/name`,
      });
    taken.set(newName, hostName);
  }
}

/** As the kernel's dev_valid_name has it, and a `%d`, once, only where it may number the device. */
function checkName(name: string, pointer: string, mayBeTemplate: boolean): void {
  const reason = fault(name, mayBeTemplate);
  if (reason !== undefined)
    throw new Failure(`${JSON.stringify(name)} is no name of a network device: ${reason}`, {
      pointer,
    });
}

function fault(name: string, mayBeTemplate: boolean): string | undefined {
  if (name === "") return "it is empty";
  if (name === "." || name === "..") return "it would be a folder's";
  if (encode(name).length > DEVICE_NAME_MAX) return `it has more than ${DEVICE_NAME_MAX} bytes`;
  const plain = mayBeTemplate ? name.replace("%d", "") : name;
  const [forbidden] = plain.match(/[/:%\0\s]/) ?? [];
  return forbidden === undefined ? undefined : `it has a ${JSON.stringify(forbidden)}`;
}
