import type { State } from "@opencontainers-types";
import { validateState } from "#validators";
import { FaultyDocumentError } from "./faults.ts";
import { parseJson } from "./json.ts";

/** A container's state that does not keep to the specification. */
export class StateError extends FaultyDocumentError {
  override name = "StateError";
}

/**
 * Reads the text of a container's state; it may have more properties than the specification's.
 * @throws {JsonError} when the text is not JSON
 * @throws {StateError} when it is not a state
 */
export function readState(text: string): State {
  const state = parseJson(text, { withoutNulls: true });
  const faults = validateState(state);
  if (faults) throw new StateError(faults);
  return state as State;
}
