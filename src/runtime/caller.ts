/** Who calls tsrun, as far as that decides what may be done. */
import { geteuid, isRootless } from "../linux/credentials.ts";

/** Decided once for a command, and carried in its context. */
export interface Caller {
  /** Not root: it may make other namespaces in a new user namespace only, where it is (user_namespaces(7)). */
  isUser: boolean;
  /**
   * Whether it has nothing of the machine's privilege, so that its containers may do without a cgroup: a user, or the
   * root of a user namespace. Finding out may take reading a file.
   */
  isRootless: () => boolean;
}

/** Of this process. What `--rootless` says holds instead of what is found. */
export const callerOf = (said?: boolean): Caller => ({
  isUser: geteuid() !== 0,
  isRootless: said === undefined ? isRootless : () => said,
});
