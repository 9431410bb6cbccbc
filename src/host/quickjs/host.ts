/** The QuickJS host: the natives of natives.c under the seam's types. */
import type { Argument, Host, LibseccompFunction, TypedArray } from "../seam.ts";

interface NativeHost {
  args: ArrayBuffer[];
  env: (name: string) => ArrayBuffer | undefined;
  syscall: (number: number, ...args: Argument[]) => number;
  address: (view: TypedArray) => number;
  fork: (cloneArgs: Uint8Array, child: () => never) => number;
  libseccomp: (name: LibseccompFunction, ...args: Argument[]) => number;
  decode: (bytes: ArrayBuffer) => string;
}
declare const nativeHost: NativeHost;

export const args: Host["args"] = () => nativeHost.args.map(nativeHost.decode);

export const env: Host["env"] = (name) => {
  const value = nativeHost.env(name);
  return value && nativeHost.decode(value);
};

export const { syscall, address, fork, libseccomp } = nativeHost;

/** The build has put `nativeHost.load`, which returns the module itself, in the place of `import`. */
export const load: Host["load"] = <Module>(imported: Promise<Module>) =>
  imported as unknown as Module;
