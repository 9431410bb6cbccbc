/** `exactJson.ts`, loaded with the first text that needs it. */
import { load } from "#host";

type ExactJson = typeof import("./exactJson.ts");

const exactJson = (): ExactJson => load(import("./exactJson.ts"));

export const checkLimits: ExactJson["checkLimits"] = (text) => exactJson().checkLimits(text);

export const parseExactly: ExactJson["parseExactly"] = (text, withoutNulls) =>
  exactJson().parseExactly(text, withoutNulls);
