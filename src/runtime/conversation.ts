/** What a container's process says to its creator, and what it hears from it. */
import { load } from "#host";
import { Failure } from "../failure.ts";
import type { CreatorEnd, FromInit, Message } from "../init/channel.ts";
import { close, using } from "../linux/fs.ts";
import { type Child, exitStatus, wait } from "../linux/process.ts";
import type { Construction } from "./construction.ts";
import { hookState } from "./status.ts";
import type { StoredState } from "./store.ts";
import { passTerminal } from "./terminal.ts";

/** Answers the container's process until it is ready. Throws a Failure. */
export function serve(
  construction: Construction,
  channel: CreatorEnd,
  complete: StoredState,
): void {
  for (;;) {
    const { message, descriptors } = hear(construction, channel);
    if (message.type === "created") break;
    if (message.type === "console") passTerminal(construction, descriptors[0] as number);
    else if (message.type === "filtering") handListener(construction, channel, message.listener);
    else if (message.type === "listener") descriptors.forEach(close);
    else {
      runRuntimeHooks(construction);
      construction.directory.stage(complete);
      channel.send({ type: "proceed" });
    }
  }
}

/** If the process sends its listener after it was fetched, that is one too many. */
function handListener(construction: Construction, channel: CreatorEnd, descriptor: number): void {
  const { fetchListener, passListener } = load(import("./seccompListener.ts"));
  const fetched = fetchListener(construction.child as Child, channel.fd, descriptor);
  const listener = fetched ?? (hear(construction, channel).descriptors[0] as number);
  using(listener, () => passListener(construction, listener));
}

/** The next message of the container's process. Throws the Failure that it reports, or that it has ended. */
export function hear({ child }: Construction, channel: CreatorEnd): Message<FromInit> {
  const received = channel.receive();
  if (received === undefined) throw endedEarly(child as Child);
  if (received.message.type === "failed") throw Failure.from(received.message.failure);
  return received;
}

function endedEarly({ pidfd }: Child): Failure {
  const ending = wait(pidfd);
  const how = ending ? `status ${exitStatus(ending)}` : "no status";
  return new Failure(`the container's process ended with ${how} before it was ready`, {
    hint: "was it killed, or is memory short?",
  });
}

/** The hooks see the container as it is; so do commands that they run. */
function runRuntimeHooks({ bundle, directory, state }: Construction): void {
  const { hooks } = bundle.config;
  const { runHooks } = load(import("../init/hooks.ts"));
  directory.write(state);
  runHooks("prestart", hooks?.prestart, hookState(state, "creating"));
  runHooks("createRuntime", hooks?.createRuntime, hookState(state, "creating"));
}
