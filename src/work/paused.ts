/** What commands say of topics that are paused, or that somebody gives another time or content. */
import { count } from "../counted.ts";
import { emptyRun, type Halt, type SendResult } from "../deliver/sender.ts";
import { aboutTopic } from "./commands.ts";
import type { TopicRow } from "../store/rows.ts";
import type { Topics } from "../store/store.ts";
import { localWhen } from "../time/local.ts";
import type { Context } from "./context.ts";

/** What of the context the suggested commands need. */
type Where = Pick<Context, "io" | "globals">;

/** Whoever moves it may have died. */
const MOVING_HINT = "run the same command again in a minute: what somebody left half moved is finished then";

/** More paused topics than this are only counted. */
const SHOWN = 10;

/**
 * Why nothing of a topic is sent that is paused or being moved, and how to go on; null: it is neither, or there is none of this name.
 * `waits`: whoever asks waits until it is moved, so only a pause counts.
 */
export async function pauseHalt(
  context: Where,
  store: Topics,
  topic: string,
  { waits = false }: { waits?: boolean } = {},
): Promise<Halt | null> {
  const row = await store.topic(topic);
  return row === null || (row.pausedAt === null && (waits || row.moving === null)) ? null : haltOf(context, row);
}

/** The result of a run that may not begin. */
export function notBegun(halt: Halt): SendResult {
  return { outcome: "halted", ...halt, run: emptyRun() };
}

/**
 * The result of a run, given that its topic may have been paused while it ran: a run that found nothing more to send then has not
 * done everything that was asked for. `topic` null: the run was of all topics, and goes round paused ones.
 */
export async function unlessPaused(
  context: Where,
  store: Topics,
  topic: string | null,
  result: SendResult,
): Promise<SendResult> {
  if (topic === null || (result.outcome !== "finished" && result.outcome !== "nothing_to_send")) return result;
  const halt = await pauseHalt(context, store, topic);
  if (halt === null || (await store.totals(topic)).pending === 0) return result;
  return { ...result, outcome: "halted", ...halt };
}

/** Names on stderr the topics with mail for this endpoint that waits because they are paused or being moved; nothing with `--quiet`. */
export async function tellLeftOut(context: Context, store: Topics, endpoint: TopicRow["endpoint"]): Promise<void> {
  const paused = await store.paused();
  const moving = (await store.moving()).filter(({ pausedAt }) => pausedAt === null);
  for (const [rows, what] of [
    [paused, "more paused topics"],
    [moving, "more topics that are being given another time or content"],
  ] as const) {
    const waiting = rows.filter(
      (row) => row.pending > 0 && row.cancelledAt === null && (row.endpoint === null || row.endpoint === endpoint),
    );
    for (const row of waiting.slice(0, SHOWN)) {
      const { reason, hint } = haltOf(context, row);
      context.terminal.info(`Left out: ${reason}, ${waitText(row.pending)}; ${hint}`);
    }
    if (waiting.length > SHOWN) context.terminal.info(`… and ${waiting.length - SHOWN} ${what}.`);
  }
}

/** Says on stderr, after a command has given a topic mail to send, that it is paused; nothing when it is not. */
export async function remindOfPause(context: Context, store: Topics, topic: string): Promise<void> {
  const halt = await pauseHalt(context, store, topic);
  if (halt !== null) context.terminal.info(`Nothing of it leaves for now: ${halt.reason}; ${halt.hint}`);
}

/** `12 messages wait`. */
export function waitText(messages: number): string {
  return messages === 1 ? "1 message waits" : `${count(messages)} messages wait`;
}

/** The command that resumes a topic. */
export function resumeCommand(context: Where, topic: string): string {
  return aboutTopic(context, "resume", topic);
}

/** Of a topic that is paused, else being moved. */
function haltOf(context: Where, { topic, pausedAt, pausedUntil, moving }: TopicRow): Halt & { hint: string } {
  if (pausedAt === null)
    return { reason: `topic "${topic}" is being given another ${moving ?? "time"}`, hint: MOVING_HINT };
  const until = pausedUntil === null ? "" : ` until ${localWhen(pausedUntil, context.io.clock.now())}`;
  return { reason: `topic "${topic}" is paused${until}`, hint: `resume it with: ${resumeCommand(context, topic)}` };
}
