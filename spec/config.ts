import type { Spec } from "@opencontainers-types";
import { validateConfig } from "#validators";
import type { Fault } from "./checks.ts";
import { FaultyDocumentError } from "./faults.ts";
import { parseJson } from "./json.ts";
import { stringFaults } from "./strings.ts";
import { isSupportedVersion, parseVersion } from "./version.ts";

/** A config.json that does not keep to the specification; the message names every fault. */
export class FaultyConfigError extends FaultyDocumentError {
  override name = "FaultyConfigError";
}

/**
 * Reads the text of a config.json. What is null in it is absent from the result.
 * @throws {JsonError} when the text is not JSON, or too long or too deep
 * @throws {FaultyConfigError} when it does not keep to the specification
 */
export function readConfig(text: string): Spec {
  const config = parseJson(text, { withoutNulls: true });
  const faults = [
    ...versionFaults(config),
    ...(validateConfig(config) ?? []),
    ...stringFaults(text, config),
  ];
  if (faults.length > 0) throw new FaultyConfigError(faults);
  return config as Spec;
}

/** What is wrong with a version that is a string; the schema tells when it is none. */
function versionFaults(config: unknown): Fault[] {
  const found = (config as Partial<Spec> | undefined)?.ociVersion;
  if (typeof found !== "string") return [];
  const version = parseVersion(found);
  if (version !== undefined && isSupportedVersion(version)) return [];
  const expected =
    version === undefined
      ? "a version by SemVer 2.0.0, like 1.0.2"
      : "a version 1.x of the runtime specification";
  return [{ pointer: "/ociVersion", expected, found }];
}
