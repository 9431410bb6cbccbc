/** linux.resources.rdma: how much of an RDMA device a container may have. The device is made of a network device. */
import "./harness/machinePids.ts";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { areRefused, areSet, underBothDrivers, withCreated } from "./harness/cgroup.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";

nothingIsLeftAtTheEnd();

/**
 * The device stays until the machine ends, for whoever runs these tests there again: Linux 6.12 breaks its own lists when
 * an rxe device is removed, and hangs.
 */
if (needs("rdma controller").skip === undefined && !existsSync("/sys/class/infiniband/rxe_test"))
  for (const line of [
    "modprobe rdma_rxe",
    "ip link add rdmatest type dummy",
    "ip link set rdmatest up",
    "rdma link add rxe_test type rxe netdev rdmatest",
  ]) {
    const [command, ...args] = line.split(" ") as [string, ...string[]];
    execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  }

areSet(["rdma controller"], {
  "handles and objects": {
    resources: { rdma: { rxe_test: { hcaHandles: 3, hcaObjects: 500 } } },
    files: { "rdma.max": "rxe_test hca_handle=3 hca_object=500" },
  },
  "handles alone": {
    resources: { rdma: { rxe_test: { hcaHandles: 0 } } },
    files: { "rdma.max": "rxe_test hca_handle=0 hca_object=max" },
  },
  "more than the kernel counts": {
    resources: { rdma: { rxe_test: { hcaHandles: 4_294_967_295, hcaObjects: 1 } } },
    files: { "rdma.max": "rxe_test hca_handle=max hca_object=1" },
  },
});

areRefused(["rdma controller"], {
  "a device that is not there": [
    { rdma: { nonesuch: { hcaHandles: 1 } } },
    /rdma\/nonesuch/,
    /\/sys\/class\/infiniband/,
  ],
  "a device without limits": [{ rdma: { rxe_test: {} } }, /rdma\/rxe_test/, /neither/],
});

underBothDrivers("update changes what it names of a device", ["rdma controller"], (driver) => {
  const resources = { rdma: { rxe_test: { hcaHandles: 3, hcaObjects: 500 } } };
  withCreated(driver, resources, (container) => {
    succeeded(container.update({ rdma: { rxe_test: { hcaHandles: 5 } } }));
    container.has({ "rdma.max": "rxe_test hca_handle=5 hca_object=500" });
  });
});
