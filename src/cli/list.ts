import { stringifyJson } from "../../spec/json.ts";
import type { ContainerState } from "../runtime/state.ts";
import type { Command } from "./command.ts";

interface ListFlags {
  format?: "table" | "json" | "";
  quiet?: boolean;
}

export const list: Command<ListFlags> = {
  summary: "list the containers that were made with the given root",
  arguments: [],
  options: {
    "-f, --format <table|json>": 'what the list looks like (default: "table")',
    "-q, --quiet": "list the ids only",
  },
  details: `The root is what the global option --root names. A container that cannot be read is left out, with a
warning.

    # tsrun list
    # tsrun --root /run/user/1000/tsrun list --format json`,
  execute({ runtime, context, output }, _args, { format, quiet = false }) {
    const containers = runtime.list(context);
    if (quiet) output.write(containers.map(({ id }) => `${id}\n`).join(""));
    // A list without members is null, as Go writes it.
    else if (format === "json")
      output.write(`${stringifyJson(containers.length > 0 ? containers : null)}\n`);
    else output.write(toTable([HEADER, ...containers.map(toRow)]));
    return 0;
  },
};

const HEADER = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];

/** Of a container that is being created nobody can say yet when it was. */
const toRow = ({ id, pid, status, bundle, created = "-", owner }: ContainerState): string[] => [
  id,
  String(pid),
  status,
  bundle,
  created,
  owner,
];

/** The least width of a column, and what is between it and the next one, as in runc's table. */
const LEAST_WIDTH = 12;
const PADDING = 3;

function toTable(rows: readonly (readonly string[])[]): string {
  // Of such text, which is the usual one, every cell may be shown, and is as wide as it is long.
  const isPlain = /^[ -~]*$/.test(rows.flat().join(""));
  const cells = isPlain ? rows : rows.map((row) => row.map(shown));
  const width = isPlain ? (cell: string) => cell.length : countCharacters;
  // The last column has no next one.
  const widths = HEADER.slice(0, -1).map((_, i) =>
    cells.reduce((most, row) => Math.max(most, width(row[i] as string) + PADDING), LEAST_WIDTH),
  );
  const padded = (cell: string, i: number): string =>
    i < widths.length ? cell + " ".repeat((widths[i] as number) - width(cell)) : cell;
  return cells.map((row) => `${row.map(padded).join("")}\n`).join("");
}

/** What another user's state says must neither break the table nor speak to the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const shown = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");

/** As Go counts them. */
const countCharacters = (text: string): number => [...text].length;
