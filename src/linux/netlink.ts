/** Netlink (netlink(7)): requests to a subsystem of the kernel, made of a header and attributes, and its answers. */

import {
  AF_NETLINK,
  EINTR,
  MSG_TRUNC,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_NETLINK,
  SYS_recvfrom,
  SYS_sendto,
  SYS_setsockopt,
  SYS_socket,
} from "#abi";
import { syscall } from "#host";
import { check, Errno } from "./errno.ts";
import { close } from "./fs.ts";
import { cString, struct } from "./struct.ts";
import { printable } from "./text.ts";

const nlmsghdr = struct({ len: "u32", type: "u16", flags: "u16", seq: "u32", pid: "u32" });
const sockaddrNl = struct({ family: "u16", pad: "u16", pid: "u32", groups: "u32" });
/** struct nlattr: nla_len, nla_type. */
const ATTRIBUTE_HEADER = 4;
/** struct nlmsgerr without the request's body, which NETLINK_CAP_ACK leaves out: the errno, and a struct nlmsghdr. */
const ERROR_SIZE = 4 + nlmsghdr.size;
/** NLMSG_ALIGNTO and NLA_ALIGNTO. */
const align = (length: number): number => (length + 3) & ~3;

export interface Attribute {
  type: number;
  value: Uint8Array;
}

export const textAttribute = (type: number, text: string): Attribute => ({
  type,
  value: cString(text),
});

export const numberAttribute = (type: number, number: number): Attribute => ({
  type,
  value: new Uint8Array(Uint32Array.of(number).buffer),
});

/** The text of an attribute that is a C string. Bytes that are no UTF-8 are shown as such. */
export const textOf = ({ value }: Attribute): string =>
  printable(value.at(-1) === 0 ? value.subarray(0, -1) : value);

export interface Request {
  type: number;
  /** For errors: the name of `type`, and what of the request is worth reading. */
  what: readonly [name: string, ...salient: unknown[]];
  /** NLM_F_*, besides those that every request has. */
  flags?: number;
  /** The subsystem's own header. */
  header: Uint8Array;
  attributes?: readonly Attribute[];
}

interface Message {
  type: number;
  flags: number;
  body: Uint8Array;
}

/** Linux answers with at most so much at a time to one who has room for it (NLMSG_GOODSIZE). */
const RECEIVE_BYTES = 32_768;
/** How often a list is asked for that changed while it was being told. */
const DUMP_TRIES = 16;

/** A socket to one subsystem, in the network namespace in which its maker stood. */
export class Netlink {
  readonly #fd: number;
  #sequence = 0;

  /** `protocol` is one of NETLINK_*. */
  constructor(protocol: number) {
    this.#fd = check(syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket");
    const on = Int32Array.of(1);
    // Errors with a text and without a copy of the request; lists that keep to what was asked for.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK])
      check(syscall(SYS_setsockopt, this.#fd, SOL_NETLINK, option, on, 4), "setsockopt", option);
  }

  /** Has something done. Throws Errno, with the kernel's own words. */
  execute(request: Request): void {
    this.#send(request, NLM_F_ACK);
    this.#answers(request, 1);
  }

  /** The bodies of all the objects that the request asks for, header and attributes. Throws Errno. */
  list(request: Request): Uint8Array[] {
    for (let tries = 1; ; tries++) {
      this.#send(request, NLM_F_DUMP);
      const answers = this.#answers(request);
      if (answers.every(({ flags }) => (flags & NLM_F_DUMP_INTR) === 0))
        return answers.filter(({ type }) => type !== NLMSG_DONE).map(({ body }) => body);
      if (tries === DUMP_TRIES) throw new Errno(EINTR, ...callOf(request));
    }
  }

  /** The body of the one object that the request asks for. Throws Errno if there is none. */
  get(request: Request): Uint8Array {
    this.#send(request, 0);
    return (this.#answers(request, 1)[0] as Message).body;
  }

  close(): void {
    close(this.#fd);
  }

  #send({ type, flags = 0, header, attributes = [], what }: Request, more: number): void {
    const length = attributes.reduce(
      (sum, { value }) => sum + align(ATTRIBUTE_HEADER + value.length),
      nlmsghdr.size + align(header.length),
    );
    const message = new Uint8Array(length);
    message.set(
      nlmsghdr.pack({
        len: length,
        type,
        flags: NLM_F_REQUEST | flags | more,
        seq: ++this.#sequence,
      }),
    );
    message.set(header, nlmsghdr.size);
    let at = nlmsghdr.size + align(header.length);
    const view = new DataView(message.buffer);
    for (const { type, value } of attributes) {
      view.setUint16(at, ATTRIBUTE_HEADER + value.length, true);
      view.setUint16(at + 2, type, true);
      message.set(value, at + ATTRIBUTE_HEADER);
      at += align(ATTRIBUTE_HEADER + value.length);
    }
    check(syscall(SYS_sendto, this.#fd, message, length, 0, null, 0), "sendto", ...what);
  }

  /** Until there are `count`, or else until the list is at its end. */
  #answers(request: Request, count = Number.POSITIVE_INFINITY): Message[] {
    const answers: Message[] = [];
    for (;;)
      for (const message of this.#receive()) {
        throwIfError(message, request);
        answers.push(message);
        if (answers.length === count || message.type === NLMSG_DONE) return answers;
      }
  }

  /** The messages of one datagram that answer the latest request. */
  #receive(): Message[] {
    const bytes = new Uint8Array(RECEIVE_BYTES);
    const sender = new Uint8Array(sockaddrNl.size);
    const senderLength = Int32Array.of(sender.length);
    let length: number;
    do
      length = syscall(
        SYS_recvfrom,
        this.#fd,
        bytes,
        bytes.length,
        MSG_TRUNC,
        sender,
        senderLength,
      );
    while (length === -EINTR);
    check(length, "recvfrom", this.#fd);
    if (length > bytes.length) throw new RangeError(`a netlink message of ${length} bytes`);
    // Whoever may administer the network namespace can write to this socket, too; the kernel's number is 0.
    if (sockaddrNl.get(sender, "pid") !== 0) return [];
    return messagesIn(bytes.subarray(0, length), this.#sequence);
  }
}

function messagesIn(bytes: Uint8Array, sequence: number): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + nlmsghdr.size <= bytes.length; ) {
    const message = bytes.subarray(at);
    const length = nlmsghdr.get(message, "len");
    if (length < nlmsghdr.size || length > message.length)
      throw new RangeError("a netlink message that ends before its end");
    if (nlmsghdr.get(message, "seq") === sequence)
      messages.push({
        type: nlmsghdr.get(message, "type"),
        flags: nlmsghdr.get(message, "flags"),
        body: message.slice(nlmsghdr.size, length),
      });
    at += align(length);
  }
  return messages;
}

const callOf = ({ what: [name, ...salient] }: Request): [string, unknown[]] => [name, salient];

/** An answer with the errno 0 is an acknowledgement; the end of a list has an errno as well. */
function throwIfError({ type, flags, body }: Message, request: Request): void {
  if ((type !== NLMSG_ERROR && type !== NLMSG_DONE) || body.length < 4) return;
  const errno = -new DataView(body.buffer, body.byteOffset).getInt32(0, true);
  if (errno === 0) return;
  const error = new Errno(errno, ...callOf(request));
  const texts = (flags & NLM_F_ACK_TLVS) === 0 ? [] : attributesOf(body, errorSize(type));
  const text = texts.find((attribute) => attribute.type === NLMSGERR_ATTR_MSG);
  if (text) error.message += ` (the kernel says: ${textOf(text)})`;
  throw error;
}

const errorSize = (type: number): number => (type === NLMSG_ERROR ? ERROR_SIZE : 4);

/** The attributes behind a header of `headerSize` bytes. */
export function attributesOf(body: Uint8Array, headerSize: number): Attribute[] {
  const attributes: Attribute[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  for (let at = align(headerSize); at + ATTRIBUTE_HEADER <= body.length; ) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > body.length)
      throw new RangeError("a netlink attribute that ends before its end");
    const type = view.getUint16(at + 2, true);
    attributes.push({ type, value: body.slice(at + ATTRIBUTE_HEADER, at + length) });
    at += align(length);
  }
  return attributes;
}
