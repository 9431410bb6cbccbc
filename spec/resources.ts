import type { LinuxResources } from "@opencontainers-types";
import { validateConfig } from "#validators";
import { FaultyDocumentError } from "./faults.ts";
import { parseJson } from "./json.ts";
import { stringFaults } from "./strings.ts";
import { specVersion } from "./version.ts";

/** A document of resources that does not keep to the specification; the message names every fault. */
export class ResourcesError extends FaultyDocumentError {
  override name = "ResourcesError";
}

/** Where a config has what this document has. */
const PLACE = "/linux/resources";

/**
 * Reads what `update` takes: the value of `linux.resources` in a config.json, as a document of its own.
 * @throws {JsonError} when the text is not JSON
 * @throws {ResourcesError} when it does not keep to the specification
 */
export function readResources(text: string): LinuxResources {
  const resources = parseJson(text, { withoutNulls: true });
  const config: unknown = { ociVersion: specVersion, linux: { resources } };
  const faults = [...(validateConfig(config) ?? []), ...stringFaults(text, config)];
  if (faults.length === 0) return resources as LinuxResources;
  throw new ResourcesError(
    faults.map((fault) => ({ ...fault, pointer: fault.pointer.slice(PLACE.length) })),
  );
}
