/** The driver that has systemd make a container's group, as a scope (https://systemd.io/CGROUP_DELEGATION). */
import { doing, Failure } from "../../failure.ts";
import { cgroupOf } from "../../linux/proc.ts";
import { handOnControllers } from "../controllers.ts";
import type { CgroupDriver } from "../driver.ts";
import { refuseOccupied } from "../group.ts";
import { inGroup, inHierarchy, openBelow } from "../hierarchy.ts";
import { annotatedProperties } from "./annotations.ts";
import { groupToBe } from "./limitedGroup.ts";
import { connectManager, type Manager, usesUserInstance } from "./manager.ts";
import { initialPropertiesOf, propertiesOf } from "./properties.ts";
import { abandonScope, startScope } from "./scope.ts";
import { scopeName } from "./unit.ts";

export const systemd: CgroupDriver = ({ cgroupsPath, id, settings, annotations }) => {
  const inConfig = cgroupsPath ? "/linux/cgroupsPath" : undefined;
  const user = usesUserInstance();
  const annotated = annotatedProperties(annotations);
  const {
    unit,
    slice,
    path: below,
  } = doing("choosing the container's cgroup", inConfig, () => scopeName(cgroupsPath, id, user));
  const manager = connectManager(user);
  try {
    const path = manager.controlGroup() + below;
    doing("choosing the container's cgroup", inConfig, () =>
      inGroup(path, (group) => refuseOccupied(group, path)),
    );
    const version = manager.version();
    const properties = [
      ...initialPropertiesOf(settings, version),
      ...propertiesOf(settings, version, groupToBe(manager)),
      ...annotated,
    ];
    return {
      path,
      scope: { unit, user },
      movesProcess: true,
      place(start) {
        try {
          const { pid } = start(undefined);
          startScope(manager, unit, slice, pid, properties);
          return openGroup(manager, unit, path, pid);
        } finally {
          manager.close();
        }
      },
    };
  } catch (error) {
    manager.close();
    throw error;
  }
};

/** The directory of a new scope's group, if the process is really there; else the scope is ended. */
function openGroup(manager: Manager, unit: string, path: string, pid: number): number {
  try {
    const real = cgroupOf(pid);
    if (real === undefined)
      throw new Failure("systemd has put the process into no cgroup v2 group", {
        hint: "tsrun needs a systemd that manages cgroup v2: systemd.unified_cgroup_hierarchy=1",
      });
    if (real !== path)
      throw new Failure(`systemd has put the process into ${real}, not into ${path}`);
    return inHierarchy((root) => {
      handOnControllers(root, path.slice(1, path.lastIndexOf("/")) || ".");
      return openBelow(root, path.slice(1));
    });
  } catch (error) {
    abandonScope(manager, unit);
    throw error;
  }
}
