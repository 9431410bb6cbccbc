/** Where config.json sets a resource, as a JSON pointer (RFC 6901): `/linux/resources/memory/limit`. */
export const resourcePointer = (...names: (string | number)[]): string =>
  ["/linux/resources", ...names.map(escapeToken)].join("/");

const escapeToken = (name: string | number): string =>
  String(name).replaceAll("~", "~0").replaceAll("/", "~1");
