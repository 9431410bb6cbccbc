/** The layers of an overlay (the kernel's filesystems/overlayfs.rst). */
import type { FsParameter } from "../linux/mount.ts";

const ONE_DIRECTORY = new Set(["upperdir", "workdir", "lowerdir+", "datadir+"]);

/** Relative layers are relative to the bundle, as with crun. */
export const withAbsoluteLayers = (
  parameters: readonly FsParameter[],
  bundle: string,
): FsParameter[] =>
  parameters.map(([key, value]) => {
    if (value === undefined) return [key];
    const absolute = (path: string) =>
      path === "" || path.startsWith("/") ? path : `${escaped(bundle, key)}/${path}`;
    if (ONE_DIRECTORY.has(key)) return [key, absolute(value)];
    return [key, key === "lowerdir" ? splitLayers(value).map(absolute).join(":") : value];
  });

/** In `lowerdir` a colon separates layers, in all but the `+` forms a backslash takes the meaning of what follows. */
const escaped = (path: string, key: string): string =>
  key.endsWith("+") ? path : path.replace(key === "lowerdir" ? /[\\:,]/g : /[\\,]/g, "\\$&");

/** At colons that no backslash precedes. Two colons begin the layers that hold data only: an empty one between. */
const splitLayers = (value: string): string[] => {
  const layers = [""];
  for (const [part] of value.matchAll(/\\.|[^\\]|\\$/gs))
    if (part === ":") layers.push("");
    else layers[layers.length - 1] += part;
  return layers;
};

/** The same overlay with a parameter for each layer (`lowerdir+`, Linux 6.7), whose colons and backslashes are its own. */
export const layerByLayer = (parameters: readonly FsParameter[]): FsParameter[] =>
  parameters.flatMap(([key, value]) =>
    key === "lowerdir" && value !== undefined ? layersOf(value) : [[key, value] as FsParameter],
  );

function layersOf(lowerdir: string): FsParameter[] {
  const layers = splitLayers(lowerdir);
  const firstGap = layers.indexOf("");
  return layers.flatMap((layer, i) => {
    if (layer === "") return [];
    const key = firstGap >= 0 && i > firstGap ? "datadir+" : "lowerdir+";
    return [[key, layer.replace(/\\(.)/gs, "$1")] as FsParameter];
  });
}
