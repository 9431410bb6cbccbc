/** `linux.resources.hugepageLimits` in the files of the hugetlb controller (cgroup-v2.rst, HugeTLB). */
import type { LinuxHugepageLimit } from "@opencontainers-types";
import { resourcePointer } from "./pointer.ts";
import type { Setting } from "./setting.ts";

/**
 * Both what is used and, where the kernel counts that too, what is reserved: a mapping that could not be filled fails at
 * mmap(2) instead of killing with SIGBUS later (config-linux.md, Huge page limits).
 */
export function* hugepageSettings(limits: readonly LinuxHugepageLimit[] = []): Iterable<Setting> {
  for (const [i, { pageSize, limit }] of limits.entries()) {
    const limited = { value: String(limit), pointer: resourcePointer("hugepageLimits", i) };
    yield { file: `hugetlb.${pageSize}.max`, ...limited };
    yield { file: `hugetlb.${pageSize}.rsvd.max`, ...limited, optional: true };
  }
}
