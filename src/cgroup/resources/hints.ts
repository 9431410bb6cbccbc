/** What to do about a setting that the kernel refuses, by file and errno. */
import { EINVAL, ENODEV, ENOENT, ENOSPC, EOPNOTSUPP, ERANGE } from "#abi";
import { isErrno } from "../../linux/errno.ts";

const CPU_LIST = "it takes a list like 0-3,7 of what this machine has";
const SCHEDULER = "the device's I/O scheduler has no weights: its queue/scheduler must be bfq";
const NO_DEVICE = "this machine has no disk of that number; a partition has its disk's limits";

/** The file's beginning, the errno, the hint. */
const HINTS: readonly [file: string, errno: number, hint: string][] = [
  [
    "cpu.max",
    EINVAL,
    "a period is 1000 to 1000000 µs long, a quota at least 1000, a burst no longer than the quota",
  ],
  ["cpu.weight", EINVAL, "an idle group (cpu.idle is 1) takes no weight"],
  ["cpuset.", EINVAL, CPU_LIST],
  ["cpuset.", ERANGE, CPU_LIST],
  ["cpuset.", ENOSPC, "processes are in the group, and it would be left without any"],
  ["pids.max", EINVAL, "it takes at most 4194304, or -1 for no limit"],
  ["io.max", ENODEV, NO_DEVICE],
  ["io.bfq.weight", ENODEV, NO_DEVICE],
  ["io.weight", ENODEV, NO_DEVICE],
  ["io.bfq.weight", EOPNOTSUPP, SCHEDULER],
  [
    "io.weight",
    EOPNOTSUPP,
    "weights need the device in the root group's io.cost.qos, or the bfq scheduler",
  ],
  ["hugetlb.", ENOENT, "/sys/kernel/mm/hugepages shows the sizes that there are"],
  ["rdma.max", ENODEV, "/sys/class/infiniband shows the devices that there are"],
];

/** undefined where the error says enough, or where the cause is not known. */
export const settingHint = (file: string, error: unknown): string | undefined =>
  HINTS.find(([start, errno]) => file.startsWith(start) && isErrno(error, errno))?.[2];
