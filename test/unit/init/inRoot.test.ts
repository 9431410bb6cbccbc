import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { DT_DIR, O_CREAT, O_DIRECTORY, O_PATH, O_RDONLY, O_WRONLY, S_IFMT, S_IFREG } from "#abi";
import {
  isDirectory,
  makeDirectoryInRoot,
  makeFile,
  makeFileInRoot,
  splitPath,
} from "../../../src/init/inRoot.ts";
import {
  findInRoot as find,
  mkdirAt,
  openAt,
  openInRoot,
  readDirectory,
  stat,
  statAt,
  symlinkAt,
  using,
  writeText,
} from "../../../src/linux/fs.ts";
import { cleanPath } from "../../../src/linux/path.ts";
import { inScratch } from "../linux/scratch.ts";

describe("paths are cleaned by their letters", () => {
  const paths: [path: string, clean: string][] = [
    ["/", "/"],
    ["", "/"],
    ["/a", "/a"],
    ["a/b", "/a/b"],
    ["/a/b/", "/a/b"],
    ["//a///b", "/a/b"],
    ["/a/./b/.", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/b/..", "/a"],
    ["/..", "/"],
    ["/../../a", "/a"],
    ["../a", "/a"],
    ["/a/../..", "/"],
    ["/.../..a/a..", "/.../..a/a.."],
    ["/ /é", "/ /é"],
  ];
  for (const [path, clean] of paths)
    test(JSON.stringify(path), () => {
      equal(cleanPath(path), clean);
      equal(cleanPath(clean), clean);
    });
});

describe("paths are split before their last name", () => {
  const paths: [path: string, directory: string, name: string][] = [
    ["/", "/", "."],
    ["", "/", "."],
    ["/a", "/", "a"],
    ["a", "/", "a"],
    ["/a/b", "/a/", "b"],
    ["/a/b//", "/a/", "b"],
    ["/a/..", "/a/", ".."],
    ["/a/../b", "/a/../", "b"],
    ["/..", "/", ".."],
  ];
  for (const [path, directory, name] of paths)
    test(JSON.stringify(path), () => deepEqual(splitPath(path), { directory, name }));
});

/** root/{dir/, file, links…} beside an `outside/` that nothing may be made in. */
function inTree(use: (root: number) => void): void {
  inScratch((dir) => {
    for (const name of ["root", "outside", "root/dir"]) mkdirAt(dir, name, 0o755);
    using(openAt(dir, "root", O_RDONLY | O_DIRECTORY), (root) => {
      writeText("file", "text", O_CREAT | O_WRONLY, root, 0o644);
      const links = {
        link: "dir",
        up: "../outside",
        absolute: "/dir",
        dangling: "nowhere",
        escape: "../../outside",
        "dir/fileLink": "../file",
        "dir/upwards": "../missing",
        "dir/around": "../dir/gone/../missing",
        throughParent: "gone/..",
      };
      for (const [name, target] of Object.entries(links)) symlinkAt(target, root, name);
      use(root);
    });
    using(openAt(dir, "outside", O_RDONLY | O_DIRECTORY), (fd) => deepEqual(readDirectory(fd), []));
    equal(
      using(openAt(dir, ".", O_RDONLY | O_DIRECTORY), readDirectory).filter(
        ({ type }) => type === DT_DIR,
      ).length,
      2,
    );
  });
}

const findInRoot = (root: number, path: string) => find(root, path, O_PATH);

const inode = (root: number, path: string): number => statAt(root, path).ino;

describe("a directory is found or made", () => {
  const directories: [string, string][] = [
    ["/dir", "dir"],
    ["/link", "dir"],
    ["/absolute", "dir"],
    ["/", "."],
    ["/new", "new"],
    ["/new/a/b/c", "new/a/b/c"],
    ["/dir/new/../new", "dir/new"],
    ["/link/new", "dir/new"],
    ["/absolute/x/y", "dir/x/y"],
    ["/../../above", "above"],
    ["relative/below", "relative/below"],
  ];
  for (const [path, place] of directories)
    test(`${path} is ${place}`, () => {
      inTree((root) => {
        using(makeDirectoryInRoot(root, path), (fd) => {
          equal(stat(fd).ino, inode(root, place));
          equal(isDirectory(fd), true);
        });
        // It is found the second time.
        using(makeDirectoryInRoot(root, path), (fd) => equal(stat(fd).ino, inode(root, place)));
      });
    });

  for (const path of ["/file", "/file/below", "/dir/fileLink"])
    test(`${path} is refused`, () => {
      inTree((root) => {
        throws(() => makeDirectoryInRoot(root, path), { code: "ENOTDIR" });
      });
    });

  // Inside the root, whatever they say: images have /var/run -> /run without a /run.
  const dangling: [string, string][] = [
    ["/dangling", "nowhere"],
    ["/dangling/below", "nowhere/below"],
    ["/link/upwards", "missing"],
    ["/link/around", "dir/missing"],
    ["/throughParent", "."],
  ];
  for (const [path, place] of dangling)
    test(`${path}, a link that leads nowhere, becomes ${place}`, () => {
      inTree((root) => {
        using(makeDirectoryInRoot(root, path), (fd) => equal(stat(fd).ino, inode(root, place)));
      });
    });

  test("links that lead out of the root lead to its inside", () => {
    inTree((root) => {
      for (const path of ["/up", "/up/below", "/escape/below/more"])
        using(makeDirectoryInRoot(root, path), (fd) => {
          equal(isDirectory(fd), true);
          using(openInRoot(root, path, O_PATH), (seen) => equal(stat(seen).ino, stat(fd).ino));
        });
    });
  });

  test("a link to itself is refused", () => {
    inTree((root) => {
      symlinkAt("loop", root, "loop");
      throws(() => makeDirectoryInRoot(root, "/loop/a"), { code: "ELOOP" });
    });
  });
});

describe("a file is found or made", () => {
  const files: [string, string][] = [
    ["/file", "file"],
    ["/dir/fileLink", "file"],
    ["/new", "new"],
    ["/a/b/new", "a/b/new"],
    ["/absolute/new", "dir/new"],
    ["/../new", "new"],
  ];
  for (const [path, place] of files)
    test(`${path} is ${place}`, () => {
      inTree((root) => {
        using(makeFileInRoot(root, path), (fd) => {
          equal(stat(fd).ino, inode(root, place));
          equal(stat(fd).mode & S_IFMT, S_IFREG);
        });
        equal(statAt(root, "file").size, 4);
      });
    });

  for (const [path, place] of [
    ["/dangling", "nowhere"],
    ["/link/upwards", "missing"],
    ["/dir/around", "dir/missing"],
    ["/up", "outside"],
  ] as const)
    test(`${path}, a link that leads nowhere, becomes ${place}, in the root`, () => {
      inTree((root) => {
        using(makeFileInRoot(root, path), (fd) => {
          equal(stat(fd).ino, inode(root, place));
          equal(stat(fd).mode & S_IFMT, S_IFREG);
        });
      });
    });

  test("a link through what is missing to the directory above is no file, and leads nowhere else", () => {
    inTree((root) => {
      using(makeFileInRoot(root, "/throughParent"), (fd) => equal(stat(fd).ino, stat(root).ino));
    });
  });

  test("one that is there is kept", () => {
    inTree((root) => {
      using(makeFile(root, "file", 0o600), (fd) => equal(stat(fd).size, 4));
      using(makeFile(root, "made", 0o600), (fd) => equal(stat(fd).mode, S_IFREG | 0o600));
      throws(() => makeFile(root, "link", 0o600), { code: "ELOOP" });
    });
  });
});

test("what is not there is not found", () => {
  inTree((root) => {
    for (const path of ["/none", "/dangling", "/file/x", "/up", "/dir/../none"])
      equal(findInRoot(root, path), undefined, path);
    using(findInRoot(root, "/link/fileLink") ?? -1, (fd) => equal(stat(fd).size, 4));
    symlinkAt("loop", root, "loop");
    throws(() => findInRoot(root, "/loop"), { code: "ELOOP" });
  });
});
