/** How typedoc makes the library's documentation. What it warns of is an error. */
import { OptionDefaults } from "typedoc";

export default {
  name: "tsrun",
  entryPoints: ["../src/library/index.ts"],
  tsconfig: "../tsconfig.json",
  out: "../build/docs/api",
  readme: "./library.md",
  disableSources: true,
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  hideGenerator: true,
  // What RuncStatistics is derived from.
  intentionallyNotExported: ["toRuncStatistics"],
  // `make lint` has the compiler check the types.
  skipErrorChecking: true,
  // The types of the specification have it from their schemas.
  blockTags: [...OptionDefaults.blockTags, "@minItems"],
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: ["Class", "Interface", "TypeAlias", "Function", "Method", "Constructor"],
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};
