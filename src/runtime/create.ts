/** `create`: everything but the start of the program. */
import type { Context, CreateOptions } from "./context.ts";
import { launch } from "./launch.ts";

export function create(context: Context, options: CreateOptions): void {
  launch(context, options, false).directory.close();
}
