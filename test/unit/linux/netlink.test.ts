import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { ENODEV, IFLA_IFNAME, IFLA_MTU, NETLINK_ROUTE, RTM_GETADDR, RTM_GETLINK } from "#abi";
import { Errno } from "../../../src/linux/errno.ts";
import {
  attributesOf,
  Netlink,
  numberAttribute,
  textAttribute,
  textOf,
} from "../../../src/linux/netlink.ts";

const IFINFOMSG_SIZE = 16;

function withRoute(use: (route: Netlink) => void): void {
  const route = new Netlink(NETLINK_ROUTE);
  try {
    use(route);
  } finally {
    route.close();
  }
}

describe("what the kernel says", () => {
  test("of one object: its header and its attributes", () => {
    withRoute((route) => {
      const body = route.get({
        type: RTM_GETLINK,
        what: ["RTM_GETLINK", "lo"],
        header: new Uint8Array(IFINFOMSG_SIZE),
        attributes: [textAttribute(IFLA_IFNAME, "lo")],
      });
      const attributes = attributesOf(body, IFINFOMSG_SIZE);
      const name = attributes.find(({ type }) => type === IFLA_IFNAME);
      equal(name && textOf(name), "lo");
      equal(attributes.find(({ type }) => type === IFLA_MTU)?.value.length, 4);
    });
  });

  test("of all objects, request after request", () => {
    withRoute((route) => {
      const header = new Uint8Array(IFINFOMSG_SIZE);
      const list = () => route.list({ type: RTM_GETLINK, what: ["RTM_GETLINK"], header });
      ok(list().length >= 1);
      deepEqual(list().map(nameIn), list().map(nameIn));
    });
  });

  test("of one that is not there, by name", () => {
    withRoute((route) => {
      const request = {
        type: RTM_GETLINK,
        what: ["RTM_GETLINK", "missing"],
        header: new Uint8Array(IFINFOMSG_SIZE),
        attributes: [textAttribute(IFLA_IFNAME, "missing")],
      } as const;
      throws(
        () => route.get(request),
        (error: unknown) =>
          error instanceof Errno &&
          error.errno === ENODEV &&
          error.message.startsWith('RTM_GETLINK("missing"): ENODEV'),
      );
    });
  });

  test("of a mistake, in its own words", () => {
    withRoute((route) => {
      const header = new Uint8Array(1);
      throws(
        () => route.list({ type: RTM_GETADDR, what: ["RTM_GETADDR"], header }),
        /^Errno: RTM_GETADDR\(\): EINVAL \(the kernel says: \S.*\)$/,
      );
    });
  });
});

const nameIn = (body: Uint8Array): string | undefined => {
  const name = attributesOf(body, IFINFOMSG_SIZE).find(({ type }) => type === IFLA_IFNAME);
  return name && textOf(name);
};

describe("attributes", () => {
  test("a text ends with a NUL, a number has four bytes", () => {
    deepEqual([...textAttribute(3, "lo").value], [0x6c, 0x6f, 0]);
    deepEqual([...numberAttribute(3, 0x01020304).value], [4, 3, 2, 1]);
    equal(textOf({ type: 3, value: Uint8Array.of(0x6c, 0x6f) }), "lo");
  });

  test("each begins at a multiple of four bytes", () => {
    const body = Uint8Array.of(9, 9, 9, 0, 5, 0, 7, 0, 1, 0, 0, 0, 4, 0, 8, 0);
    deepEqual(
      attributesOf(body, 3).map(({ type, value }) => [type, ...value]),
      [[7, 1], [8]],
    );
  });

  for (const [what, length] of [
    ["shorter than its header", 3],
    ["longer than the message", 9],
  ] as const)
    test(`one that is ${what} is refused`, () => {
      throws(() => attributesOf(Uint8Array.of(length, 0, 1, 0, 0, 0, 0, 0), 0), RangeError);
    });
});
