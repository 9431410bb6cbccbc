/** What a config.json with a user namespace must fulfil: its ids are mapped, and the mappings are ones. */
import type { Linux, LinuxDevice, LinuxIDMapping, Mount, Spec, User } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import { checkIdMappings, hostId } from "../init/idMappings.ts";

/** Throws a Failure. How the ids of a namespace to join are mapped is not known yet. */
export function checkUserNamespace(config: Spec): void {
  const { linux = {} } = config;
  const user = linux.namespaces?.find(({ type }) => type === "user");
  if (!user) refuseMappings(linux);
  else if (!user.path) checkIds(config);
}

/** Checks the ids of a config whose mappings are known. Throws a Failure. */
export function checkIds({ process, mounts = [], linux = {} }: Spec): void {
  const { uidMappings = [], gidMappings = [] } = linux;
  const user = process?.user ?? { uid: 0, gid: 0 };
  checkMappings(uidMappings, "uid", user.uid);
  checkMappings(gidMappings, "gid", user.gid);
  checkUser(user, uidMappings, gidMappings);
  const mappings = { uid: uidMappings, gid: gidMappings };
  linux.devices?.forEach((device, i) => {
    checkFifo(device, `/linux/devices/${i}`, mappings);
  });
  mounts.forEach((mount, i) => {
    checkOwners(mount, `/mounts/${i}/options`, mappings);
  });
}

function refuseMappings(linux: Linux): void {
  for (const name of ["uidMappings", "gidMappings"] as const)
    if (linux[name]?.length)
      throw new Failure(`linux.${name} has no effect without a user namespace`, {
        pointer: `/linux/${name}`,
        hint: 'add {"type": "user"} to linux.namespaces, or remove the mappings',
      });
}

/** Without its root, or the container's user in the place of that, a user namespace could not be set up. */
function checkMappings(
  mappings: readonly LinuxIDMapping[],
  kind: "uid" | "gid",
  user: number,
): void {
  const pointer = `/linux/${kind}Mappings`;
  checkIdMappings(mappings, pointer);
  if (hostId(mappings, 0) === undefined && hostId(mappings, user) === undefined)
    throw new Failure(`the ${kind} 0 of the user namespace is not mapped`, {
      pointer,
      hint: `a new user namespace needs linux.${kind}Mappings with containerID 0, or at least with the id of process.user`,
    });
}

/** Refuses a user that has no ids in a user namespace with these mappings. */
export function checkUser(
  { uid, gid, additionalGids = [] }: User,
  uids: readonly LinuxIDMapping[],
  gids: readonly LinuxIDMapping[],
): void {
  const check = (mappings: readonly LinuxIDMapping[], id: number, name: string, kind: string) => {
    if (hostId(mappings, id) === undefined)
      throw new Failure(`the ${kind} ${id} is not mapped in the container's user namespace`, {
        pointer: `/process/user/${name}`,
        hint: `see linux.${kind}Mappings`,
      });
  };
  check(uids, uid, "uid", "uid");
  check(gids, gid, "gid", "gid");
  additionalGids.forEach((group, i) => {
    check(gids, group, `additionalGids/${i}`, "gid");
  });
}

type Mappings = Readonly<Record<"uid" | "gid", readonly LinuxIDMapping[]>>;

/** A FIFO is made in the container; devices are the host's and keep their owner. */
function checkFifo(device: LinuxDevice, pointer: string, mappings: Mappings): void {
  if (device.type !== "p") return;
  for (const kind of ["uid", "gid"] as const)
    if (hostId(mappings[kind], device[kind] ?? 0) === undefined)
      throw new Failure(
        `the ${kind} ${device[kind]} of the FIFO ${device.path} is not mapped in the user namespace`,
        { pointer: `${pointer}/${kind}`, hint: `see linux.${kind}Mappings` },
      );
}

/** A filesystem's `uid=` and `gid=` are ids of the namespace, such as the `gid=5` of most configs' devpts. */
function checkOwners({ options = [] }: Mount, pointer: string, mappings: Mappings): void {
  options.forEach((option, i) => {
    const [, kind, id] = option.match(/^([ug]id)=(\d+)$/) ?? [];
    if (kind !== undefined && hostId(mappings[kind as "uid" | "gid"], Number(id)) === undefined)
      throw new Failure(`the ${option} of the mount is not mapped in the user namespace`, {
        pointer: `${pointer}/${i}`,
        hint: `map it in linux.${kind}Mappings, or leave the option out`,
      });
  });
}
