/** Whether this machine can give a process the labels that config.json asks for. */
import type { Process } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import { UNCONFINED } from "../init/labels.ts";
import { isAppArmorEnabled, isSelinuxEnabled } from "../linux/securityModules.ts";

/** A process without the confinement it was promised must not start. Throws a Failure. */
export function checkLabels({ apparmorProfile, selinuxLabel }: Process): void {
  if (apparmorProfile && apparmorProfile !== UNCONFINED && !isAppArmorEnabled())
    throw new Failure(
      `the AppArmor profile ${apparmorProfile} cannot confine the process: AppArmor is not enabled`,
      {
        pointer: "/process/apparmorProfile",
        hint: "boot the kernel with AppArmor (apparmor=1), or remove the profile",
      },
    );
  if (selinuxLabel && !isSelinuxEnabled())
    throw new Failure(
      `the process cannot have the SELinux label ${selinuxLabel}: SELinux is not enabled`,
      {
        pointer: "/process/selinuxLabel",
        hint: "boot the kernel with SELinux (selinux=1), or remove the label",
      },
    );
}
