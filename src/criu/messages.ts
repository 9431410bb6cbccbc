/** What is said to criu and heard from it: the parts of its images/rpc.proto that tsrun uses. */
import type { MessageOf, Schema } from "./protobuf.ts";

/** criu_req_type */
export const DUMP = 1;
export const RESTORE = 2;
export const PRE_DUMP = 4;
export const NOTIFY = 6;
export const FEATURE_CHECK = 9;
export const VERSION = 10;

/** criu_cg_mode: what becomes of the cgroups in an image (https://criu.org/CGroups). */
export const CGROUP_MODES = { ignore: 0, soft: 3, full: 4, strict: 5, default: 6 } as const;

export type CgroupMode = keyof typeof CGROUP_MODES;

const PAGE_SERVER = { address: [1, "string"], port: [2, "int32"] } as const satisfies Schema;
const EXTERNAL_MOUNT = { key: [1, "string"], val: [2, "string"] } as const satisfies Schema;
const JOINED_NAMESPACE = { ns: [1, "string"], ns_file: [2, "string"] } as const satisfies Schema;
const INHERITED = { key: [1, "string"], fd: [2, "int32"] } as const satisfies Schema;
const CGROUP_ROOT = { ctrl: [1, "string"], path: [2, "string"] } as const satisfies Schema;

const OPTIONS = {
  images_dir_fd: [1, "int32"],
  pid: [2, "int32"],
  leave_running: [3, "bool"],
  ext_unix_sk: [4, "bool"],
  tcp_established: [5, "bool"],
  evasive_devices: [6, "bool"],
  shell_job: [7, "bool"],
  file_locks: [8, "bool"],
  log_level: [9, "int32"],
  log_file: [10, "string"],
  ps: [11, PAGE_SERVER],
  notify_scripts: [12, "bool"],
  root: [13, "string"],
  parent_img: [14, "string"],
  track_mem: [15, "bool"],
  auto_dedup: [16, "bool"],
  work_dir_fd: [17, "int32"],
  link_remap: [18, "bool"],
  ext_mnt: [23, EXTERNAL_MOUNT, "repeated"],
  manage_cgroups: [24, "bool"],
  cg_root: [25, CGROUP_ROOT, "repeated"],
  rst_sibling: [26, "bool"],
  inherit_fd: [27, INHERITED, "repeated"],
  manage_cgroups_mode: [34, "int32"],
  external: [37, "string", "repeated"],
  empty_ns: [38, "uint32"],
  join_ns: [39, JOINED_NAMESPACE, "repeated"],
  freeze_cgroup: [44, "string"],
  tcp_skip_in_flight: [46, "bool"],
  lazy_pages: [48, "bool"],
  orphan_pts_master: [50, "bool"],
  config_file: [51, "string"],
  lsm_profile: [53, "string"],
  lsm_mount_context: [63, "string"],
} as const satisfies Schema;

const FEATURES = { mem_track: [1, "bool"], lazy_pages: [2, "bool"] } as const satisfies Schema;

export const REQUEST = {
  type: [1, "int32"],
  opts: [2, OPTIONS],
  notify_success: [3, "bool"],
  keep_open: [4, "bool"],
  features: [5, FEATURES],
} as const satisfies Schema;

const NOTIFICATION = { script: [1, "string"], pid: [2, "int32"] } as const satisfies Schema;
const RESTORED = { pid: [1, "int32"] } as const satisfies Schema;
const VERSION_NUMBERS = {
  major_number: [1, "int32"],
  minor_number: [2, "int32"],
  gitid: [3, "string"],
  sublevel: [4, "int32"],
} as const satisfies Schema;

export const RESPONSE = {
  type: [1, "int32"],
  success: [2, "bool"],
  restore: [4, RESTORED],
  notify: [5, NOTIFICATION],
  cr_errno: [7, "int32"],
  features: [8, FEATURES],
  cr_errmsg: [9, "string"],
  version: [10, VERSION_NUMBERS],
} as const satisfies Schema;

export type Options = MessageOf<typeof OPTIONS>;
export type Features = MessageOf<typeof FEATURES>;
export type Request = MessageOf<typeof REQUEST>;
export type Response = MessageOf<typeof RESPONSE>;
