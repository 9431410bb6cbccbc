/** Network devices, each test in network namespaces of its own. Needs root. */
import { deepEqual, equal, notEqual, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  CLONE_NEWNET,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  NETLINK_ROUTE,
  NLM_F_CREATE,
  O_RDONLY,
  RTM_NEWLINK,
} from "#abi";
import { open } from "../../../src/linux/fs.ts";
import { Links } from "../../../src/linux/links.ts";
import { setns, unshare } from "../../../src/linux/namespaces.ts";
import { type Attribute, Netlink, textAttribute } from "../../../src/linux/netlink.ts";
import { encode } from "../../../src/linux/text.ts";
import { inChild } from "./child.ts";

interface Side {
  namespace: number;
  links: Links;
}

const side = (): Side => ({
  namespace: open("/proc/self/ns/net", O_RDONLY),
  links: new Links(),
});

/** Runs `use` in the first of two new network namespaces. */
function betweenTwo(use: (here: Side, there: Side) => void): void {
  inChild(() => {
    const here = side();
    unshare(CLONE_NEWNET);
    const there = side();
    setns(here.namespace, CLONE_NEWNET);
    use(here, there);
  }, CLONE_NEWNET);
}

function nested(type: number, ...attributes: Attribute[]): Attribute {
  const value = attributes.flatMap(({ type, value }) => {
    const length = 4 + value.length;
    return [length & 0xff, length >> 8, type, 0, ...value, ...Array(-length & 3).fill(0)];
  });
  return { type, value: Uint8Array.from(value) };
}

/** Makes a pair of veth devices; the kernel names the other end. */
function makeDevice(name: string): void {
  const route = new Netlink(NETLINK_ROUTE);
  const kind = { type: IFLA_INFO_KIND, value: encode("veth") };
  route.execute({
    type: RTM_NEWLINK,
    what: ["RTM_NEWLINK", name],
    flags: NLM_F_CREATE,
    header: new Uint8Array(16),
    attributes: [
      textAttribute(IFLA_IFNAME, name),
      nested(IFLA_LINKINFO, kind, nested(IFLA_INFO_DATA)),
    ],
  });
  route.close();
}

test("a new namespace has a loopback device that is down, and is set up", () => {
  inChild(() => {
    const links = new Links();
    const lo = links.find("lo");
    deepEqual(lo, { index: 1, name: "lo", isUp: false });
    links.setUp(lo);
    ok(links.at(1).isUp);
    deepEqual(
      links.permanentAddresses(lo),
      [],
      "127.0.0.1 is of the host's scope, and ::1 as well",
    );
  }, CLONE_NEWNET);
});

test("a device that moves has the name and the index that were asked for", () => {
  betweenTwo((here, there) => {
    makeDevice("dev0");
    const device = here.links.find("dev0");
    here.links.move(device, { namespace: there.namespace, index: 1234, name: "eth%d" });
    equal(there.links.at(1234).name, "eth0");
    equal(here.links.has(device.index), undefined);
  });
});

test("an index that is in use is not proposed", () => {
  betweenTwo((_here, { links }) => {
    equal(links.unusedIndex(77), 77);
    notEqual(links.unusedIndex(1), 1);
    equal(links.has(links.unusedIndex(1)), undefined);
  });
});

test("lo stays where it is, and the kernel says why", () => {
  betweenTwo((here, there) => {
    const lo = here.links.find("lo");
    throws(
      () => here.links.move(lo, { namespace: there.namespace, index: 9, name: "lo9" }),
      /RTM_NEWLINK\("lo", "lo9"\): EINVAL \(the kernel says: \S.*\)/,
    );
  });
});
