/** Network devices and their addresses (rtnetlink(7)). */

import {
  AF_UNSPEC,
  ENODEV,
  IFA_F_PERMANENT,
  IFA_FLAGS,
  IFA_LABEL,
  IFF_UP,
  IFLA_IFNAME,
  IFLA_NET_NS_FD,
  IFLA_NEW_IFINDEX,
  NETLINK_ROUTE,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RT_SCOPE_UNIVERSE,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
} from "#abi";
import { unless } from "./errno.ts";
import {
  type Attribute,
  attributesOf,
  Netlink,
  numberAttribute,
  type Request,
  textAttribute,
  textOf,
} from "./netlink.ts";
import { struct } from "./struct.ts";
import { encode } from "./text.ts";

const ifinfomsg = struct({
  family: "u8",
  pad: "u8",
  type: "u16",
  index: "i32",
  flags: "u32",
  change: "u32",
});
const ifaddrmsg = struct({
  family: "u8",
  prefixlen: "u8",
  flags: "u8",
  scope: "u8",
  index: "u32",
});

/** A device's name is at most so many bytes long: IFNAMSIZ without the NUL. */
export const DEVICE_NAME_MAX = 15;

export interface Link {
  index: number;
  name: string;
  isUp: boolean;
}

/** An address of a device, as the kernel told it: its header and its attributes. */
export interface LinkAddress {
  family: number;
  prefixLength: number;
  scope: number;
  attributes: Attribute[];
}

/** Where a device goes: a network namespace's descriptor, and what is unused there. */
export interface Destination {
  namespace: number;
  index: number;
  name: string;
}

/** The network devices of the namespace in which its maker stood. */
export class Links {
  readonly #route = new Netlink(NETLINK_ROUTE);

  close(): void {
    this.#route.close();
  }

  /** Throws Errno: ENODEV. */
  find(name: string): Link {
    return this.#get(["RTM_GETLINK", name], 0, [textAttribute(IFLA_IFNAME, name)]);
  }

  /** Throws Errno: ENODEV. */
  at(index: number): Link {
    return this.#get(["RTM_GETLINK", index], index, []);
  }

  /** As `at`, and undefined where there is none. */
  has(index: number): Link | undefined {
    return unless([ENODEV], () => this.at(index));
  }

  setUp({ index, name }: Link): void {
    const header = ifinfomsg.pack({ index, flags: IFF_UP, change: IFF_UP });
    this.#route.execute({ type: RTM_NEWLINK, what: ["RTM_NEWLINK up", name], header });
  }

  /**
   * Moves a device to another namespace and renames it in the same step, so that its old name can be in use there; a
   * `%d` in the name is numbered by the kernel. The kernel takes it down and forgets its addresses. Throws Errno; if it
   * is the new name that the kernel refuses, the device can have moved nevertheless.
   */
  move({ index, name }: Link, to: Destination): void {
    this.#route.execute({
      type: RTM_NEWLINK,
      what: ["RTM_NEWLINK", name, to.name],
      header: ifinfomsg.pack({ index }),
      attributes: [
        numberAttribute(IFLA_NET_NS_FD, to.namespace),
        textAttribute(IFLA_IFNAME, to.name),
        numberAttribute(IFLA_NEW_IFINDEX, to.index),
      ],
    });
  }

  /** An index that no device has, the one that is wished for if possible. */
  unusedIndex(wish: number): number {
    if (this.has(wish) === undefined) return wish;
    const header = ifinfomsg.pack({});
    const links = this.#route.list({ type: RTM_GETLINK, what: ["RTM_GETLINK"], header });
    return Math.max(...links.map((body) => ifinfomsg.get(body, "index"))) + 1;
  }

  /** The addresses to keep: permanent ones of global scope (specification, "Network Devices"). */
  permanentAddresses({ index, name }: Link): LinkAddress[] {
    const header = ifaddrmsg.pack({ family: AF_UNSPEC, index });
    return this.#route
      .list({ type: RTM_GETADDR, what: ["RTM_GETADDR", name], header })
      .filter((body) => ifaddrmsg.get(body, "index") === index)
      .map(addressOf)
      .filter(({ scope, attributes }) => scope === RT_SCOPE_UNIVERSE && isPermanent(attributes));
  }

  /** Gives a device an address that it, or another one with the name `formerName`, had before. */
  addAddress(link: Link, address: LinkAddress, formerName: string): void {
    const { family, prefixLength, scope, attributes } = address;
    this.#route.execute({
      type: RTM_NEWADDR,
      what: ["RTM_NEWADDR", link.name],
      flags: NLM_F_CREATE | NLM_F_REPLACE,
      header: ifaddrmsg.pack({ family, prefixlen: prefixLength, scope, index: link.index }),
      attributes: attributes.map((attribute) =>
        attribute.type === IFA_LABEL
          ? textAttribute(IFA_LABEL, relabelled(textOf(attribute), formerName, link.name))
          : attribute,
      ),
    });
  }

  #get(what: Request["what"], index: number, attributes: Attribute[]): Link {
    const header = ifinfomsg.pack({ index });
    const body = this.#route.get({ type: RTM_GETLINK, what, header, attributes });
    return linkOf(body);
  }
}

function linkOf(body: Uint8Array): Link {
  const name = attributesOf(body, ifinfomsg.size).find(({ type }) => type === IFLA_IFNAME);
  return {
    index: ifinfomsg.get(body, "index"),
    name: name ? textOf(name) : "",
    isUp: (ifinfomsg.get(body, "flags") & IFF_UP) !== 0,
  };
}

const addressOf = (body: Uint8Array): LinkAddress => ({
  family: ifaddrmsg.get(body, "family"),
  prefixLength: ifaddrmsg.get(body, "prefixlen"),
  scope: ifaddrmsg.get(body, "scope"),
  attributes: attributesOf(body, ifaddrmsg.size),
});

/** The header has room for eight flags only. */
function isPermanent(attributes: readonly Attribute[]): boolean {
  const flags = attributes.find(({ type }) => type === IFA_FLAGS)?.value;
  if (flags === undefined) return false;
  const bits = new DataView(flags.buffer, flags.byteOffset).getUint32(0, true);
  return (bits & IFA_F_PERMANENT) !== 0;
}

/** The label of an IPv4 address is the device's name, with a suffix such as `:1` or without: it follows the name. */
function relabelled(label: string, formerName: string, name: string): string {
  if (label !== formerName && !label.startsWith(`${formerName}:`)) return label;
  const renamed = name + label.slice(formerName.length);
  return encode(renamed).length > DEVICE_NAME_MAX ? name : renamed;
}
