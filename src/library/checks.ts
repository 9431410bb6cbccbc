/** Configurations, read and checked as `create` does it. */
import type { Spec } from "@opencontainers-types";
import { readConfig } from "../../spec/config.ts";
import { stringifyJson } from "../../spec/json.ts";
import { type Bundle, openBundle } from "../runtime/bundle.ts";
import { checkMachine, checkConfig as checkParts } from "../runtime/checks.ts";
import { reading } from "./errors.ts";

/**
 * Reads a configuration, the text of a config.json or an object of that form, and checks it as far as that can be without a
 * bundle and without the machine. 64-bit numbers that a number would round are bigints in the result, and what is null is
 * absent. Throws a {@link ConfigError} that names every departure from the specification.
 */
export function checkConfig(config: string | Spec): Spec {
  const text = typeof config === "string" ? config : stringifyJson(config);
  return reading("reading the configuration", () => {
    const spec = readConfig(text);
    checkParts(spec);
    return spec;
  });
}

/**
 * Reads a bundle and checks it, also against this machine as far as that can be without making anything: whether there are
 * the sources of mounts, the namespaces to join and the controllers of limits shows at `create`. Throws a
 * {@link RuntimeError}.
 */
export function checkBundle(path: string): Bundle {
  return reading(`reading the bundle ${path}`, () => {
    const bundle = openBundle(path);
    checkMachine(bundle.config);
    return bundle;
  });
}

/** The text of a configuration, with all digits of its bigints, which JSON.stringify refuses. */
export const stringifyConfig = (config: Spec): string => stringifyJson(config, 2);
