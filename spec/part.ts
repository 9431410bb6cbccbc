import type { LinuxResources, Process } from "@opencontainers-types";
import { validateConfig } from "#validators";
import { FaultyDocumentError } from "./faults.ts";
import { parseJson } from "./json.ts";
import { stringFaults } from "./strings.ts";
import { specVersion } from "./version.ts";

/** A part of a config in a document of its own that does not keep to the specification; the message names every fault. */
export class PartError extends FaultyDocumentError {
  override name = "PartError";
}

/**
 * Reads what `update` takes: the value of `linux.resources` in a config.json, as a document of its own.
 * @throws {JsonError} when the text is not JSON
 * @throws {PartError} when it does not keep to the specification
 */
export const readResources = (text: string): LinuxResources =>
  readPart(text, (resources) => ({ linux: { resources } }), "/linux/resources") as LinuxResources;

/**
 * Reads what `exec --process` takes: the value of `process` in a config.json, as a document of its own.
 * @throws {JsonError} when the text is not JSON
 * @throws {PartError} when it does not keep to the specification
 */
export const readProcess = (text: string): Process =>
  readPart(text, (process) => ({ process }), "/process") as Process;

/** `place` is where a config has what `inConfig` puts there. */
function readPart(text: string, inConfig: (part: unknown) => object, place: string): unknown {
  const part = parseJson(text, { withoutNulls: true });
  const config = { ociVersion: specVersion, ...inConfig(part) };
  const faults = [...(validateConfig(config) ?? []), ...stringFaults(text, config)];
  if (faults.length === 0) return part;
  throw new PartError(
    faults.map((fault) => ({ ...fault, pointer: fault.pointer.slice(place.length) })),
  );
}
