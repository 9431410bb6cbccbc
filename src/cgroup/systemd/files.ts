/** Which files the kernel's groups have. */
import { O_PATH } from "#abi";
import { close, findAt } from "../../linux/fs.ts";
import { inGroup } from "../hierarchy.ts";

/** systemd's own group, which has the controllers that all groups beside it have. */
const WITNESS = "/init.scope";

/** Whether groups have a file, for what has to be known before there is the group itself. */
export const groupsHaveFile = (file: string): boolean =>
  inGroup(WITNESS, (group) => {
    const fd = findAt(group, file, O_PATH);
    if (fd !== undefined) close(fd);
    return fd !== undefined;
  }) ?? false;
