import commit from "#commit" with { type: "json" };
import manifest from "../../package.json" with { type: "json" };
import { specVersion } from "../../spec/version.ts";
import { libseccompVersion } from "../runtime/version.ts";

/** What `--version` prints, in the form that engines read from runc. There is no commit outside of a git repository. */
export const versionText = (): string =>
  [
    `tsrun version ${manifest.version}`,
    ...(commit ? [`commit: ${commit}`] : []),
    `spec: ${specVersion}`,
    `libseccomp: ${libseccompVersion()}`,
  ].join("\n");
