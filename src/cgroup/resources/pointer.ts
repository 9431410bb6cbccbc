/** Where something is in config.json, as a JSON pointer (RFC 6901): `/linux/resources/memory/limit`. */
export const pointerTo = (...names: (string | number)[]): string =>
  names.map((name) => `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

export const resourcePointer = (...names: (string | number)[]): string =>
  pointerTo("linux", "resources", ...names);
