/**
 * No machine of the tests has resctrl. A folder stands for its filesystem, in which the test makes the files that the
 * kernel would make with a directory, and removes them as the kernel would with it.
 */
import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxIntelRdt } from "@opencontainers-types";
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY } from "#abi";
import { Failure } from "../../../src/failure.ts";
import {
  close,
  findAt,
  mkdirAt,
  openAt,
  readText,
  rmdirAt,
  unlinkAt,
  using,
  writeText,
} from "../../../src/linux/fs.ts";
import {
  changeResctrl,
  checkIntelRdt,
  enterResctrl,
  joinResctrl,
  leaveResctrl,
  type ResctrlGroup,
} from "../../../src/runtime/intelRdt.ts";
import { inScratch } from "../linux/scratch.ts";

const ID = "container";
const PID = 4711;
const SCHEMATA = "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n";

const make = (dir: number, name: string, text = "") =>
  writeText(name, text, O_CREAT | O_WRONLY, dir, 0o644);

/** What the kernel makes in a new group. */
function fillGroup(group: number): void {
  make(group, "tasks");
  make(group, "schemata", SCHEMATA);
  mkdirAt(group, "mon_groups", 0o755);
}

function makeGroup(root: number, name: string): void {
  mkdirAt(root, name, 0o755);
  using(openAt(root, name, O_RDONLY | O_DIRECTORY), fillGroup);
}

/** A filesystem with the default group and one that somebody has made. */
function inResctrl(use: (root: number) => void): void {
  inScratch((root) => {
    fillGroup(root);
    mkdirAt(root, "info", 0o755);
    make(root, "info/last_cmd_status", "ok\n");
    makeGroup(root, "gold");
    use(root);
  });
}

const exists = (root: number, path: string): boolean => {
  const found = findAt(root, path, O_RDONLY);
  if (found !== undefined) close(found);
  return found !== undefined;
};

/** Plays the kernel for the directories that have just been made. */
function fillNew(root: number, { name, isOwn, inode, isMonitored }: ResctrlGroup): void {
  const isMade = exists(root, name === "/" ? "." : name);
  if (isMade && !exists(root, `${name === "/" ? "." : name}/tasks`))
    using(openAt(root, name, O_RDONLY | O_DIRECTORY), fillGroup);
  equal(isOwn && isMonitored ? inode !== undefined : true, true);
  const monitoring = `${name === "/" ? "." : name}/mon_groups/${ID}`;
  if (isMonitored && exists(root, monitoring)) make(root, `${monitoring}/tasks`);
}

/** Joins, and returns what was recorded, at each time. */
function join(root: number, intelRdt: LinuxIntelRdt): ResctrlGroup[] {
  const records: ResctrlGroup[] = [];
  joinResctrl(root, ID, intelRdt, PID, (group) => {
    records.push({ ...group });
    fillNew(root, group);
  });
  return records;
}

function failureOf(step: () => void): Failure {
  try {
    step();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("it has not failed");
}

/** The kernel takes along what is in a group. */
function empty(root: number, path: string): void {
  for (const name of ["tasks", "schemata"]) unlinkAt(root, `${path}/${name}`);
  rmdirAt(root, `${path}/mon_groups`);
}

describe("one more process", () => {
  test("goes into the container's group, and the one that is monitored", () => {
    inResctrl((root) => {
      const present = join(root, { closID: "gold", enableMonitoring: true }).at(-1);
      enterResctrl(root, ID, present as ResctrlGroup, PID + 1);
      equal(readText("gold/tasks", root), String(PID + 1));
      equal(readText(`gold/mon_groups/${ID}/tasks`, root), String(PID + 1));
      const own = join(root, { l3CacheSchema: "L3:0=f" }).at(-1);
      enterResctrl(root, ID, own as ResctrlGroup, PID + 2);
      equal(readText(`${ID}/tasks`, root), String(PID + 2));
    });
  });

  test("does not come into a group that is gone", () => {
    inResctrl((root) => {
      const gone = { name: "silver", isOwn: true, inode: 1 };
      const { message } = failureOf(() => enterResctrl(root, ID, gone, PID));
      equal(message, "the resctrl group silver of the container is gone");
    });
  });
});

describe("a group of the container's own", () => {
  test("is made with its id, gets the schemata in their order and the process, and goes with it", () => {
    inResctrl((root) => {
      const records = join(root, {
        schemata: ["L2:0=f", "MB:1=20"],
        memBwSchema: "MB:0=20;1=70",
        l3CacheSchema: "L3:0=7f0;1=1f",
      });
      equal(readText(`${ID}/tasks`, root), String(PID));
      const written = "L3:0=7f0;1=1f\nMB:0=20;1=70\nL2:0=f\nMB:1=20\n";
      equal(readText(`${ID}/schemata`, root).slice(0, written.length), written);
      equal(records[0]?.inode, undefined);
      deepEqual({ ...records.at(-1), inode: 0 }, { name: ID, isOwn: true, inode: 0 });
      empty(root, ID);
      leaveResctrl(root, ID, records.at(-1) as ResctrlGroup);
      equal(exists(root, ID), false);
      leaveResctrl(root, ID, records.at(-1) as ResctrlGroup);
    });
  });

  test("without schemata none are written", () => {
    inResctrl((root) => {
      join(root, {});
      equal(readText(`${ID}/schemata`, root), SCHEMATA);
    });
  });

  test("one of the same name that is there already is joined and stays", () => {
    inResctrl((root) => {
      makeGroup(root, ID);
      deepEqual(join(root, {}), []);
      equal(readText(`${ID}/tasks`, root), String(PID));
    });
  });

  test("another one that has taken its place since is left alone", () => {
    inResctrl((root) => {
      makeGroup(root, ID);
      leaveResctrl(root, ID, { name: ID, isOwn: true, inode: 1 });
      equal(exists(root, ID), true);
    });
  });

  test("one whose making was cut off goes if it has no tasks", () => {
    inResctrl((root) => {
      makeGroup(root, ID);
      writeText("tasks", "1\n", O_WRONLY, openAt(root, ID, O_RDONLY | O_DIRECTORY));
      leaveResctrl(root, ID, { name: ID, isOwn: true });
      equal(exists(root, ID), true);
    });
  });
});

describe("a group with a name", () => {
  test("that is there is joined, and what the config leaves open matches", () => {
    inResctrl((root) => {
      const records = join(root, { closID: "gold", l3CacheSchema: "L3: 1=0FFFFF" });
      deepEqual(records, []);
      equal(readText("gold/tasks", root), String(PID));
    });
  });

  test("that is not there is made for its schemata, and stays", () => {
    inResctrl((root) => {
      const records = join(root, { closID: "silver", schemata: ["L3:0=f"] });
      equal(readText("silver/tasks", root), String(PID));
      equal(records.at(-1)?.isOwn, false);
      leaveResctrl(root, ID, records.at(-1) as ResctrlGroup);
      equal(exists(root, "silver"), true);
    });
  });

  test("the default group", () => {
    inResctrl((root) => {
      deepEqual(join(root, { closID: "/" }), []);
      equal(readText("tasks", root), String(PID));
    });
  });

  const refused: [string, LinuxIntelRdt, string, RegExp][] = [
    [
      "that is not there and is to have nothing",
      { closID: "tin" },
      "closID",
      /no resctrl group tin/,
    ],
    [
      "that has another cache",
      { closID: "gold", l3CacheSchema: "L3:0=ff" },
      "l3CacheSchema",
      /fffff for L3:0 and not ff/,
    ],
    [
      "that has another bandwidth",
      { closID: "gold", memBwSchema: "MB:0=100;1=10" },
      "memBwSchema",
      /100 for MB:1 and not 10/,
    ],
    [
      "that has no such cache",
      { closID: "gold", l3CacheSchema: "L3:7=f" },
      "l3CacheSchema",
      /nothing for L3:7/,
    ],
  ];
  for (const [name, intelRdt, member, message] of refused)
    test(`${name} is refused`, () => {
      inResctrl((root) => {
        const failure = failureOf(() => join(root, intelRdt));
        equal(failure.pointer, `/linux/intelRdt/${member}`);
        equal(message.test(failure.message), true, failure.message);
        equal(readText("gold/tasks", root), "");
      });
    });
});

describe("monitoring", () => {
  for (const closID of [undefined, "gold", "/"])
    test(`a group of its own in ${closID ?? "its own"}, which goes with it`, () => {
      inResctrl((root) => {
        const records = join(root, { ...(closID ? { closID } : {}), enableMonitoring: true });
        const path = `${closID === "/" ? "." : (closID ?? ID)}/mon_groups/${ID}`;
        equal(readText(`${path}/tasks`, root), String(PID));
        equal(records.at(-1)?.isMonitored, true);
        if (closID === undefined) return;
        unlinkAt(root, `${path}/tasks`);
        leaveResctrl(root, ID, records.at(-1) as ResctrlGroup);
        equal(exists(root, path), false);
        equal(exists(root, "gold"), true);
        leaveResctrl(root, ID, records.at(-1) as ResctrlGroup);
      });
    });

  test("one that is there already is somebody else's", () => {
    inResctrl((root) => {
      mkdirAt(root, `gold/mon_groups/${ID}`, 0o755);
      const failure = failureOf(() => join(root, { closID: "gold", enableMonitoring: true }));
      equal(failure.pointer, "/linux/intelRdt/enableMonitoring");
    });
  });
});

test("the kernel's reason is in the error", () => {
  inResctrl((root) => {
    writeText("info/last_cmd_status", "Mask f0f is not contiguous\n", O_WRONLY, root);
    unlinkAt(root, "gold/schemata");
    const failure = failureOf(() => join(root, { closID: "gold", schemata: ["L3:0=f0f"] }));
    equal(failure.hint, "the kernel says: Mask f0f is not contiguous");
  });
});

for (const closID of [".", "..", "a/b", "/a", "a\0"])
  test(`${JSON.stringify(closID)} is no name of a group`, () => {
    equal(failureOf(() => checkIntelRdt({ closID })).pointer, "/linux/intelRdt/closID");
  });

describe("update", () => {
  const schemata = { l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=50" };

  test("the container's group gets other schemata", () => {
    inResctrl((root) => {
      const fail = () => {
        throw new Error("nothing is to be made or moved");
      };
      const present = { name: "gold", isOwn: false };
      changeResctrl(root, ID, schemata, present, fail, fail);
      equal(readText("gold/schemata", root).startsWith("L3:0=f\nMB:0=50\n"), true);
    });
  });

  test("a group that has been made anew is another's", () => {
    inResctrl((root) => {
      let message = "";
      try {
        const other = { name: "gold", isOwn: true, inode: 1 };
        changeResctrl(
          root,
          ID,
          schemata,
          other,
          () => [],
          () => {},
        );
      } catch (error) {
        message = (error as Failure).message;
      }
      equal(message, "the resctrl group gold of the container is gone");
    });
  });

  test("a container without a group gets one, with all its tasks; it goes with delete", () => {
    inResctrl((root) => {
      const recorded: ResctrlGroup[] = [];
      changeResctrl(
        root,
        ID,
        schemata,
        undefined,
        () => [PID],
        (group) => {
          recorded.push({ ...group });
          // What the kernel does, once the directory is there.
          if (group.inode !== undefined) using(openAt(root, ID, O_RDONLY | O_DIRECTORY), fillGroup);
        },
      );
      deepEqual(
        recorded.map(({ name, isOwn, inode }) => [name, isOwn, inode !== undefined]),
        [
          [ID, true, false],
          [ID, true, true],
        ],
      );
      equal(readText(`${ID}/tasks`, root), String(PID));
      equal(readText(`${ID}/schemata`, root).startsWith("L3:0=f\nMB:0=50\n"), true);
    });
  });
});
