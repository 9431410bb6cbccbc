/** The mount system calls (mount(2), fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)). */

import {
  AT_EMPTY_PATH,
  AT_RECURSIVE,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_CMD_RECONFIGURE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  SYS_fsconfig,
  SYS_fsmount,
  SYS_fsopen,
  SYS_fspick,
  SYS_mount,
  SYS_mount_setattr,
  SYS_move_mount,
  SYS_open_tree,
  SYS_pivot_root,
  SYS_read,
  SYS_umount2,
} from "#abi";
import { syscall } from "#host";
import { check, Errno } from "./errno.ts";
import { close } from "./fs.ts";
import { struct } from "./struct.ts";
import { decode, encode } from "./text.ts";

/** mount(2); for propagation changes and what the new calls cannot do. */
export function mount(
  source: string | null,
  target: string,
  type: string | null,
  flags: number,
  data: string | null = null,
): void {
  check(syscall(SYS_mount, source, target, type, flags, data), "mount", source, target, type);
}

export function umount(target: string, flags: number): void {
  check(syscall(SYS_umount2, target, flags), "umount2", target);
}

export function pivotRoot(newRoot: string, putOld: string): void {
  check(syscall(SYS_pivot_root, newRoot, putOld), "pivot_root", newRoot, putOld);
}

/** A parameter of a filesystem; without a value it is a flag. */
export type FsParameter = readonly [key: string, value?: string];

/** fsconfig(2): a string has at most 256 bytes, with its NUL. */
const MAX_VALUE = 255;

/** Whether a parameter is longer than fsconfig(2) takes. */
export const isTooLong = ([key, value = ""]: FsParameter): boolean =>
  // A character has at most three bytes for each of its UTF-16 units.
  (key.length > MAX_VALUE / 3 && encode(key).length > MAX_VALUE) ||
  (value.length > MAX_VALUE / 3 && encode(value).length > MAX_VALUE);

/**
 * Makes a filesystem and a detached mount of it (fsopen, fsconfig, fsmount). `attributes` are MOUNT_ATTR_*. Returns
 * the mount's descriptor. An error carries what the filesystem itself logged.
 */
export function createMount(
  type: string,
  parameters: readonly FsParameter[],
  attributes: number,
): number {
  const context = check(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), "fsopen", type);
  try {
    for (const [key, value] of parameters) configure(context, key, value);
    checkContext(
      context,
      syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0),
      "fsconfig create",
      type,
    );
    return check(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), "fsmount", type);
  } finally {
    close(context);
  }
}

/** Changes parameters of a filesystem that is mounted, for all its mounts (fspick). `mount` names the root of one. */
export function reconfigureFilesystem(mount: number, parameters: readonly FsParameter[]): void {
  const flags = FSPICK_CLOEXEC | FSPICK_EMPTY_PATH;
  const context = check(syscall(SYS_fspick, mount, "", flags), "fspick", mount);
  try {
    for (const [key, value] of parameters) configure(context, key, value);
    checkContext(
      context,
      syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, null, null, 0),
      "fsconfig reconfigure",
      mount,
    );
  } finally {
    close(context);
  }
}

function configure(context: number, key: string, value: string | undefined): void {
  const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  const result = syscall(SYS_fsconfig, context, command, key, value ?? null, 0);
  checkContext(context, result, "fsconfig", value === undefined ? key : `${key}=${value}`);
}

/** Adds the messages that can be read from a filesystem context (fsopen(2)) to the errno. */
function checkContext(context: number, result: number, call: string, what: string | number): void {
  if (result >= 0) return;
  const error = new Errno(-result, call, [what]);
  const log = contextLog(context);
  if (log !== "") error.message += ` (the kernel says: ${log})`;
  throw error;
}

function contextLog(context: number): string {
  const messages: string[] = [];
  const buffer = new Uint8Array(1024);
  for (;;) {
    const length = syscall(SYS_read, context, buffer, buffer.length);
    if (length <= 0) return messages.join("; ");
    // Each begins with the letter of its level: e, w or i.
    messages.push(decode(buffer.subarray(2, length)).trim());
  }
}

/** A detached copy of the mount at a descriptor (with AT_RECURSIVE, of all below it): the source of a bind mount. */
export function cloneMount(source: number, flags = 0): number {
  const all = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags;
  return check(syscall(SYS_open_tree, source, "", all), "open_tree", source);
}

/** Attaches a detached mount on the very file or directory that `target` names. */
export function attachMount(mount: number, target: number): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  check(syscall(SYS_move_mount, mount, "", target, "", flags), "move_mount", target);
}

const mountAttr = struct({
  attr_set: "u64",
  attr_clr: "u64",
  propagation: "u64",
  userns_fd: "u64",
});

export interface MountAttributes {
  /** MOUNT_ATTR_* to set. */
  set?: number;
  /** MOUNT_ATTR_* to clear. */
  clear?: number;
  /** One of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE. */
  propagation?: number;
  /** With MOUNT_ATTR_IDMAP: the user namespace's descriptor. */
  userNamespace?: number;
}

/** mount_setattr(2) on the mount of a descriptor; `recursive` includes all mounts below. */
export function setMountAttributes(
  fd: number,
  attributes: MountAttributes,
  recursive = false,
): void {
  const { set = 0, clear = 0, propagation = 0, userNamespace = 0 } = attributes;
  const attr = mountAttr.pack({
    attr_set: set,
    attr_clr: clear,
    propagation,
    userns_fd: userNamespace,
  });
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check(syscall(SYS_mount_setattr, fd, "", flags, attr, attr.length), "mount_setattr", fd);
}
