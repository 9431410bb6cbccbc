/**
 * What of a container is the host's or another container's, so that images hold only a key for it: bind mounts, and the
 * network and PID namespaces that it has joined. To restore it, criu is told what the keys stand for then.
 */
import type { Mount } from "@opencontainers-types";
import { AT_FDCWD, CLONE_NEWNET, O_DIRECTORY, O_PATH } from "#abi";
import type { Options } from "../criu/messages.ts";
import { Failure } from "../failure.ts";
import { deviceSources } from "../init/devices.ts";
import { splitPath } from "../init/inRoot.ts";
import { type MountPlan, planMounts } from "../init/mountPlan.ts";
import { type Join, type NamespacePlan, openNamespaces } from "../init/namespaces.ts";
import { close, findInRoot, openAt, readlinkAt, stat, using } from "../linux/fs.ts";
import { NAMESPACES } from "../linux/namespaces.ts";
import { type MountInfo, openProcRoot } from "../linux/proc.ts";
import type { Bundle } from "./bundle.ts";
import type { Context } from "./context.ts";
import { circumstancesOf } from "./initPlan.ts";

/** A file or directory of the host, and where the container has it. */
export interface HostMount {
  destination: string;
  source: string;
}

/** What of the host a mount shows, if it does. */
export const hostSource = ({ options, source }: MountPlan): string | undefined =>
  options.bind ? source : undefined;

/** The mounts of config.json that show something of the host. Throws a Failure for those that criu cannot restore. */
export function hostMounts(
  plans: readonly MountPlan[],
  { config }: Pick<Bundle, "config">,
  { cloneFlags, hasUser }: NamespacePlan,
): HostMount[] {
  // Only there the kernel forbids a new sysfs, and the host's has taken its place.
  const isSubstituted = hasUser && (cloneFlags & CLONE_NEWNET) === 0;
  const mounts = plans.flatMap((plan) => {
    const { mount, destination, options, idmap, pointer } = plan;
    if (idmap)
      throw new Failure(`criu cannot restore the idmapped mount on ${mount.destination}`, {
        pointer,
      });
    const source = hostSource(plan) ?? (isSubstituted ? plan.substitute : undefined);
    return source === undefined || options.remounts ? [] : [{ destination, source }];
  });
  const devices = hasUser ? deviceSources(config.linux?.devices ?? [], new Map()) : [];
  return [...mounts, ...devices.map(({ path }) => ({ destination: path, source: path }))];
}

/** The mounts of config.json, and that of the socket of a service manager, if the container has one. */
export const plannedMounts = (
  bundle: Pick<Bundle, "config" | "path">,
  context: Context,
  namespaces: NamespacePlan,
  group: string | undefined,
  notify: Mount | undefined,
): MountPlan[] =>
  planMounts(
    [...(bundle.config.mounts ?? []), ...(notify ? [notify] : [])],
    circumstancesOf(bundle, context, namespaces, group),
  );

type ExternalMounts = NonNullable<Options["ext_mnt"]>;

/** As criu finds them in the container with the process `pid`: each by where it really is, behind all links. */
export function dumpedMounts(
  pid: number,
  mounts: readonly HostMount[],
  mounted: readonly MountInfo[],
): ExternalMounts {
  const points = new Map(mounted.map(({ id, mountPoint }) => [id, mountPoint]));
  return using(openProcRoot(), (proc) =>
    using(openAt(proc, `${pid}/root`, O_PATH | O_DIRECTORY), (root) =>
      mounts.flatMap(({ destination }) => {
        const place = findInRoot(root, destination, O_PATH);
        const point = place === undefined ? undefined : points.get(using(place, stat).mountId);
        return point === undefined || point === "/" ? [] : [{ key: point, val: point }];
      }),
    ),
  );
}

/** As criu makes them: by where links of the root filesystem lead, whose mounts are not there yet. */
export const restoredMounts = (root: number, mounts: readonly HostMount[]): ExternalMounts =>
  mounts.map(({ destination, source }) => ({ key: followed(root, destination), val: source }));

/** A path without links, as far as there is anything. */
function followed(root: number, path: string): string {
  const found = findInRoot(root, path, O_PATH);
  if (found !== undefined)
    return using(found, () => pathOf(found).slice(pathOf(root).length) || "/");
  const { directory, name } = splitPath(path);
  const above = followed(root, directory);
  return above === "/" ? `/${name}` : `${above}/${name}`;
}

/** The kernel knows where a descriptor leads. */
const pathOf = (fd: number): string => readlinkAt(AT_FDCWD, `/proc/self/fd/${fd}`);

/** runc's names for namespaces that are joined. */
const KEYS = { network: "extRootNetNS", pid: "extRootPidNS" } as const;

const isKeyed = (type: string): type is keyof typeof KEYS => Object.hasOwn(KEYS, type);

const joinedNamespaces = ({ joins, stage }: NamespacePlan): Join[] => [
  ...(stage?.joins ?? []),
  ...(stage?.user ? [stage.user] : []),
  ...joins,
];

/** What criu is not to save: namespaces that others made, as the process `pid` has them. */
export const dumpedNamespaces = (pid: number, namespaces: NamespacePlan): string[] =>
  joinedNamespaces(namespaces).flatMap(({ type }) => {
    if (!isKeyed(type)) return [];
    const { file } = NAMESPACES[type];
    const { ino } = using(openProcRoot(), (proc) =>
      using(openAt(proc, `${pid}/ns/${file}`, O_PATH), stat),
    );
    return [`${file}[${ino}]:${KEYS[type]}`];
  });

/** The namespaces of config.json that a restored container is to join. */
export interface JoinedNamespaces {
  /** By descriptors, which the caller closes. */
  keyed: { key: string; fd: number }[];
  /** By path. */
  named: { ns: string; ns_file: string }[];
}

/** Opens and checks them. Throws a Failure for one that criu cannot join. */
export function restoredNamespaces(namespaces: NamespacePlan): JoinedNamespaces {
  const joins = joinedNamespaces(namespaces);
  for (const { type, pointer } of joins)
    if (type === "cgroup" || type === "mount")
      throw new Failure(`criu cannot restore into another's ${type} namespace`, { pointer });
  const joined: JoinedNamespaces = { keyed: [], named: [] };
  for (const { fd, join } of openNamespaces(joins)) {
    const { type, path } = join;
    if (isKeyed(type)) joined.keyed.push({ key: KEYS[type], fd });
    else {
      close(fd);
      joined.named.push({ ns: NAMESPACES[type].file, ns_file: path });
    }
  }
  return joined;
}
