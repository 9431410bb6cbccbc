/** Terminals for tests: one to run commands on, and the receiver of a console socket. */
import { join } from "node:path";
import { newFolder } from "./bundle.ts";
import { appears } from "./expect.ts";
import { Pty } from "./pty.ts";

/** A terminal of this run. */
export class Terminal extends Pty {
  constructor(...args: string[]) {
    super(newFolder("terminal"), args);
  }
}

/** A listening console socket, and the terminal that arrives over it. */
export function consoleSocket(): { path: string; terminal: Terminal } {
  const path = join(newFolder("console"), "socket");
  const terminal = new Terminal("socket", path);
  appears(path);
  return { path, terminal };
}
