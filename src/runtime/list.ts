/** `list`: all containers of a root. */
import { EMFILE, ENFILE, ENOENT, ENOMEM, O_RDONLY } from "#abi";
import { keepingHierarchy } from "../cgroup/hierarchy.ts";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { open, readBytes, stat, using } from "../linux/fs.ts";
import { userField } from "../linux/passwd.ts";
import type { Context } from "./context.ts";
import { type ContainerState, describe } from "./state.ts";
import { noState, StateDirectory } from "./store.ts";

/**
 * What `state` says of each container, in the order of their ids, and whose state directory it is. Of what cannot be read
 * it warns, as of a creation that was cut off, and goes on. Throws a Failure if there is no root where --root says.
 */
export function list(context: Context): ContainerState[] {
  const owners = new Owners();
  const containers: ContainerState[] = [];
  const look = (directory: StateDirectory): void => {
    let problem: string | undefined;
    try {
      const stored = directory.read();
      if (stored) containers.push(describe(directory, stored, owners.of(directory)));
      else if (!directory.isLocked()) problem = noState(directory.id).message;
    } catch (error) {
      const failure = Failure.of(error);
      // Nothing that is wrong with this container: the others could not be read either.
      if (isOfCaller(failure)) throw failure;
      problem = `listing ${directory.id}: ${failure.message}`;
    }
    if (problem !== undefined) context.warn(problem);
  };
  const isThere = keepingHierarchy(() => StateDirectory.visit(context.root, look));
  // The usual one is made with the first container.
  if (!isThere && context.rootMustExist)
    throw new Failure(
      `there is no directory ${context.root}, of which --root says that it holds containers`,
    );
  return containers;
}

/** Of descriptors or memory there are no more (open(2)). */
const isOfCaller = ({ errno }: Failure): boolean =>
  errno === EMFILE || errno === ENFILE || errno === ENOMEM;

/** Who owns a container is its directory's owner: a name of /etc/passwd, or `#` and the uid. */
class Owners {
  readonly #names = new Map<number, string>();
  #passwd: Uint8Array | undefined;

  of({ fd }: StateDirectory): string {
    const { uid } = stat(fd);
    const known = this.#names.get(uid);
    if (known !== undefined) return known;
    this.#passwd ??=
      unless([ENOENT], () => using(open("/etc/passwd", O_RDONLY), (file) => readBytes(file))) ??
      new Uint8Array(0);
    const name = userField(this.#passwd, uid, "name") ?? `#${uid}`;
    this.#names.set(uid, name);
    return name;
  }
}
