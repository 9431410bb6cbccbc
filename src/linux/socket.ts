/** Unix sockets that carry messages and descriptors (unix(7), cmsg(3)). */

import {
  AF_UNIX,
  EINTR,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SCM_RIGHTS,
  SO_SNDTIMEO_OLD,
  SOCK_CLOEXEC,
  SOL_SOCKET,
  SYS_accept4,
  SYS_bind,
  SYS_connect,
  SYS_listen,
  SYS_recvmsg,
  SYS_sendmsg,
  SYS_setsockopt,
  SYS_socket,
  SYS_socketpair,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { close } from "./fs.ts";
import { cString, struct } from "./struct.ts";
import { encode } from "./text.ts";

/** Two connected descriptors, close-on-exec. `type` is SOCK_SEQPACKET, SOCK_STREAM, … */
export function socketpair(type: number): [number, number] {
  const pair = new Int32Array(2);
  check(syscall(SYS_socketpair, AF_UNIX, type | SOCK_CLOEXEC, 0, pair), "socketpair");
  return [pair[0] as number, pair[1] as number];
}

/** sun_path's size without its NUL (unix(7)). */
export const SOCKET_PATH_MAX = 107;

/** A path that begins with NUL is a name of the abstract namespace, and has no other end than its length (unix(7)). */
function unixAddress(path: string): Uint8Array {
  const bytes = path.startsWith("\0") ? encode(path) : cString(path);
  if (bytes.length > SOCKET_PATH_MAX + 1)
    throw new RangeError(`the socket path ${path} is longer than ${SOCKET_PATH_MAX} bytes`);
  const sockaddr = new Uint8Array(2 + bytes.length);
  new DataView(sockaddr.buffer).setUint16(0, AF_UNIX, true);
  sockaddr.set(bytes, 2);
  return sockaddr;
}

/** A new unix socket that `use` has made ready; closed again if that fails. */
function unixSocket(type: number, use: (fd: number) => void): number {
  const fd = check(syscall(SYS_socket, AF_UNIX, type | SOCK_CLOEXEC, 0), "socket");
  try {
    use(fd);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A socket that listens at a path, which must not exist yet. */
export function listenAt(path: string, type: number): number {
  const address = unixAddress(path);
  return unixSocket(type, (fd) => {
    check(syscall(SYS_bind, fd, address, address.length), "bind", path);
    check(syscall(SYS_listen, fd, 1), "listen", path);
  });
}

/** A socket for messages that come to a path, which must not exist yet. */
export function bindAt(path: string, type: number): number {
  const address = unixAddress(path);
  return unixSocket(type, (fd) => {
    check(syscall(SYS_bind, fd, address, address.length), "bind", path);
  });
}

/**
 * Connects to a path. `patience`: how long, in milliseconds, to wait for a place in the queue of who listens there, and for
 * room for what is sent; then Errno EAGAIN is thrown (socket(7), SO_SNDTIMEO).
 */
export function connectTo(path: string, type: number, patience?: number): number {
  const address = unixAddress(path);
  return unixSocket(type, (fd) => {
    if (patience !== undefined) limitSending(fd, patience);
    retried(() => syscall(SYS_connect, fd, address, address.length), "connect", path);
  });
}

function limitSending(fd: number, milliseconds: number): void {
  // struct timeval: seconds and microseconds.
  const limit = new BigInt64Array([
    BigInt(Math.floor(milliseconds / 1000)),
    BigInt((milliseconds % 1000) * 1000),
  ]);
  check(
    syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO_OLD, limit, limit.byteLength),
    "setsockopt",
    "SO_SNDTIMEO",
  );
}

/** Waits for a connection. */
export function accept(fd: number): number {
  return retried(() => syscall(SYS_accept4, fd, null, null, SOCK_CLOEXEC), "accept4");
}

const iovec = struct({ base: "pointer", length: "u64" });
const msghdr = struct({
  name: "pointer",
  nameLength: "u32",
  iov: "pointer",
  iovLength: "u64",
  control: "pointer",
  controlLength: "u64",
  flags: "i32",
});
/** struct cmsghdr: cmsg_len, cmsg_level, cmsg_type. */
const CMSG_HEADER = 16;
/** In one message. */
export const MAX_DESCRIPTORS = 16;

/** Sends one message with descriptors. Returns how many bytes were sent: of a stream, a signal may cut them short. */
export function send(fd: number, data: Uint8Array, descriptors: readonly number[] = []): number {
  const header = msghdr.pack({
    iov: iovec.pack({ base: data, length: data.length }),
    iovLength: 1,
    ...(descriptors.length > 0 ? rights(descriptors) : {}),
  });
  return retried(() => syscall(SYS_sendmsg, fd, header, MSG_NOSIGNAL), "sendmsg");
}

/** Sends bytes on a stream, in as many calls as it takes. Not with write(2), which kills with SIGPIPE. */
export function sendAll(fd: number, data: Uint8Array): void {
  for (let left = data; left.length > 0; ) left = left.subarray(send(fd, left));
}

function rights(descriptors: readonly number[]) {
  const length = CMSG_HEADER + 4 * descriptors.length;
  const control = new Uint8Array(Math.ceil(length / 8) * 8);
  const view = new DataView(control.buffer);
  view.setBigUint64(0, BigInt(length), true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  descriptors.forEach((descriptor, i) => {
    view.setInt32(CMSG_HEADER + 4 * i, descriptor, true);
  });
  return { control, controlLength: control.length };
}

export interface Received {
  data: Uint8Array;
  descriptors: number[];
}

/** Receives one message of at most `limit` bytes; undefined when the other end has closed. */
export function receive(fd: number, limit: number): Received | undefined {
  const buffer = new Uint8Array(limit);
  const control = new Uint8Array(CMSG_HEADER + 4 * MAX_DESCRIPTORS);
  const header = msghdr.pack({
    iov: iovec.pack({ base: buffer, length: limit }),
    iovLength: 1,
    control,
    controlLength: control.length,
  });
  const length = retried(() => syscall(SYS_recvmsg, fd, header, MSG_CMSG_CLOEXEC), "recvmsg");
  const descriptors = receivedRights(control, msghdr.get(header, "controlLength"));
  const flags = msghdr.get(header, "flags");
  if ((flags & (MSG_CTRUNC | MSG_TRUNC)) !== 0) {
    descriptors.forEach(close);
    throw new RangeError(
      (flags & MSG_CTRUNC) !== 0
        ? `a message with more than ${MAX_DESCRIPTORS} descriptors, or more than RLIMIT_NOFILE allows`
        : `a message of more than ${limit} bytes`,
    );
  }
  if (length === 0 && descriptors.length === 0) return undefined;
  return { data: buffer.subarray(0, length), descriptors };
}

function receivedRights(control: Uint8Array, controlLength: number): number[] {
  if (controlLength < CMSG_HEADER) return [];
  const view = new DataView(control.buffer);
  if (view.getInt32(8, true) !== SOL_SOCKET || view.getInt32(12, true) !== SCM_RIGHTS) return [];
  const count = (Number(view.getBigUint64(0, true)) - CMSG_HEADER) / 4;
  return Array.from({ length: count }, (_, i) => view.getInt32(CMSG_HEADER + 4 * i, true));
}

function retried(call: () => number, name: string, ...salient: unknown[]): number {
  for (;;) {
    const result = call();
    if (result !== -EINTR) return check(result, name, ...salient);
  }
}
