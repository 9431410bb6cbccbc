/** Layers of an overlay, as the kernel separates them (filesystems/overlayfs.rst). */
import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";
import { layerByLayer, withAbsoluteLayers } from "../../../src/init/overlay.ts";

describe("a lowerdir, layer by layer, is", () => {
  const lowerdirs: [string, [string, string][]][] = [
    ["/a", [["lowerdir+", "/a"]]],
    [
      "/a:/b",
      [
        ["lowerdir+", "/a"],
        ["lowerdir+", "/b"],
      ],
    ],
    [
      "/a\\:b:/c\\\\:/d\\,e",
      [
        ["lowerdir+", "/a:b"],
        ["lowerdir+", "/c\\"],
        ["lowerdir+", "/d,e"],
      ],
    ],
    [
      "/a:/b::/c::/d",
      [
        ["lowerdir+", "/a"],
        ["lowerdir+", "/b"],
        ["datadir+", "/c"],
        ["datadir+", "/d"],
      ],
    ],
  ];
  for (const [lowerdir, layers] of lowerdirs)
    test(lowerdir, () => {
      deepEqual(
        layerByLayer([
          ["source", "x"],
          ["lowerdir", lowerdir],
          ["index", "off"],
        ]),
        [["source", "x"], ...layers, ["index", "off"]],
      );
    });
});

test("a bundle's name may have what has a meaning in lowerdir, but not in lowerdir+", () => {
  deepEqual(
    withAbsoluteLayers(
      [["lowerdir", "a::b"], ["upperdir", "u"], ["lowerdir+", "c"], ["xino", "on"], ["volatile"]],
      "/x:y,z",
    ),
    [
      ["lowerdir", "/x\\:y\\,z/a::/x\\:y\\,z/b"],
      ["upperdir", "/x:y\\,z/u"],
      ["lowerdir+", "/x:y,z/c"],
      ["xino", "on"],
      ["volatile"],
    ],
  );
});
