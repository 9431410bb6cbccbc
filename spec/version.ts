/** A version by SemVer 2.0.0 (semver.org). */
export interface Version {
  major: number;
  minor: number;
  patch: number;
  /** The dot-separated identifiers after a hyphen; empty for a release. */
  prerelease: readonly string[];
}

/** The version of the runtime specification that `spec/*.schema.json` describes. */
export const specVersion = "1.3.0";

const pattern =
  /^(\d+)\.(\d+)\.(\d+)(?:-([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;
const leadingZero = /^0\d+$/;

/** Reads a version; `undefined` if the text is none. Build metadata has no meaning and is dropped. */
export function parseVersion(text: string): Version | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, major = "", minor = "", patch = "", suffix] = match;
  const prerelease = suffix === undefined ? [] : suffix.split(".");
  if ([major, minor, patch, ...prerelease].some((part) => leadingZero.test(part))) return undefined;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), prerelease };
}

/** The order of two versions (SemVer, section 11): negative when `a` comes first, 0 for equals. */
export function compareVersions(a: Version, b: Version): number {
  return (
    a.major - b.major ||
    a.minor - b.minor ||
    a.patch - b.patch ||
    comparePrereleases(a.prerelease, b.prerelease)
  );
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  // A release comes after its prereleases.
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (const [index, left] of a.entries()) {
    const right = b[index];
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareIdentifiers(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (aIsNumber && bIsNumber) return Number(a) - Number(b);
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const oldest: Version = { major: 1, minor: 0, patch: 0, prerelease: ["rc1"] };

/**
 * Whether a config of this version can be run: any 1.x from its first release candidate on. The
 * specification only adds within a major version and demands that unknown properties be
 * accepted, and engines write the newest version that they know, so a newer 1.x is no reason
 * to refuse (runc 1.1 does not look at the version at all). What came before 1.0.0-rc1 and what
 * comes after 1.x differ.
 */
export function isSupportedVersion(version: Version): boolean {
  return version.major === 1 && compareVersions(version, oldest) >= 0;
}
