/** Filters that are kept: found again as they were, and never taken from what others or chance have written. */
import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { describe, test } from "node:test";
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY, S_IFIFO } from "#abi";
import {
  chmod,
  chown,
  listDirectory,
  mkdirAt,
  mknodAt,
  open,
  openAt,
  readBytes,
  renameAt,
  stat,
  symlinkAt,
  unlinkAt,
  using,
  writeAll,
} from "../../../src/linux/fs.ts";
import { CACHE_FOLDER, findFilter, keepFilter } from "../../../src/seccomp/cache.ts";
import type { Filter } from "../../../src/seccomp/filter.ts";
import { descriptorCount, inScratch, makeFile } from "../linux/scratch.ts";

const filter: Filter = {
  program: Uint32Array.from({ length: 2500 }, (_, i) => i * 77_777),
  flags: 6,
  voice: "write",
};
const KEY = 'tsrun 1.2.3\n{"defaultAction":"SCMP_ACT_ALLOW","ü":1}';

/** Runs `use` in a state root that has kept the filter, with its file's name. */
function withKept(use: (root: string, folder: number, name: string) => void): void {
  inScratch((_, root) => {
    keepFilter(root, KEY, filter);
    using(open(`${root}/${CACHE_FOLDER}`, O_RDONLY | O_DIRECTORY), (folder) => {
      const [entry] = listDirectory(".", folder);
      use(root, folder, entry?.name as string);
    });
  });
}

const namesIn = (folder: number): string[] =>
  listDirectory(".", folder)
    .map(({ name }) => name)
    .sort();

function replace(folder: number, name: string, bytes: Uint8Array): void {
  unlinkAt(folder, name);
  using(openAt(folder, name, O_CREAT | O_WRONLY, { mode: 0o600 }), (fd) => writeAll(fd, bytes));
}

/** It is not found, and what is kept next takes its place. */
function isReplaced(root: string): void {
  equal(findFilter(root, KEY), undefined);
  keepFilter(root, KEY, filter);
  deepEqual(findFilter(root, KEY), filter);
}

test("what was kept is found as it was, for exactly its key", () => {
  withKept((root) => {
    deepEqual(findFilter(root, KEY), filter);
    equal(findFilter(root, `${KEY} `), undefined);
    equal(findFilter(root, KEY.replace("1.2.3", "1.2.4")), undefined);
  });
});

test("nothing is found where nothing was kept, or where there is no root", () => {
  inScratch((_, root) => equal(findFilter(root, KEY), undefined));
  equal(findFilter("/nonexistent/root", KEY), undefined);
});

test("folder and file are their owner's alone", () => {
  withKept((_root, folder, name) => {
    equal(stat(folder).mode & 0o7777, 0o700);
    equal(using(openAt(folder, name, O_RDONLY), stat).mode & 0o7777, 0o600);
  });
});

describe("a file that is not as it was written is none, and is replaced:", () => {
  const bytesOf = (folder: number, name: string): Uint8Array =>
    using(openAt(folder, name, O_RDONLY), (fd) => readBytes(fd).slice());

  test("one bit changed, anywhere", () => {
    withKept((root, folder, name) => {
      const bytes = bytesOf(folder, name);
      // The last word of the header is not used.
      const places = [0, 4, 8, 12, 16, 20, 24, 32, 33, 5000, bytes.length - 50, bytes.length - 1];
      for (const place of places)
        for (const bit of [0, 7]) {
          const changed = bytes.slice();
          changed[place] = (bytes[place] as number) ^ (1 << bit);
          replace(folder, name, changed);
          equal(findFilter(root, KEY), undefined, `byte ${place}`);
        }
      isReplaced(root);
    });
  });

  test("two words exchanged", () => {
    withKept((root, folder, name) => {
      const bytes = bytesOf(folder, name);
      const words = new Uint32Array(bytes.buffer, 32, 2500);
      [words[700], words[701]] = [words[701] as number, words[700] as number];
      replace(folder, name, bytes);
      isReplaced(root);
    });
  });

  test("cut off, or longer", () => {
    withKept((root, folder, name) => {
      const bytes = bytesOf(folder, name);
      for (const length of [0, 1, 31, 32, 100, bytes.length - 1]) {
        replace(folder, name, bytes.subarray(0, length));
        equal(findFilter(root, KEY), undefined, `${length} bytes`);
      }
      replace(folder, name, Uint8Array.from([...bytes, 0]));
      isReplaced(root);
    });
  });

  test("not text where there is to be text", () => {
    withKept((root, folder, name) => {
      const bytes = bytesOf(folder, name);
      bytes.fill(0xff, bytes.length - 10);
      replace(folder, name, bytes);
      isReplaced(root);
    });
  });

  test("a header that promises more than there is", () => {
    withKept((root, folder, name) => {
      const bytes = bytesOf(folder, name);
      new Uint32Array(bytes.buffer, 0, 8)[3] = 0x3fff_fff0;
      replace(folder, name, bytes);
      isReplaced(root);
    });
  });
});

describe("what others can have written is not taken:", () => {
  test("a file or a folder with other permissions", () => {
    withKept((root, folder, name) => {
      for (const mode of [0o602, 0o620, 0o604, 0o640]) {
        using(openAt(folder, name, O_RDONLY), (fd) => chmod(fd, mode));
        equal(findFilter(root, KEY), undefined, mode.toString(8));
      }
      isReplaced(root);
      for (const mode of [0o777, 0o701, 0o750]) {
        chmod(folder, mode);
        equal(findFilter(root, KEY), undefined, mode.toString(8));
        keepFilter(root, `other ${KEY}`, filter);
        deepEqual(namesIn(folder), [name], "nothing is written there either");
      }
    });
  });

  test("a file or a folder of another user", () => {
    withKept((root, folder, name) => {
      using(openAt(folder, name, O_RDONLY), (fd) => chown(fd, 1, -1));
      isReplaced(root);
      chown(folder, 1, -1);
      equal(findFilter(root, KEY), undefined);
    });
  });

  test("a link, and what is no file: nobody waits at a FIFO", () => {
    withKept((root, folder, name) => {
      renameAt(folder, name, "elsewhere");
      symlinkAt("elsewhere", folder, name);
      isReplaced(root);
      unlinkAt(folder, name);
      mknodAt(folder, name, S_IFIFO | 0o600);
      isReplaced(root);
    });
  });

  test("a folder behind a link", () => {
    withKept((root) => {
      inScratch((other, path) => {
        symlinkAt(`${root}/${CACHE_FOLDER}`, other, CACHE_FOLDER);
        equal(findFilter(path, KEY), undefined);
        keepFilter(path, KEY, filter);
      });
    });
  });
});

test("a cache that cannot be written is no error", () => {
  keepFilter("/nonexistent/root", KEY, filter);
  keepFilter("/proc", KEY, filter);
  inScratch((directory, root) => {
    makeFile(directory, CACHE_FOLDER, "");
    keepFilter(root, KEY, filter);
    equal(findFilter(root, KEY), undefined);
  });
  withKept((root, folder, name) => {
    unlinkAt(folder, name);
    mkdirAt(folder, name, 0o700);
    keepFilter(root, KEY, filter);
    equal(findFilter(root, KEY), undefined);
    deepEqual(namesIn(folder), [name], "nothing half done stays");
  });
});

test("profiles of one length and much in common have files of their own", () => {
  withKept((root, folder) => {
    for (const errno of [11, 12, 13]) keepFilter(root, KEY.replace("1}", `${errno}}`), filter);
    equal(namesIn(folder).length, 4);
  });
});

test("there are never more than 64 files, and the oldest go", () => {
  withKept((root, folder, name) => {
    for (let i = 0; i < 70; i++) keepFilter(root, `${i} ${KEY}`, filter);
    const names = namesIn(folder);
    equal(names.length, 64);
    // They may all be of one second: the newest is there in any case.
    deepEqual(findFilter(root, `69 ${KEY}`), filter);
    notEqual(name, undefined);
  });
});

test("a filter with more text than most have is not kept", () => {
  inScratch((_, root) => {
    const key = "x".repeat(600 * 1024);
    keepFilter(root, key, filter);
    equal(findFilter(root, key), undefined);
  });
});

test("no descriptor stays open", () => {
  withKept((root) => {
    const before = descriptorCount();
    for (const key of [KEY, "another"]) findFilter(root, key);
    keepFilter(root, KEY, filter);
    ok(descriptorCount() <= before);
    ok(before > 0);
  });
});
