/** The option `remount`: what is mounted already is changed (mount(8)). */
import { EINVAL } from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { stat } from "../linux/fs.ts";
import { reconfigureFilesystem, setMountAttributes } from "../linux/mount.ts";
import { changeAttributes, changeBelow } from "./binds.ts";
import type { MountPlan } from "./mountPlan.ts";

/** Changes a mount, with `attributes` for its own, and with parameters its filesystem as well. */
export function changeMount(
  mounted: number,
  { destination, options }: MountPlan,
  attributes: MountPlan["options"]["attributes"],
): void {
  if (!stat(mounted).isMountRoot)
    throw new Failure(`nothing is mounted on ${destination} that could be changed`, {
      hint: "remount is for what an earlier entry has mounted",
    });
  changeAttributes(mounted, attributes);
  changeBelow(mounted, options.recursiveAttributes);
  for (const { type, recursive } of options.propagation)
    setMountAttributes(mounted, { propagation: type }, recursive);
  // `bind,remount` is for the mount alone.
  if (!options.bind && options.parameters.length > 0) reconfigure(mounted, options.parameters);
}

function reconfigure(mounted: number, parameters: MountPlan["options"]["parameters"]): void {
  try {
    reconfigureFilesystem(mounted, parameters);
  } catch (cause) {
    if (!isErrno(cause, EINVAL)) throw cause;
    throw new Failure("changing the filesystem", {
      cause,
      hint: "not every option of a filesystem can be changed once it is mounted",
    });
  }
}
