import { deepEqual, equal, notEqual, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { F_GETFD, FD_CLOEXEC, MFD_CLOEXEC, SEEK_SET, SOCK_SEQPACKET, SOCK_STREAM } from "#abi";
import { close, fcntl, lseek, memfd, readBytes, stat, writeAll } from "../../../src/linux/fs.ts";
import {
  accept,
  connectTo,
  listenAt,
  receive,
  SOCKET_PATH_MAX,
  send,
  socketpair,
} from "../../../src/linux/socket.ts";
import { decode, encode } from "../../../src/linux/text.ts";
import { descriptorCount, inScratch } from "./scratch.ts";

/** Runs `use` with both ends of a pair, and checks that no descriptor is left behind. */
function withPair(type: number, use: (left: number, right: number) => void): void {
  const before = descriptorCount();
  const [left, right] = socketpair(type);
  try {
    use(left, right);
  } finally {
    close(left);
    close(right);
  }
  ok(descriptorCount() <= before, "a descriptor is left open");
}

const textOf = (fd: number): string | undefined => {
  const received = receive(fd, 65536);
  return received && decode(received.data);
};

describe("messages", () => {
  test("keep their bounds", () => {
    withPair(SOCK_SEQPACKET, (left, right) => {
      equal(fcntl(left, F_GETFD), FD_CLOEXEC);
      equal(fcntl(right, F_GETFD), FD_CLOEXEC);
      for (const text of ["one", "two, longer", "é"]) send(left, encode(text));
      deepEqual([textOf(right), textOf(right), textOf(right)], ["one", "two, longer", "é"]);
      send(right, encode("back"));
      equal(textOf(left), "back");
    });
  });

  test("end when the other end is closed", () => {
    withPair(SOCK_SEQPACKET, (left, right) => {
      send(left, encode("last"));
      close(left);
      equal(textOf(right), "last");
      equal(receive(right, 100), undefined);
      throws(() => send(right, encode("x")), { message: "sendmsg(): EPIPE" });
    });
  });

  test("come in part of a stream", () => {
    withPair(SOCK_STREAM, (left, right) => {
      send(left, encode("abcdef"));
      deepEqual([...(receive(right, 4)?.data ?? [])], [...encode("abcd")]);
      equal(textOf(right), "ef");
    });
  });

  test("of 64 KiB arrive whole", () => {
    withPair(SOCK_SEQPACKET, (left, right) => {
      const data = new Uint8Array(65536).map((_, i) => i * 7);
      send(left, data);
      deepEqual(receive(right, 65536)?.data, data);
    });
  });

  test("are not silently cut to the limit", () => {
    withPair(SOCK_SEQPACKET, (left, right) => {
      send(left, encode("too long"));
      throws(() => receive(right, 4), RangeError);
    });
  });
});

describe("descriptors", () => {
  test("are the same files on the other side", () => {
    withPair(SOCK_SEQPACKET, (left, right) => {
      const file = memfd("passed", MFD_CLOEXEC);
      writeAll(file, "content");
      const { ino } = stat(file);
      send(left, encode("message"), [file]);
      close(file);
      const received = receive(right, 100);
      equal(decode(received?.data ?? new Uint8Array()), "message");
      equal(received?.descriptors.length, 1);
      const copy = received?.descriptors[0] as number;
      equal(stat(copy).ino, ino);
      equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
      lseek(copy, 0, SEEK_SET);
      equal(decode(readBytes(copy)), "content");
      close(copy);
    });
  });

  for (const type of [SOCK_STREAM, SOCK_SEQPACKET])
    test(`come in their order, up to sixteen (type ${type})`, () => {
      withPair(type, (left, right) => {
        for (const count of [1, 2, 3, 16]) {
          const files = Array.from({ length: count }, (_, i) => memfd(`file${i}`, MFD_CLOEXEC));
          const inodes = files.map((fd) => stat(fd).ino);
          send(left, encode("x"), files);
          files.forEach(close);
          const { descriptors } = receive(right, 100) ?? { descriptors: [] };
          deepEqual(
            descriptors.map((fd) => stat(fd).ino),
            inodes,
          );
          descriptors.forEach(close);
        }
      });
    });

  test("beyond sixteen are refused, and none stays open", () => {
    withPair(SOCK_SEQPACKET, (left, right) => {
      send(left, encode("x"), Array<number>(17).fill(left));
      throws(() => receive(right, 100), {
        name: "RangeError",
        message: /more than 16 descriptors/,
      });
    });
  });

  test("that are not open are not sent", () => {
    withPair(SOCK_SEQPACKET, (left) => {
      throws(() => send(left, encode("x"), [99999]), { code: "EBADF" });
    });
  });
});

describe("sockets with a path", () => {
  test("connect", () => {
    inScratch((_, path) => {
      const server = listenAt(`${path}/socket`, SOCK_SEQPACKET);
      const client = connectTo(`${path}/socket`, SOCK_SEQPACKET);
      const connection = accept(server);
      notEqual(connection, server);
      for (const fd of [server, client, connection]) equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
      send(client, encode("hello"), [client]);
      const received = receive(connection, 100);
      equal(decode(received?.data ?? new Uint8Array()), "hello");
      for (const fd of [...(received?.descriptors ?? []), client]) close(fd);
      equal(receive(connection, 100), undefined);
      close(connection);
      close(server);
      throws(() => connectTo(`${path}/socket`, SOCK_SEQPACKET), {
        message: `connect("${path}/socket"): ECONNREFUSED`,
      });
    });
  });

  test("of 107 bytes at most", () => {
    inScratch((_, path) => {
      const longest = `${path}/`.padEnd(SOCKET_PATH_MAX, "s");
      const server = listenAt(longest, SOCK_STREAM);
      const client = connectTo(longest, SOCK_STREAM);
      ok(stat(client).ino > 0);
      close(client);
      close(server);
      for (const path of [`${longest}s`, `${longest.slice(0, -1)}é`]) {
        throws(() => listenAt(path, SOCK_STREAM), RangeError);
        throws(() => connectTo(path, SOCK_STREAM), RangeError);
      }
    });
  });

  test("that cannot be used leave no descriptor", () => {
    inScratch((_, path) => {
      const before = descriptorCount();
      throws(() => connectTo(`${path}/none`, SOCK_STREAM), { code: "ENOENT" });
      throws(() => listenAt(`${path}/none/socket`, SOCK_STREAM), { code: "ENOENT" });
      ok(descriptorCount() <= before);
    });
  });

  test("never another path than the one that was given", () => {
    inScratch((_, path) => {
      throws(() => close(listenAt(`${path}/a\0b`, SOCK_STREAM)), TypeError);
    });
  });
});
