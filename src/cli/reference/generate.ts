/**
 * Makes the manual pages and the shells' completion: `generate.ts FOLDER`, in which there are man/ and completion/. Their
 * date is that of $SOURCE_DATE_EPOCH, where it is set (reproducible-builds.org), and else today's.
 */
import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY } from "#abi";
import { args, env } from "#host";
import manifest from "../../../package.json" with { type: "json" };
import { writeText } from "../../linux/fs.ts";
import { commands } from "../commands.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { commandPage, type Edition, programPage } from "./manPage.ts";
import { zshCompletion } from "./zsh.ts";

const folder = args().at(-1);
const epoch = env("SOURCE_DATE_EPOCH");
const date = epoch ? new Date(Number(epoch) * 1000) : new Date();
const edition: Edition = { version: manifest.version, date: date.toISOString().slice(0, 10) };

const write = (name: string, text: string): void =>
  writeText(`${folder}/${name}`, text, O_CREAT | O_TRUNC | O_WRONLY, AT_FDCWD, 0o644);

write("man/tsrun.8", programPage(edition));
for (const [name, command] of commands)
  write(`man/tsrun-${name}.8`, commandPage(name, command, edition));
write("completion/tsrun.bash", bashCompletion());
write("completion/tsrun.fish", fishCompletion());
write("completion/_tsrun", zshCompletion());
