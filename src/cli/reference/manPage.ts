/** Manual pages in the macros of man(7): tsrun.8, and a page for each command. */
import { type Command, passesWordsOn } from "../command.ts";
import { commands } from "../commands.ts";
import { PURPOSE } from "../purpose.ts";
import { type DescribedOption, program, type Scope, scopeOf, spellings } from "./words.ts";

/** What the header and the footer of a page say. */
export interface Edition {
  version: string;
  /** Such as 2026-11-27. */
  date: string;
}

/** Roff's own characters, and those that it would print as typographic ones. */
const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\(rs",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

/** The longest line that mandoc(1) likes. */
const LINE = 80;

/** A line that does not begin like a request of roff's. */
const plain = (line: string): string => (line.startsWith(".") ? `\\&${line}` : line);

/** Text as lines for roff to fill. */
export function linesOf(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of escapeRoff(text).split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > LINE) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? plain(word) : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Text for a part of a line. */
const escapeRoff = (text: string): string =>
  text
    .replace(/[\\\-'`^~]/g, (character) => SPECIAL[character] as string)
    .replace(/[^\0-\x7f]/gu, (character) => {
      const point = character.codePointAt(0) as number;
      return `\\[u${point.toString(16).toUpperCase().padStart(4, "0")}]`;
    });

const bold = (text: string): string => `\\fB${escapeRoff(text)}\\fR`;
const italic = (text: string): string => `\\fI${escapeRoff(text)}\\fR`;

const section = (title: string, ...lines: readonly string[]): string[] => [
  `.SH ${title}`,
  ...lines,
];

/** Paragraphs, between which there is an empty line; those that are indented are shown as they are. */
function paragraphs(text: string): string[] {
  return text.split("\n\n").flatMap((paragraph, i) => {
    if (!/^ /.test(paragraph)) return [...(i > 0 ? [".PP"] : []), ...linesOf(paragraph)];
    const lines = paragraph.split("\n").map((line) => plain(escapeRoff(line.slice(4))));
    return [".PP", ".RS 4", ".EX", ...lines, ".EE", ".RE"];
  });
}

const entry = (tag: string, text: string): string[] => [".TP", tag, ...linesOf(text)];

function optionEntry(option: DescribedOption): string[] {
  const { value, choices } = option;
  const shown = choices ? choices.map(bold).join("|") : value && italic(value);
  return entry(
    spellings(option).map(bold).join(", ") + (shown ? ` ${shown}` : ""),
    option.description,
  );
}

const options = ({ options }: Scope): string[] =>
  section("OPTIONS", ...options.flatMap(optionEntry));

const STATE =
  "for each container a directory with its state, below the directory that --root names";

const files = (hasBundle: boolean): string[] =>
  section(
    "FILES",
    ...entry(italic("/run/tsrun"), STATE),
    ...entry(
      italic("/run/tsrun/@seccomp"),
      "seccomp filters that were compiled, for the next container",
    ),
    ...entry(italic("$XDG_RUNTIME_DIR/tsrun"), "the same for users other than root"),
    ...(hasBundle
      ? entry(italic("config.json"), "in a bundle: the configuration of the container")
      : []),
  );

const seeAlso = (...pages: readonly [name: string, section: number][]): string[] =>
  section(
    "SEE ALSO",
    ...pages.map(
      ([name, number], i) =>
        `.BR ${escapeRoff(name)} (${number})${i < pages.length - 1 ? "," : ""}`,
    ),
  );

const header = (name: string, { version, date }: Edition): string =>
  `.TH ${escapeRoff(name.toUpperCase())} 8 ${date} "tsrun ${version}" "Containers"`;

const page = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

const ENVIRONMENT: readonly [name: string, text: string][] = [
  [
    "XDG_RUNTIME_DIR",
    "where users other than root have the state of their containers, unless --root is given",
  ],
  [
    "NOTIFY_SOCKET",
    "the socket of a service manager, which is told when the container says that it is ready (sd_notify(3))",
  ],
  ["PATH", "where criu, ps, newuidmap and newgidmap are looked for"],
  ["LISTEN_FDS, LISTEN_PID", "sockets to pass to the container (sd_listen_fds(3))"],
];

export function programPage(edition: Edition): string {
  const [summary = "", ...description] = PURPOSE.split("\n\n");
  const entries = [...commands].flatMap(([name, { summary }]) => [
    ".TP",
    `.BR ${escapeRoff(`tsrun-${name}`)} (8)`,
    ...linesOf(summary),
  ]);
  return page([
    header("tsrun", edition),
    ...section("NAME", ...linesOf(`tsrun - ${summary}`)),
    ...section(
      "SYNOPSIS",
      `${bold("tsrun")} [${italic("global options")}] ${italic("command")} [${italic("options")}] [${italic("arguments")}]`,
    ),
    ...section("DESCRIPTION", ...paragraphs(description.join("\n\n"))),
    ...section("COMMANDS", ...entries),
    ...options(program),
    ...section(
      "EXIT STATUS",
      ...paragraphs(`${USUAL_STATUS} The commands that run a program end with its status.`),
    ),
    ...section("ENVIRONMENT", ...ENVIRONMENT.flatMap(([name, text]) => entry(bold(name), text))),
    ...files(true),
    ...seeAlso(["runc", 8], ["crun", 1]),
  ]);
}

const USUAL_STATUS =
  "0 for success, and 1 for an error, which the standard error and the log tell of.";

export function commandPage(name: string, command: Command, edition: Edition): string {
  const scope = scopeOf(name, command);
  const title = `tsrun-${name}`;
  const synopsis = [
    bold("tsrun"),
    `[${italic("global options")}]`,
    bold(name),
    `[${italic("options")}]`,
    ...command.arguments.map(argumentOf),
  ];
  const others = ["run", "create", "start", "kill", "delete"].filter((other) => other !== name);
  return page([
    header(title, edition),
    ...section("NAME", ...linesOf(`${title} - ${command.summary}`)),
    ...section("SYNOPSIS", synopsis.join(" ")),
    ...section("DESCRIPTION", ...paragraphs(command.details)),
    ...(passesWordsOn(command)
      ? [".PP", "After the first argument nothing is an option of tsrun."]
      : []),
    ...options(scope),
    ...section("EXIT STATUS", ...paragraphs(command.exitStatus ?? USUAL_STATUS)),
    ...files(scope.options.some(({ long }) => long === "--bundle")),
    ...seeAlso(["tsrun", 8], ...others.map((other): [string, number] => [`tsrun-${other}`, 8])),
  ]);
}

/** `<needed>` in italics, `[optional]` with its brackets. */
const argumentOf = (argument: string): string => {
  const name = argument.slice(1, -1).replace("...", "");
  const shown = italic(name) + (argument.includes("...") ? " ..." : "");
  return argument.startsWith("[") ? `[${shown}]` : shown;
};
