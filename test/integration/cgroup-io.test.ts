/** linux.resources.blockIO: weights and throttles of disks are set, and hold. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import {
  areRefused,
  areSet,
  Container,
  type Resources,
  underBothDrivers,
  withCreated,
} from "./harness/cgroup.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";

nothingIsLeftAtTheEnd();

const MIB = 1024 * 1024;
const FEATURES = ["io controller"] as const;
const isHere = needs(...FEATURES).skip === undefined;

/** The disk that the tests are on, with a file system of its own. */
const { dev } = statSync(".");
const disk = { major: (dev >> 8) & 0xfff, minor: dev & 0xff };
const number = `${disk.major}:${disk.minor}`;

areSet(FEATURES, {
  "rates of a disk": {
    resources: {
      blockIO: {
        throttleReadBpsDevice: [{ ...disk, rate: 4 * MIB }],
        throttleWriteBpsDevice: [{ ...disk, rate: 2 * MIB }],
        throttleReadIOPSDevice: [{ ...disk, rate: 400 }],
        throttleWriteIOPSDevice: [{ ...disk, rate: 200 }],
      },
    },
    files: { "io.max": `${number} rbps=${4 * MIB} wbps=${2 * MIB} riops=400 wiops=200` },
  },
  "a rate of 0 is no limit": {
    resources: {
      blockIO: {
        throttleReadBpsDevice: [{ ...disk, rate: 0 }],
        throttleWriteBpsDevice: [{ ...disk, rate: MIB }],
      },
    },
    files: { "io.max": `${number} rbps=max wbps=${MIB} riops=max wiops=max` },
  },
  "a weight of 0 asks for nothing": {
    resources: { blockIO: { weight: 0, leafWeight: 0 } },
    files: { "io.weight": "default 100" },
  },
});

const absent = { major: 253, minor: 77 };
areRefused(FEATURES, {
  "a disk that is not there": [
    { blockIO: { throttleReadBpsDevice: [{ ...absent, rate: 1 }] } },
    /blockIO\/throttleReadBpsDevice\/0/,
    /no disk of that number/,
  ],
  "a weight that is none": [{ blockIO: { weight: 9 } }, /blockIO\/weight/, /10 to 1000/],
  "a leaf's weight": [{ blockIO: { leafWeight: 100 } }, /blockIO\/leafWeight/],
  "a leaf's weight of a disk": [
    { blockIO: { weightDevice: [{ ...disk, weight: 100, leafWeight: 100 }] } },
    /blockIO\/weightDevice\/0\/leafWeight/,
  ],
  "a disk without weights": [
    { blockIO: { weightDevice: [disk] } },
    /blockIO\/weightDevice\/0/,
    /neither weight nor leafWeight/,
  ],
});

const weighted: Resources = {
  blockIO: { weight: 500, weightDevice: [{ ...disk, weight: 300 }] },
};

/** Has the disk's requests ordered by a scheduler; which of the two kinds of weights there are depends on it. */
const schedule = (scheduler: string): void =>
  writeFileSync(`/sys/dev/block/${number}/queue/scheduler`, scheduler);

/** The cost model (iocost) of the disk. */
const model = (state: string): void =>
  writeFileSync("/sys/fs/cgroup/io.cost.qos", `${number} ${state}`);

describe("with the cost model", () => {
  if (isHere) {
    before(() => model("enable=1"));
    after(() => model("enable=0"));
  }
  areSet(FEATURES, {
    "weights are converted": {
      resources: weighted,
      files: { "io.weight": `default 4950\n${number} 2930` },
    },
  });
});

describe("with BFQ", () => {
  if (isHere) {
    before(() => {
      execFileSync("modprobe", ["bfq"]);
      schedule("bfq");
    });
    after(() => {
      schedule("none");
      execFileSync("modprobe", ["--remove", "bfq"]);
    });
  }
  areSet(FEATURES, {
    "weights are as they are": {
      resources: weighted,
      files: { "io.bfq.weight": `default 500\n${number} 300` },
      properties: { IOWeight: "4500" },
    },
  });

  underBothDrivers("update of the group's weight leaves those of its disks", FEATURES, (driver) =>
    withCreated(driver, weighted, (container) => {
      succeeded(container.update(["--blkio-weight", "400"]));
      container.has({ "io.bfq.weight": `default 400\n${number} 300` });
    }),
  );

  underBothDrivers("update of something else leaves all weights", FEATURES, (driver) =>
    withCreated(driver, weighted, (container) => {
      succeeded(container.update(["--pids-limit", "50"]));
      container.has({ "io.bfq.weight": `default 500\n${number} 300` });
    }),
  );
});

/** How long it takes to write this to the disk and to read it, in seconds. */
function secondsFor(mebibytes: number, container: Container, resources: Resources): number[] {
  const folder = mkdtempSync(join(process.cwd(), "disk-"));
  const script = `
    now() { read -r uptime _ < /proc/uptime; echo $uptime; }
    copy() { dd bs=256k count=${mebibytes * 4} "$@" 2> /dev/null; now; }
    now
    copy oflag=direct if=/dev/zero of=/mnt/data
    copy iflag=direct if=/mnt/data of=/dev/null`;
  try {
    const { stdout } = succeeded(
      container.run(resources, script, ({ mounts }) => {
        mounts.push({ destination: "/mnt", type: "bind", source: folder, options: ["bind"] });
      }),
    );
    const [begin, written, read] = stdout.trim().split("\n").map(Number) as [
      number,
      number,
      number,
    ];
    return [written - begin, read - written];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

underBothDrivers("a throttled disk is slow", FEATURES, (driver) => {
  const [write, read] = secondsFor(3, new Container(driver), {
    blockIO: {
      throttleWriteBpsDevice: [{ ...disk, rate: 2 * MIB }],
      throttleReadBpsDevice: [{ ...disk, rate: MIB }],
    },
  }) as [number, number];
  // What is under the limit for the first moment is let through.
  assert.ok(write > 1.1 && write < 4, `3 MiB were written in ${write} s`);
  assert.ok(read > 2.2 && read < 6, `3 MiB were read in ${read} s`);
});
