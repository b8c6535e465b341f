/** From a queue to the job file: received, applied, and only then deleted. */
import type { Clock } from "../time/clock.ts";
import { addTo, type ApplyOptions, type EventSink, type IngestSummary, openRejectedRecords } from "./apply.ts";
import { unwrap } from "./envelopes/envelopes.ts";
import type { SesEvent } from "./ses-event.ts";
import { BATCH_LIMIT, type Queue, type QueueMessage, QueueUnreachable } from "../aws/sqs.ts";

/** The longest wait SQS allows; while nothing comes it is one call every 20 s. */
const IDLE_WAIT_SECONDS = 20;
/** Any wait makes SQS ask all its servers, so that an empty answer means an empty queue. */
const ONCE_WAIT_SECONDS = 2;
/** Calls at a time while the queue is full: one call brings at most 10 messages, a commit costs the same for 100. */
const MOST_RECEIVERS = 10;
/** Those that are in the way of nothing else wait no longer than this, so that what the others got is applied soon. */
const SIDE_WAIT_SECONDS = 1;
/** When all that comes was put aside before. */
const PAUSE_MS = 1_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

export interface QueueRun extends ApplyOptions {
  clock: Clock;
  /** End when the queue is empty. */
  once: boolean;
  /** End after this many messages; null: no limit. */
  max: number | null;
  /** Where messages that cannot be read are copied to. */
  rejects: string;
  /** Told when the queue cannot be reached and is tried again; not with `once`. */
  onRetry(reason: string): void;
  /** Called when the queue has nothing more for now. */
  onIdle(): Promise<void>;
}

/**
 * Applies what the queue holds, and with `once` false what comes later, until the signal, `max`, or an error that waiting
 * does not help against. A message is deleted after the commit that holds its events, so that whatever happens in between
 * it comes again and counts as a duplicate. One that cannot be read is left in the queue (for its dead-letter queue), told
 * and copied once a run.
 */
export async function applyQueue(
  queue: Queue,
  sink: EventSink,
  summary: IngestSummary,
  run: QueueRun,
): Promise<"empty" | "limit" | "interrupted"> {
  const rejects = openRejectedRecords(run.rejects, run.onNoRejects);
  /** Ids of messages we are through with and that are in the queue all the same. */
  const settled = new Map<string, "unreadable" | "applied">();
  let receivers = 1;
  let taken = 0;
  let retryMs = FIRST_RETRY_MS;

  const takeIn = async (messages: readonly QueueMessage[]): Promise<void> => {
    const events: SesEvent[] = [];
    const done: QueueMessage[] = [];
    for (const message of messages) {
      const known = settled.get(message.id);
      if (known === undefined && !read(message, events)) continue;
      if (known !== "unreadable") done.push(message);
    }
    if (events.length > 0) addTo(summary, await sink.applyEvents(events), events.length);
    run.onProgress(summary);
    for (const message of done) settled.set(message.id, "applied");
    const kept = new Set((await Promise.all(inTens(done).map((ten) => queue.delete(ten)))).flat());
    for (const { id } of done) if (!kept.has(id)) settled.delete(id);
  };

  /** Adds the events of a message. False when it cannot be read, or not all of it. */
  const read = (message: QueueMessage, events: SesEvent[]): boolean => {
    const items = unwrap(message.body);
    summary.records += items.length;
    const broken = items.flatMap((item) => ("malformed" in item ? item.malformed : []));
    for (const item of items) {
      if ("event" in item) events.push(item.event);
      else if ("ignored" in item) summary.ignored++;
    }
    if (broken.length === 0) return true;
    settled.set(message.id, "unreadable");
    rejects.write(message.body);
    for (const reason of broken) {
      summary.malformed++;
      run.onMalformed(`SQS message ${message.id}`, reason);
    }
    return false;
  };

  const turn = async (): Promise<"empty" | "limit" | null> => {
    const room = run.max === null ? Infinity : run.max - taken;
    if (room <= 0) return "limit";
    const messages = await receive(queue, receivers, room, run);
    const isNew = messages.filter(({ id }) => !settled.has(id)).length;
    taken += isNew;
    await takeIn(messages);
    retryMs = FIRST_RETRY_MS;
    const wellFilled = messages.length > (receivers * BATCH_LIMIT) / 2;
    receivers = wellFilled ? Math.min(2 * receivers, MOST_RECEIVERS) : Math.ceil(receivers / 2);
    if (isNew > 0) return null;
    receivers = 1;
    if (run.signal.aborted) return null;
    await run.onIdle();
    if (run.once) return "empty";
    if (messages.length > 0) await run.clock.sleep(PAUSE_MS, run.signal);
    return null;
  };

  try {
    while (!run.signal.aborted) {
      try {
        const end = await turn();
        if (end !== null) return end;
      } catch (error) {
        if (!(error instanceof QueueUnreachable) || run.once) throw error;
        run.onRetry(error.message);
        await run.clock.sleep(retryMs, run.signal);
        retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
      }
    }
    return "interrupted";
  } finally {
    rejects.close();
  }
}

/** Several calls at once while the queue is full; the last of what `--max` allows is not asked for twice. */
async function receive(queue: Queue, receivers: number, room: number, run: QueueRun): Promise<QueueMessage[]> {
  const idleWait = run.once ? ONCE_WAIT_SECONDS : IDLE_WAIT_SECONDS;
  const wait = receivers === 1 ? idleWait : SIDE_WAIT_SECONDS;
  const calls: Promise<QueueMessage[]>[] = [];
  for (let left = room; calls.length < receivers && left > 0; left -= BATCH_LIMIT) {
    calls.push(queue.receive(Math.min(left, BATCH_LIMIT), wait, run.signal));
  }
  return (await Promise.all(calls)).flat();
}

function inTens<T>(items: readonly T[]): T[][] {
  const tens: T[][] = [];
  for (let at = 0; at < items.length; at += BATCH_LIMIT) tens.push(items.slice(at, at + BATCH_LIMIT));
  return tens;
}
