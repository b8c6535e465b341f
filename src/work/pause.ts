/** The commands `pause` and `resume` at work. */
import { EXIT, UserError } from "../errors.ts";
import { parsePause, pauseTopic, resumeTopic } from "../store/pausing.ts";
import { localWhen } from "../time/local.ts";
import type { Context } from "./context.ts";
import { count } from "../counted.ts";
import { resumeCommand, waitText } from "./paused.ts";
import { TopicRefusedError } from "../store/rules/admit.ts";
import { aboutTopic } from "./commands.ts";
import { refusedTopic } from "./refused-topic.ts";

/** Options of `pause`. */
export interface PauseFlags {
  for?: string;
}

/**
 * `pause`: lets nothing of a topic leave, for the time of `--for` or until it is resumed. Throws `UserError` for an unknown topic, a
 * cancelled one, and a time that cannot be read.
 */
export async function pause(context: Context, name: string, flags: PauseFlags) {
  const { io, terminal, globals, openStore } = context;
  const forMs = flags.for === undefined ? null : parsePause(flags.for, "--for");
  const store = await openStore({ ifMissing: "refuse" });
  const answer = await pauseTopic(store, name, forMs).catch((error: unknown) => refused(context, error));
  if (globals.json) terminal.json(answer);
  else {
    const { topic, paused_until: until, pending, in_flight: inFlight } = answer;
    const end = until === null ? "" : ` until ${localWhen(Date.parse(until), io.clock.now())}`;
    const flying = inFlight > 0 ? `, ${count(inFlight)} in flight` : "";
    terminal.done(
      `${topic}: paused${end}; ${waitText(pending)}${flying}. Resume it with: ${resumeCommand(context, topic)}`,
    );
  }
  return EXIT.done;
}

/** Throws why the topic cannot be paused, without a word of recipients: pausing adds none. */
function refused(context: Context, error: unknown): never {
  if (!(error instanceof TopicRefusedError)) throw error;
  const { topic, refusal } = error.refused;
  if (refusal !== "cancelled") throw refusedTopic(context, error.refused);
  throw new UserError(
    `topic "${topic}" is cancelled, so nothing of it leaves and there is nothing to pause`,
    `reopen it with: ${aboutTopic(context, "retry", topic, "--state cancelled")}`,
  );
}

/** `resume`: lets a paused topic go on. One that is not paused is no error. Throws `UserError` for an unknown topic. */
export async function resume({ terminal, globals, openStore }: Context, name: string): Promise<number> {
  const store = await openStore({ ifMissing: "refuse" });
  const answer = await resumeTopic(store, name);
  const { topic, resumed, pending } = answer;
  if (globals.json) terminal.json(answer);
  else terminal.done(`${topic}: ${resumed ? "resumed" : "was not paused"}; ${waitText(pending)}`);
  return EXIT.done;
}
