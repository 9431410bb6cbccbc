/** `pause` and `resume`: the container's processes stop, and go on. */
import { freeze, thaw } from "../cgroup/freezer.ts";
import { doing, Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { inOwnGroup } from "./ownGroup.ts";
import { type ContainerStatus, openForChange } from "./status.ts";

/** Freezes a container that is created or running. Throws a Failure. */
export const pause = (context: Context, id: string): void =>
  change(context, id, `pausing the container ${id}`, ["created", "running"], freeze);

/** Thaws a container that is paused. Throws a Failure. */
export const resume = (context: Context, id: string): void =>
  change(context, id, `resuming the container ${id}`, ["paused"], thaw);

function change(
  context: Context,
  id: string,
  what: string,
  from: readonly ContainerStatus[],
  step: (group: number) => void,
): void {
  const { directory, state, status } = openForChange(context.root, id);
  doing(what, undefined, () => {
    if (!state || !from.includes(status))
      throw new Failure(`it is ${status}, not ${from.join(" or ")}`, { kind: "container-status" });
    inOwnGroup(state, step);
  });
  directory.close();
}
