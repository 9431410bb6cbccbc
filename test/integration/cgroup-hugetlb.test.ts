/** linux.resources.hugepageLimits: how much memory a container may have in huge pages. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { areRefused, areSet, Container, underBothDrivers } from "./harness/cgroup.ts";
import type { Config } from "./harness/config.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";

nothingIsLeftAtTheEnd();

const MIB = 1024 * 1024;
const limited = (limit: number) => ({ hugepageLimits: [{ pageSize: "2MB", limit }] });

areSet(["hugetlb controller"], {
  "a limit, of what is used and of what is reserved": {
    resources: limited(4 * MIB),
    files: { "hugetlb.2MB.max": `${4 * MIB}`, "hugetlb.2MB.rsvd.max": `${4 * MIB}` },
  },
  "a limit of 0": {
    resources: limited(0),
    files: { "hugetlb.2MB.max": "0", "hugetlb.2MB.rsvd.max": "0" },
  },
});

areRefused(["hugetlb controller"], {
  "pages of a size that this machine has not": [
    { hugepageLimits: [{ pageSize: "3MB", limit: 0 }] },
    /hugepageLimits\/0/,
    /hugetlb\.3MB\.max/,
    /\/sys\/kernel\/mm\/hugepages/,
  ],
});

/** A file there is made of huge pages. */
function addHugePages({ mounts }: Config): void {
  mounts.push({ destination: "/mnt", type: "hugetlbfs", options: ["pagesize=2M"] });
}

const FEATURES = ["hugetlb controller", "hugepages"] as const;

underBothDrivers("huge pages beyond the limit are refused", FEATURES, (driver) => {
  const script = "for i in 1 2 3; do busybox fallocate -l 2M /mnt/$i && echo $i; done 2>&1";
  const { stdout } = new Container(driver).run(limited(4 * MIB), script, addHugePages);
  assert.match(stdout, /^1\n2\nfallocate: .*No space left on device\n$/);
});

underBothDrivers("within the limit they are not", FEATURES, (driver) => {
  const script = "busybox fallocate -l 6M /mnt/all && stat -c %s /mnt/all";
  const { stdout } = succeeded(new Container(driver).run(limited(6 * MIB), script, addHugePages));
  assert.equal(stdout, `${6 * MIB}\n`);
});
