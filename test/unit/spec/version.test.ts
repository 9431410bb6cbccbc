import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  compareVersions,
  isSupportedVersion,
  parseVersion,
  specVersion,
  type Version,
} from "../../../spec/version.ts";

function version(text: string): Version {
  const parsed = parseVersion(text);
  ok(parsed !== undefined, text);
  return parsed;
}

test("a version has its parts", () => {
  deepEqual(version("1.0.2-dev"), { major: 1, minor: 0, patch: 2, prerelease: ["dev"] });
  deepEqual(version("10.20.30-rc.1+build.007"), {
    major: 10,
    minor: 20,
    patch: 30,
    prerelease: ["rc", "1"],
  });
});

test("what is no version by SemVer 2.0.0 is none", () => {
  for (const text of [
    "",
    "1",
    "1.0",
    "1.0.0.0",
    "v1.0.0",
    "01.0.0",
    "1.00.0",
    "1.0.0-",
    "1.0.0+",
  ]) {
    equal(parseVersion(text), undefined);
  }
  for (const text of [
    "1.0.0-01",
    "1.0.0-a..b",
    " 1.0.0",
    "1.0.0\n",
    "1.0.x",
    "-1.0.0",
    "1.0.0-é",
  ]) {
    equal(parseVersion(text), undefined);
  }
});

test("versions are ordered as in SemVer, section 11", () => {
  const ordered = [
    "0.9.9",
    "1.0.0-1",
    "1.0.0-2",
    "1.0.0-11",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-rc1",
    "1.0.0",
    "1.0.2-dev",
    "1.0.2",
    "1.2.0",
    "1.10.0",
    "2.0.0",
  ].map(version);
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) {
      equal(Math.sign(compareVersions(a, b)), Math.sign(i - j));
    }
  }
  equal(compareVersions(version("1.0.0+a"), version("1.0.0+b")), 0);
});

test("every 1.x is supported, from the first release candidate on", () => {
  for (const text of ["1.0.0-rc1", "1.0.0-rc5", "1.0.0", "1.0.2-dev", "1.2.1+x", specVersion]) {
    ok(isSupportedVersion(version(text)), text);
  }
  for (const text of ["1.4.0", "1.99.0-rc.1"]) ok(isSupportedVersion(version(text)), text);
  for (const text of ["0.1.0", "0.6.0-dev", "1.0.0-alpha", "2.0.0", "2.0.0-rc1"]) {
    ok(!isSupportedVersion(version(text)), text);
  }
});
