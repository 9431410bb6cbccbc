/**
 * linux.netDevices: network devices of the host's that become the container's (specification, "Network Devices").
 *
 * The creator does it all, while the container's process waits in its network namespace: each device is moved and renamed
 * in one step, gets its addresses back and is set up. The kernel keeps its other attributes, such as the MTU.
 */
import type { LinuxNetDevice } from "@opencontainers-types";
import { CLONE_NEWNET, EACCES, EEXIST, ENODEV, EPERM, O_RDONLY } from "#abi";
import { Failure, pointerTo } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { close, open } from "../linux/fs.ts";
import { type Link, type LinkAddress, Links } from "../linux/links.ts";
import { visitNamespace } from "../linux/namespaces.ts";
import type { Child } from "../linux/process.ts";

/** A network namespace, kept alive by these descriptors. */
interface Side {
  namespace: number;
  links: Links;
}

const openSide = (): Side => ({
  namespace: open("/proc/self/ns/net", O_RDONLY),
  links: new Links(),
});

function closeSide({ namespace, links }: Side): void {
  links.close();
  close(namespace);
}

interface Device {
  /** What it was on the host. */
  link: Link;
  addresses: LinkAddress[];
  newName: string;
  pointer: string;
  /** Its index in the container, from when it is to be moved there: a name with %d would not find it again. */
  newIndex?: number;
}

/** Devices on their way into a container, until that is created. */
export class NetDevices {
  readonly #host: Side;
  readonly #container: Side;
  #devices: Device[] = [];

  /** `child` stands in the container's network namespace. */
  constructor({ pidfd }: Child) {
    const host = openSide();
    this.#host = host;
    this.#container = step("entering the container's network namespace", "/linux/netDevices", () =>
      visitNamespace(host.namespace, pidfd, CLONE_NEWNET, openSide),
    );
  }

  /** Moves the devices; all are looked up before the first one goes. Throws a Failure. */
  move(devices: Record<string, LinuxNetDevice>): void {
    this.#devices = Object.entries(devices).map(([name, { name: newName }]) =>
      this.#find(name, newName || name),
    );
    for (const device of this.#devices)
      step(`moving the network device ${device.link.name} into the container`, device.pointer, () =>
        this.#move(device),
      );
  }

  #find(name: string, newName: string): Device {
    const { links } = this.#host;
    const pointer = pointerTo("linux", "netDevices", name);
    return step(`looking the network device ${name} up`, pointer, () => {
      const link = links.find(name);
      return { link, addresses: links.permanentAddresses(link), newName, pointer };
    });
  }

  #move(device: Device): void {
    const { link, newName } = device;
    const { links, namespace } = this.#container;
    const index = links.unusedIndex(link.index);
    device.newIndex = index;
    this.#host.links.move(link, { namespace, index, name: newName });
    const moved = links.at(index);
    restore(links, moved, device);
    links.setUp(moved);
  }

  /**
   * A creation that failed returns them, as it undoes all else: with the network namespace a virtual device would be
   * destroyed, and a physical one come back without its name and its addresses. Lets go of the container's namespace.
   * Returns what went wrong.
   */
  giveBack(): string[] {
    const problems = this.#devices.flatMap((device) => {
      try {
        this.#return(device);
        return [];
      } catch (error) {
        return [`returning the network device ${device.link.name}: ${(error as Error).message}`];
      }
    });
    this.close();
    return problems;
  }

  #return(device: Device): void {
    const { link, newIndex } = device;
    const { links, namespace } = this.#host;
    if (newIndex === undefined || links.has(link.index)?.name === link.name) return;
    const index = links.unusedIndex(link.index);
    this.#container.links.move(this.#container.links.at(newIndex), {
      namespace,
      index,
      name: link.name,
    });
    const returned = links.at(index);
    restore(links, returned, device);
    if (link.isUp) links.setUp(returned);
  }

  /** Lets go of the container's network namespace. */
  close(): void {
    for (const side of [this.#host, this.#container]) closeSide(side);
  }
}

/** Gives a device that was moved the addresses that it had on the host. */
function restore(links: Links, moved: Link, { addresses, link }: Device): void {
  for (const address of addresses) links.addAddress(moved, address, link.name);
}

/** As `doing`, with what to do about errors that are the configuration's or the caller's. */
function step<T>(what: string, pointer: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new Failure(what, { cause, pointer, hint: hintFor(cause) });
  }
}

function hintFor(cause: unknown): string | undefined {
  if (isErrno(cause, ENODEV)) return "it must be in the network namespace in which tsrun runs";
  if (isErrno(cause, EEXIST))
    return "the container has a device of that name: choose another one, or a template such as eth%d";
  if (isErrno(cause, EPERM))
    return "only who may administer the network namespace in which tsrun runs can move its devices";
  if (isErrno(cause, EACCES)) return "is IPv6 disabled in the container's network namespace?";
  return undefined;
}
