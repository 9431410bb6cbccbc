/** The systemd unit that holds a container, and where its group is (systemd.unit(5), systemd.slice(5)). */
import { Failure } from "../../failure.ts";

interface ScopeName {
  /** Such as `tsrun-web.scope`. */
  unit: string;
  /** Such as `system.slice`. */
  slice: string;
  /** The group's, below the group of the systemd that makes it: `/system.slice/tsrun-web.scope`. */
  path: string;
}

const FORM = "write it as slice:prefix:name, such as system.slice:tsrun:web";
const UNIT_NAME_MAX = 255;
const UNIT_CHARACTERS = /^[\w:.\\-]+$/;

/**
 * Reads `linux.cgroupsPath` as runc and crun do: `slice:prefix:name` is the scope `prefix-name.scope` in that slice, by
 * default in the one for all services. Without a path it is `tsrun-<id>.scope`. Throws a Failure.
 */
export function scopeName(cgroupsPath: string | undefined, id: string, user: boolean): ScopeName {
  const [slice, prefix, name] = cgroupsPath ? partsOf(cgroupsPath) : ["", "tsrun", escaped(id)];
  const unit = `${prefix}-${name}.scope`;
  if (!UNIT_CHARACTERS.test(unit))
    throw new Failure(`${JSON.stringify(unit)} is no name for a systemd unit`, {
      hint: 'a unit\'s name is made of letters, digits and ":", "-", "_", ".", "\\"',
    });
  if (unit.length > UNIT_NAME_MAX)
    throw new Failure(`the name of the systemd unit ${unit} is too long`, {
      hint: `${UNIT_NAME_MAX} characters are possible: set linux.cgroupsPath`,
    });
  const inSlice = slice || (user ? "user.slice" : "system.slice");
  return { unit, slice: inSlice, path: `${slicePath(inSlice)}/${groupName(unit)}` };
}

function partsOf(cgroupsPath: string): [slice: string, prefix: string, name: string] {
  const [slice = "", prefix = "", name = "", ...more] = cgroupsPath.split(":");
  if (name === "" || more.length > 0)
    throw new Failure(`systemd cannot make the cgroup ${JSON.stringify(cgroupsPath)}`, {
      hint: FORM,
    });
  if (name.endsWith(".slice"))
    throw new Failure(`${name} is a slice, in which systemd puts no process`, { hint: FORM });
  return [slice, prefix, name];
}

/** The one character of container ids that units do not have, as systemd-escape(1) writes it. */
const escaped = (id: string): string => id.replaceAll("+", "\\x2b");

/** `a-b.slice` lies in `a.slice`, and `-.slice` is the root of them all. */
function slicePath(slice: string): string {
  if (slice === "-.slice") return "";
  const names = /^([\w:.\\]+(?:-[\w:.\\]+)*)\.slice$/.exec(slice)?.[1]?.split("-");
  if (names === undefined || slice.length > UNIT_NAME_MAX)
    throw new Failure(`${JSON.stringify(slice)} is no systemd slice`, {
      hint: "a slice is called name.slice, and one below it name-other.slice",
    });
  const slices = names.map((_, i) => `/${groupName(`${names.slice(0, i + 1).join("-")}.slice`)}`);
  return slices.join("");
}

/**
 * The names before the first dot that systemd takes for the kernel's: of its controllers, those of cgroup v1 until
 * version 257, and what it does by eBPF itself.
 */
const RESERVED = [
  ...["cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids"],
  ...["firewall", "devices", "foreign", "socket-bind"].map((name) => `bpf-${name}`),
  ...["bpf-restrict-network-interfaces", "bpf-bind-network-interface"],
];

/** systemd keeps its groups apart from the kernel's files (cg_escape in its cgroup-util.c). */
const groupName = (unit: string): string =>
  /^[_.]/.test(unit) || RESERVED.includes(unit.slice(0, unit.indexOf("."))) ? `_${unit}` : unit;
