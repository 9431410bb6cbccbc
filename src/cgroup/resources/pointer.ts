/** Where a resource is in config.json. */
import { pointerTo } from "../../failure.ts";

export const resourcePointer = (...names: (string | number)[]): string =>
  pointerTo("linux", "resources", ...names);
