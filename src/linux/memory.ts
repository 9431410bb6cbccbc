/** Where the kernel takes a process's memory from (set_mempolicy(2)). */
import { SYS_set_mempolicy } from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";

/** set_mempolicy(2) of the calling thread; it is kept over execve. `nodes`: bit n is node n; empty for none. */
export function setMemoryPolicy(mode: number, nodes: BigUint64Array): void {
  // "maxnode" counts the bits and one more.
  const [mask, maxnode] = nodes.length > 0 ? [nodes, nodes.length * 64 + 1] : [null, 0];
  check(syscall(SYS_set_mempolicy, mode, mask, maxnode), "set_mempolicy", mode);
}
