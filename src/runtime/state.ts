/** `state`: what runc prints, which is the specification's state and a little more. */
import type { State } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { type ContainerStatus, statusOf } from "./status.ts";
import { StateDirectory } from "./store.ts";

export interface ContainerState extends Omit<State, "status"> {
  status: ContainerStatus;
  /** 0 when the container has stopped. */
  pid: number;
  rootfs: string;
  /** RFC 3339; absent while it is being created. */
  created?: string;
  /** Always empty, as with runc: `list` knows the owner. */
  owner: string;
}

export function state(context: Context, id: string): ContainerState {
  const directory = StateDirectory.get(context.root, id);
  const stored = directory.read();
  if (!stored)
    throw new Failure(`the creation of the container ${id} has not come to a state`, {
      hint: `if nobody is creating it, remove what is left with \`tsrun delete --force ${id}\``,
    });
  const status = statusOf(directory, stored);
  const { ociVersion, bundle, rootfs, created, annotations } = stored;
  return {
    ociVersion,
    id,
    pid: status === "stopped" ? 0 : (stored.process?.pid ?? 0),
    status,
    bundle,
    rootfs,
    ...(created === undefined ? {} : { created }),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    owner: "",
  };
}
