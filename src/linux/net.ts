/** Network devices by ioctl (netdevice(7)). */

import {
  AF_INET,
  IFF_UP,
  SIOCGIFFLAGS,
  SIOCSIFFLAGS,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SYS_ioctl,
  SYS_socket,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { using } from "./fs.ts";
import { encode } from "./text.ts";

/** struct ifreq: a name of 16 bytes, then here the flags. */
const IFREQ_SIZE = 40;
const IFREQ_FLAGS = 16;

/** Brings an interface of the current network namespace up, as `ip link set NAME up`. */
export function setLinkUp(name: string): void {
  const socket = check(syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  using(socket, () => {
    const request = new Uint8Array(IFREQ_SIZE);
    request.set(encode(name));
    check(syscall(SYS_ioctl, socket, SIOCGIFFLAGS, request), "ioctl(SIOCGIFFLAGS)", name);
    const view = new DataView(request.buffer);
    view.setUint16(IFREQ_FLAGS, view.getUint16(IFREQ_FLAGS, true) | IFF_UP, true);
    check(syscall(SYS_ioctl, socket, SIOCSIFFLAGS, request), "ioctl(SIOCSIFFLAGS)", name);
  });
}
