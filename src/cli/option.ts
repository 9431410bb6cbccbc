/**
 * What the declaration of an option says: `-b, --bundle <directory>`, `--log-format <text|json>`,
 * `--pressure <trigger>...`. There is no other place for it: the readers of command lines, the help, the man pages and the
 * shells' completion all go by these words.
 */

export interface OptionForm {
  /** With its dash: `-b`. */
  short: string | undefined;
  /** With its dashes: `--bundle`. */
  long: string;
  /**
   * What stands for the value; undefined for an option without one. A `path` is a file's, a `directory` one that is there
   * already.
   */
  value: string | undefined;
  /** The values that it may have; undefined where any will do. */
  choices: readonly string[] | undefined;
}

export function optionForm(declared: string): OptionForm {
  const [, short, long = "", value] =
    /^(?:(-.), )?(--[^ ]+)(?: <(.+)>(?:\.\.\.)?)?$/.exec(declared) ?? [];
  return { short, long, value, choices: choicesOf(declared) };
}

/** `<table|json>` is one of two words. */
export function choicesOf(declared: string): readonly string[] | undefined {
  const at = declared.indexOf("<");
  if (at < 0 || !declared.includes("|", at)) return undefined;
  return declared.slice(at + 1, declared.indexOf(">")).split("|");
}

/**
 * Whether a word is one of an option's names. A long one may have a single dash, as with programs in Go: containerd
 * restores with `-no-subreaper`.
 */
export const isSpelling = (names: readonly string[], word: string): boolean =>
  names.includes(word) || names.includes(`-${word}`);
