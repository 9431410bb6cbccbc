/** The QuickJS host: the natives of natives.c under the seam's types. */
import type { Argument, Host } from "../seam.ts";

interface NativeHost {
  args: ArrayBuffer[];
  env: ArrayBuffer[];
  syscall: (number: number, ...args: Argument[]) => number;
  address: (view: ArrayBufferView) => number;
  fork: (cloneArgs: Uint8Array, child: () => never) => number;
  decode: (bytes: ArrayBuffer) => string;
}
declare const nativeHost: NativeHost;

export const args: Host["args"] = () => nativeHost.args.map(nativeHost.decode);

export const env: Host["env"] = (name) => {
  const prefix = new TextEncoder().encode(`${name}=`);
  for (const entry of nativeHost.env) {
    const bytes = new Uint8Array(entry, 0, Math.min(prefix.length, entry.byteLength));
    if (bytes.length === prefix.length && bytes.every((byte, i) => byte === prefix[i]))
      return nativeHost.decode(entry.slice(prefix.length));
  }
  return undefined;
};

export const { syscall, address, fork } = nativeHost;
