/** Mounts whose ids are mapped: `idmap`, `ridmap`, uidMappings and gidMappings, beside the runc and crun that know them. */
import assert from "node:assert/strict";
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { alike, mountsBelow, printed } from "./harness/alike.ts";
import { type Bundle, newFolder, shellBundle } from "./harness/bundle.ts";
import { recentCrun, recentRunc } from "./harness/cgroup.ts";
import {
  addUserNamespace,
  type Config,
  HOST_GID,
  HOST_UID,
  type IdMapping,
  type Mount,
} from "./harness/config.ts";
import { failed } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { mounted } from "./harness/mounted.ts";
import { newId, type Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

interface MappedMount extends Mount {
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
}

const range = (containerID: number, hostID: number, size: number): IdMapping => ({
  containerID,
  hostID,
  size,
});

const mapped = (uid: number, gid: number): Pick<MappedMount, "uidMappings" | "gidMappings"> => ({
  uidMappings: [range(0, uid, 1000)],
  gidMappings: [range(0, gid, 1000)],
});

/** A folder with a file of 5:6. */
function source(): string {
  const folder = newFolder("source");
  fill(folder);
  return folder;
}

function fill(folder: string): void {
  writeFileSync(join(folder, "file"), "");
  chownSync(join(folder, "file"), 5, 6);
}

const OWNERS = `stat -c '%n %u:%g' /mnt/file /mnt/below/file 2>/dev/null; ${mountsBelow("/mnt")}`;

const binding = (
  mount: Partial<MappedMount>,
  { edit = () => {}, script = OWNERS }: { edit?: (config: Config) => void; script?: string } = {},
): Bundle =>
  shellBundle(script, {
    edit: (config) => {
      edit(config);
      config.mounts.push({ destination: "/mnt", type: "bind", source: source(), ...mount });
    },
  });

interface Case {
  name: string;
  mount: Partial<MappedMount>;
  edit?: (config: Config) => void;
  /** The owner of the file that is 5:6 on the host. */
  owner: string;
  peers: Runtime[];
}

const BOTH = [recentRunc, recentCrun];

const CASES: Case[] = [
  {
    name: "mappings of its own",
    mount: { options: ["bind", "idmap"], ...mapped(1000, 2000) },
    owner: "1005:2006",
    peers: BOTH,
  },
  {
    name: "mappings without the option, which older configs leave out",
    mount: { options: ["rbind", "ro"], ...mapped(1000, 2000) },
    owner: "1005:2006",
    peers: [recentRunc],
  },
  {
    name: "mappings of its own beside a user namespace",
    mount: { options: ["rbind", "idmap"], ...mapped(HOST_UID + 10, HOST_GID + 20) },
    edit: addUserNamespace,
    owner: "15:26",
    peers: BOTH,
  },
  {
    name: "the container's mappings",
    mount: { options: ["rbind", "idmap", "nosuid"] },
    edit: addUserNamespace,
    owner: "5:6",
    peers: [recentCrun],
  },
  {
    name: "several ranges",
    mount: {
      options: ["bind", "idmap"],
      uidMappings: [range(0, 100, 1), range(5, 3000, 1)],
      gidMappings: [range(6, 4000, 1), range(0, 0, 1)],
    },
    owner: "3000:4000",
    peers: BOTH,
  },
  {
    name: "mappings that do not know the owner",
    mount: {
      options: ["bind", "idmap"],
      uidMappings: [range(0, 0, 5)],
      gidMappings: [range(0, 0, 5)],
    },
    owner: "65534:65534",
    peers: BOTH,
  },
  {
    name: "crun's notation",
    mount: { options: ["bind", "idmap=uids=0-1000-3#5-10-1;gids=0-2000-10"] },
    owner: "10:2006",
    peers: [recentCrun],
  },
  {
    name: "crun's notation, relative to the container",
    mount: { options: ["bind", "idmap=uids=@5-10-1;gids=@0-0-10"] },
    edit: addUserNamespace,
    owner: "10:6",
    peers: [recentCrun],
  },
];

for (const { name, mount, edit, owner } of CASES)
  test(`ids are mapped by ${name}`, () => {
    const output = printed(binding(mount, edit ? { edit } : {}));
    assert.equal(output.split("\n")[0], `/mnt/file ${owner}`);
    assert.match(output, /,idmapped - /);
  });

for (const { name, mount, edit, owner, peers } of CASES)
  test(`ids are mapped by ${name}, as elsewhere`, needs("recent runc"), () => {
    const bundle = binding(mount, edit ? { edit } : {});
    assert.match(alike(bundle, ...peers), new RegExp(`^/mnt/file ${owner}$`, "m"));
  });

describe("of two filesystems", () => {
  /** Runs `use` with a filesystem on which another is mounted, each with a file of 5:6. */
  const stacked = (use: (folder: string) => void): void =>
    mounted(
      "tmpfs",
      "rw",
      (folder) => {
        for (const place of [folder, join(folder, "below")]) fill(place);
        use(folder);
      },
      "rw",
    );

  for (const [option, below] of [
    ["idmap", "5:6"],
    ["ridmap", "1005:2006"],
  ] as const)
    for (const [where, edit, top] of [
      ["", () => {}, "1005:2006"],
      [" in a user namespace", addUserNamespace, "5:6"],
    ] as const)
      test(`${option} maps ${option === "idmap" ? "the upper one" : "both"}${where}`, () => {
        stacked((source) => {
          const inNamespace = edit === addUserNamespace;
          const mappings = inNamespace ? mapped(HOST_UID, HOST_GID) : mapped(1000, 2000);
          const bundle = binding({ source, options: ["rbind", option], ...mappings }, { edit });
          // An id of the host that the namespace does not know is that of nobody.
          const unmapped = inNamespace ? "65534:65534" : below;
          const lower = option === "idmap" ? unmapped : top;
          assert.match(
            printed(bundle),
            new RegExp(`^/mnt/file ${top}\n/mnt/below/file ${lower}\n`),
          );
        });
      });
});

test("what is written gets the file's ids back", () => {
  const folder = source();
  const bundle = binding(
    { source: folder, options: ["bind", "idmap"] },
    { edit: addUserNamespace, script: "touch /mnt/new; stat -c %u:%g /mnt/new" },
  );
  assert.equal(printed(bundle), "0:0\n");
  const host = shellBundle("stat -c %u:%g /mnt/new", {
    edit: (config) =>
      config.mounts.push({ destination: "/mnt", source: folder, options: ["bind"] }),
  });
  assert.equal(printed(host), "0:0\n");
});

test("twenty mounts with the same mappings, in more than one message", () => {
  const folders = Array.from({ length: 20 }, (_, i) => `/mnt/${i}`);
  const bundle = shellBundle(
    `stat -c %u:%g ${folders.map((f) => `${f}/file`).join(" ")} | sort -u`,
    {
      edit: (config) => {
        addUserNamespace(config);
        const shared = source();
        config.mounts.push({ destination: "/mnt", type: "tmpfs" });
        for (const destination of folders)
          config.mounts.push({
            ...{ destination, source: shared, options: ["rbind", "idmap"] },
            ...mapped(HOST_UID + 1, HOST_GID + 1),
          } as Mount);
      },
    },
  );
  assert.equal(printed(bundle), "6:7\n");
});

test("flags that are locked in a user namespace stay with an idmapped mount", () => {
  mounted("tmpfs", "ro,nosuid", (folder) => {
    const bundle = binding(
      { source: folder, options: ["bind", "idmap", "rw", "suid"] },
      { edit: addUserNamespace, script: mountsBelow("/mnt") },
    );
    assert.match(printed(bundle), /^\/ \/mnt ro,nosuid,relatime,idmapped - /);
  });
});

describe("it is refused", () => {
  const refusals: [string, Partial<MappedMount>, ...RegExp[]][] = [
    ["of a new filesystem", { type: "tmpfs", ...mapped(1, 1) }, /only a bind mount/, /uidMappings/],
    ["without mappings", { options: ["bind", "idmap"] }, /no mappings/, /user namespace/],
    [
      "without gids",
      { options: ["bind", "idmap"], uidMappings: [range(0, 0, 1)] },
      /uidMappings and no gidMappings/,
    ],
    [
      "with mappings of nothing",
      { options: ["bind"], uidMappings: [range(0, 0, 0)], gidMappings: [range(0, 0, 1)] },
      /maps nothing/,
      /uidMappings\/0\/size/,
    ],
    [
      "of a filesystem that cannot have it",
      { source: "/proc", options: ["rbind", "idmap"], ...mapped(0, 0) },
      /mapping the ids of the mount: .*EINVAL/,
      /no idmapped mounts/,
    ],
  ];
  for (const [name, mount, ...patterns] of refusals)
    for (const edit of name === "without mappings" ? [() => {}] : [() => {}, addUserNamespace])
      test(`${name}${edit === addUserNamespace ? " in a user namespace" : ""}`, () => {
        const { path, config } = binding(mount, { edit });
        const pointer = new RegExp(`/mounts/${config.mounts.length - 1}`);
        leavesNothing(() => failed(tsrun.call(["run", "-b", path, newId()]), pointer, ...patterns));
      });
});

test("a folder that only the host's root can reach is mapped for a user namespace", () => {
  const closed = newFolder("closed");
  mkdirSync(join(closed, "inner"), { mode: 0o700 });
  fill(join(closed, "inner"));
  chownSync(closed, 12_345, 12_345);
  const bundle = binding(
    { source: join(closed, "inner"), options: ["bind", "idmap"] },
    { edit: addUserNamespace },
  );
  assert.match(printed(bundle), /^\/mnt\/file 5:6$/m);
});
