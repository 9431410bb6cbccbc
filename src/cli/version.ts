import manifest from "../../package.json" with { type: "json" };
import { specVersion } from "../../spec/version.ts";
import { libseccompVersion } from "../runtime/version.ts";

/** What `--version` prints, in the form that engines read from runc. */
export const versionText = (): string =>
  `tsrun version ${manifest.version}\nspec: ${specVersion}\nlibseccomp: ${libseccompVersion()}`;
