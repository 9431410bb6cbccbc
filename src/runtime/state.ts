/** `state`: what runc prints, which is the specification's state and a little more. */
import type { State } from "@opencontainers-types";
import type { Context } from "./context.ts";
import { type ContainerStatus, statusOf } from "./status.ts";
import { StateDirectory, type StoredState } from "./store.ts";

/** What a container is and does. */
export interface ContainerState extends Omit<State, "status"> {
  status: ContainerStatus;
  /** 0 when the container has stopped. */
  pid: number;
  rootfs: string;
  /** RFC 3339; absent while it is being created. */
  created?: string;
  /** Empty but in `list`, as with runc. */
  owner: string;
}

export const state = (context: Context, id: string): ContainerState =>
  StateDirectory.look(context.root, id, (directory) => describe(directory, directory.known(), ""));

/** What is told of a container whose state has been read. */
export function describe(
  directory: StateDirectory,
  stored: StoredState,
  owner: string,
): ContainerState {
  const status = statusOf(directory, stored);
  const { ociVersion, id, bundle, rootfs, created, annotations } = stored;
  return {
    ociVersion,
    id,
    pid: status === "stopped" ? 0 : (stored.process?.pid ?? 0),
    status,
    bundle,
    rootfs,
    ...(created === undefined ? {} : { created }),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    owner,
  };
}
