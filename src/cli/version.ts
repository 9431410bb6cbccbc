import manifest from "../../package.json" with { type: "json" };
import { specVersion } from "../../spec/version.ts";

/** What `--version` prints. */
export const versionText = (): string => `tsrun version ${manifest.version}\nspec: ${specVersion}`;
