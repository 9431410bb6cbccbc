/** The completion that zsh gives with the script. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zshCompletion } from "../../../../src/cli/reference/zsh.ts";
import { testCompletion } from "./completion.ts";

/** zsh completes at a terminal only: one zsh types at another, which notes what is offered, and where it ends. */
const TYPIST = `
zmodload zsh/zpty
zpty typed zsh -f -i
zpty -w typed ". ./setup"
zpty -w -n typed "$1"$'\\t\\x14'
while zpty -r typed; do :; done
`;

const SETUP = `
fpath=($PWD $fpath)
autoload -Uz compinit && compinit -C -d dump
compadd() {
  # These only ask which of the words would match.
  [[ \${@[1,(i)(-|--)]} == *-[a-zA-Z]#[OAD]\\ * ]] && { builtin compadd "$@"; return }
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >>offers
  builtin compadd "$@"
}
setopt extended_glob
finish() { exec true }
zle -N finish
bindkey '^T' finish
bindkey '^I' complete-word
`;

testCompletion((line, folder) => {
  const offers = join(folder, "offers");
  writeFileSync(join(folder, "_tsrun"), zshCompletion());
  writeFileSync(join(folder, "setup"), SETUP);
  rmSync(offers, { force: true });
  const { status, stderr } = spawnSync("zsh", ["-f", "-c", TYPIST, "zsh", line], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder, TERM: "dumb" },
    timeout: 60_000,
  });
  assert.deepEqual([status, stderr], [0, ""]);
  return existsSync(offers) ? [...new Set(readFileSync(offers, "utf8").trim().split("\n"))] : [];
});
