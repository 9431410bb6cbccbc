/** Whether what is read from a state directory is a container's state: whoever owns the directory may have written it. */
import { stringifyJson } from "../../spec/json.ts";
import type { StoredState } from "./store.ts";

/** In characters: a stranger may have written much. */
const SHOWN = 100;

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isBoolean: Check = (value) => typeof value === "boolean";
const isNumber: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isPositive: Check = (value) => isNumber(value) && value !== 0;
const isPath: Check = (value) => isText(value) && (value as string).startsWith("/");

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const recordOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);

/** Other members are nobody's business. */
const objectOf =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(members).every(([name, check]) => check(value[name]));

const isHook = objectOf({
  path: isPath,
  args: optional(listOf(isText)),
  env: optional(listOf(isText)),
  timeout: optional(isNumber),
});

const MEMBERS: Readonly<Record<keyof StoredState, Check>> = {
  ociVersion: isText,
  id: isText,
  bundle: isText,
  rootfs: isText,
  created: optional(isText),
  annotations: recordOf(isText),
  cgroup: optional(isPath),
  cgroupInode: optional(isNumber),
  scope: optional(objectOf({ unit: isText, user: isBoolean })),
  resctrl: optional(
    objectOf({
      name: isText,
      isOwn: isBoolean,
      inode: optional(isNumber),
      isMonitored: optional(isBoolean),
    }),
  ),
  resources: optional(isObject),
  rootMount: optional(isNumber),
  endsWithProcess: isBoolean,
  process: optional(objectOf({ pid: isPositive, startTime: isNumber })),
  isRestored: optional(isBoolean),
  noNewKeyring: optional(isBoolean),
  streams: optional(listOf(isText)),
  hooks: objectOf({ poststart: optional(listOf(isHook)), poststop: optional(listOf(isHook)) }),
};

/** Returns it as the state of the container `id`. Throws an Error that names what is wrong with it. */
export function checkState(value: unknown, id: string): StoredState {
  if (!isObject(value) || value["id"] !== id)
    throw new Error("this is not the state of the container");
  for (const [name, check] of Object.entries(MEMBERS))
    if (!check(value[name])) {
      const found = stringifyJson(value[name] ?? null).slice(0, SHOWN);
      throw new Error(`this is not the state of a container: its ${name} is ${found}`);
    }
  return value as unknown as StoredState;
}
