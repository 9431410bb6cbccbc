/**
 * Filesystems with parameters that are longer than fsconfig(2) takes: an overlay with a parameter for each layer, any
 * other, and an overlay of an older kernel, by mount(2).
 */
import {
  EINVAL,
  MNT_DETACH,
  MOUNT_ATTR__ATIME,
  MS_DIRSYNC,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_RDONLY,
  MS_SYNCHRONOUS,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
} from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { mkdirAt, open, openAt, using } from "../linux/fs.ts";
import {
  attachMount,
  cloneMount,
  createMount,
  type FsParameter,
  isTooLong,
  mount,
  setMountAttributes,
  umount,
} from "../linux/mount.ts";
import { fchdir } from "../linux/namespaces.ts";
import { encode } from "../linux/text.ts";
import { layerByLayer } from "./overlay.ts";

/** As `createMount`. `place` is a directory over which the filesystem may be mounted while it is made. */
export function createWithLongValues(
  type: string,
  parameters: readonly FsParameter[],
  attributes: number,
  place: number,
): number {
  const layers = type === "overlay" ? layerByLayer(parameters) : parameters;
  if (layers.some(isTooLong)) return createByMount(type, parameters, attributes, place);
  try {
    return createMount(type, layers, attributes);
  } catch (error) {
    // Linux before 6.7 does not know `lowerdir+`; before 6.5 it gives no other reason for anything.
    const isUnknown = isErrno(error, EINVAL) && /lowerdir\+|: EINVAL$/.test(error.message);
    if (!isUnknown) throw error;
    return createByMount(type, parameters, attributes, place);
  }
}

/**
 * mount(2) wants a path. It gets that of an empty directory which nobody else can see or change, since it is in a new
 * tmpfs in this mount namespace; from there the mount is taken.
 */
function createByMount(
  type: string,
  parameters: readonly FsParameter[],
  attributes: number,
  place: number,
): number {
  const { source, flags, data } = forMount(parameters);
  const scratch = createMount("tmpfs", [["source", "tmpfs"]], 0);
  return using(scratch, () =>
    using(open(".", O_PATH | O_DIRECTORY), (workingDirectory) => {
      mkdirAt(scratch, "made", 0o700);
      attachMount(scratch, place);
      try {
        enter(scratch);
        mountHere(source, type, flags, data);
        const made = openAt(scratch, "made", O_PATH | O_DIRECTORY, {
          resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
        });
        const detached = using(made, () => cloneMount(made));
        setMountAttributes(detached, { set: attributes, clear: MOUNT_ATTR__ATIME });
        return detached;
      } finally {
        fchdir(scratch);
        umount(".", MNT_DETACH);
        fchdir(workingDirectory);
      }
    }),
  );
}

function mountHere(source: string, type: string, flags: number, data: string): void {
  try {
    mount(source, ".", type, flags, data);
  } catch (cause) {
    if (!isErrno(cause, EINVAL)) throw cause;
    throw new Failure("making the filesystem by mount(2), which takes long options", {
      cause,
      hint: "it does not say what is wrong with them; the kernel's log may (dmesg)",
    });
  }
}

const enter = (scratch: number): void =>
  using(openAt(scratch, "made", O_PATH | O_DIRECTORY), fchdir);

const FLAGS: Readonly<Record<string, number>> = {
  ro: MS_RDONLY,
  sync: MS_SYNCHRONOUS,
  dirsync: MS_DIRSYNC,
  mand: MS_MANDLOCK,
  lazytime: MS_LAZYTIME,
  async: 0,
  nomand: 0,
  nolazytime: 0,
};

/** mount(2): the data are a page, of which more is cut off; a comma ends each option. */
const MAX_DATA = 4095;

function forMount(parameters: readonly FsParameter[]) {
  const given = new Map<string, string | undefined>();
  let flags = 0;
  for (const [key, value] of parameters)
    if (value === undefined && Object.hasOwn(FLAGS, key)) flags |= FLAGS[key] as number;
    else given.set(key, value);
  const source = given.get("source") ?? "";
  given.delete("source");
  const data = [...given].map(([key, value]) => (value === undefined ? key : `${key}=${value}`));
  const ambiguous = data.find((option) => /(^|[^\\]),/.test(option));
  if (ambiguous !== undefined)
    throw new Failure(`the option ${ambiguous} is long and has a comma, which would end it`);
  const text = data.join(",");
  if (encode(text).length > MAX_DATA)
    throw new Failure(`the options of the filesystem are longer than ${MAX_DATA} bytes`, {
      hint: "that is all that this kernel takes; shorter paths help, such as links",
    });
  return { source, flags, data: text };
}
