/** A reporter for node:test that writes Results. */
import type { TestEvent } from "node:test/reporters";
import type { Result } from "./record.ts";

export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = [];
  for await (const { type, data } of events) {
    // A test begins before those within it, and ends after them.
    if (type === "test:start") names.splice(data.nesting, names.length, data.name);
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A suite is told by its tests, unless it was left out whole.
    if (data.details.type === "suite" && data.skip === undefined) continue;
    const file = data.file?.replace(/^.*\/(test\/.*)\.[jt]s$/, "$1");
    const path = [file, ...names.slice(0, data.nesting), data.name];
    const seconds = data.details.duration_ms / 1000;
    const result: Result = { file, test: path.join(" › "), outcome: "passed", seconds };
    if (type === "test:fail") {
      result.outcome = "failed";
      result.reason = reasonOf(data.details.error);
    } else if (data.skip !== undefined) {
      result.outcome = "skipped";
      if (typeof data.skip === "string") result.reason = data.skip;
    }
    yield `${JSON.stringify(result)}\n`;
  }
}

/** node:test wraps what a test has thrown. */
const reasonOf = ({ message, cause }: Error): string =>
  cause instanceof Error ? cause.message : message;
