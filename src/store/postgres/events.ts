/** Applies events. Each counts once, in any order, before or after its message is known. */
import type { Applied, EventSink } from "../../feedback/event-sink.ts";
import type { SesEvent } from "../../feedback/ses-event.ts";
import type { KeptEvent } from "../kept-event.ts";
import { namedEvent } from "../named-event.ts";
import { isOfRemovedRehearsal } from "../rules/prove.ts";
import { listsOfEvent } from "../rules/suppress.ts";
import { byIndex } from "./by-index.ts";
import type { Job } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { createEventApplier } from "./event-applier.ts";
import { createKeeper, forgetKept, type Keeper, keptEvents, matchingKeys } from "./kept-events.ts";
import type { KnownMessage } from "./known-messages.ts";
import { createCounters } from "./state-counters.ts";
import { createSuppressor, forgottenAmong, keyOf, type Suppressor } from "./suppressor.ts";

/** Makes the part of the store that takes events in. `jobId` tells our events from those of other jobs. */
export function createEventSink(job: Job, jobId: string): EventSink {
  return {
    async applyEvents(batch) {
      const named = batch.map((event) => namedEvent(event, jobId));
      return batch.length === 0 ? none() : transaction(job, (tx) => applyBatch(tx, jobId, named));
    },
    async matchKeptEvents(sentWithinMs = null) {
      // What a monotonic clock has measured has fractions, which no column takes.
      const sentSince = sentWithinMs === null ? null : Math.ceil(job.time.now().wall - sentWithinMs);
      const result = none();
      // The long walk takes no lock.
      for await (const keys of matchingKeys(job, sentSince))
        add(result, await transaction(job, (tx) => matchKept(tx, jobId, keys)));
      return result;
    },
  };
}

/**
 * Reads all that the batch needs to know, decides about one event after the other in memory, and writes everything at once. Nothing
 * that was read can change meanwhile, because the transaction holds the writer lock.
 */
async function applyBatch(tx: Tx, jobId: string, batch: readonly SesEvent[]): Promise<Applied> {
  const now = tx.now.wall;
  const result = none();
  const counters = createCounters();
  const applier = createEventApplier({ now }, jobId, counters, result);
  const suppressor = createSuppressor(counters, applier.messages);
  const keeper = createKeeper();
  const [ours] = await Promise.all([
    ourLists(tx, batch),
    byIndex(tx.query),
    applier.learnMessages(tx, batch),
    suppressor.learn(
      tx,
      batch.flatMap(({ suppressions }) => suppressions.map(({ address }) => address)),
    ),
  ]);
  const unsure = applier.unsure(batch);
  await Promise.all([applier.learnHistory(tx, batch), keeper.learn(tx, unsure)]);
  const [isGone, forgotten] = await Promise.all([
    learnGone(tx, jobId, applier.messages, unsure),
    unsure.length === 0 ? new Set<string>() : forgottenAmong(tx, unsure.flatMap(addressesOf)),
  ]);
  const isBare = (event: SesEvent) => isGone(event) || addressesOf(event).some((address) => forgotten.has(address));
  for (const event of batch) {
    const message = applier.find(event);
    if (message !== undefined && isOfRemovedRehearsal(event, message)) {
      result.unmatched++;
      continue;
    }
    const isNew =
      message === undefined ? keepForLater(keeper, event, isBare(event), result) : applier.apply(message, event);
    // A duplicate must not suppress again, because the address may have been allowed since. Suppress last: the event may prove its
    // message sent, which must not be taken for a pending one.
    if (isNew) result.suppressed += suppressAll(suppressor, event, { message, ours, now });
  }
  await Promise.all([suppressor.save(tx), applier.save(tx), keeper.save(tx, now)]);
  await counters.write(tx);
  return result;
}

/** Makes a function that tells whether an event is about a message that was removed: its id was given, and nobody has it. */
async function learnGone(
  tx: Tx,
  jobId: string,
  messages: ReadonlyMap<number, KnownMessage>,
  events: readonly SesEvent[],
): Promise<(event: SesEvent) => boolean> {
  const isOurs = ({ jobId: job, messageId }: SesEvent): boolean =>
    job === jobId && messageId !== null && !messages.has(messageId);
  if (!events.some(isOurs)) return () => false;
  const [job] = await tx.query<{ next: number }>("select next_message_id as next from sm.job");
  return (event) => isOurs(event) && (event.messageId ?? Number.POSITIVE_INFINITY) < (job?.next ?? 0);
}

/** Everybody whom an event names. */
function addressesOf({ destination, suppressions }: SesEvent): string[] {
  return [...destination, ...suppressions.map(({ address }) => address)].map(keyOf);
}

function keepForLater(keeper: Keeper, event: SesEvent, isBare: boolean, result: Applied): boolean {
  const isNew = keeper.keep(event, isBare);
  if (isNew) result.unmatched++;
  else result.duplicates++;
  return isNew;
}

/** The contact lists that events of the batch speak of and whose names lists of ours have. */
async function ourLists(tx: Tx, batch: readonly SesEvent[]): Promise<Set<string>> {
  const leavings = batch.flatMap(({ suppressions }) => suppressions.map(({ leaves }) => leaves));
  const names = leavings.flatMap((leaves) => (leaves.kind === "contact list" ? (leaves.name ?? []) : []));
  if (names.length === 0) return new Set();
  const rows = await tx.query<{ list: string }>(
    `select w.list from unnest($1::text[]) w (list)
     cross join lateral (select 1 from sm.content where list = w.list limit 1) c`,
    [[...new Set(names)]],
  );
  return new Set(rows.map(({ list }) => list));
}

/** What decides about the suppressions of an event. `message` undefined: it is not known. */
interface Facts {
  message: KnownMessage | undefined;
  /** As `ourLists` found. */
  ours: ReadonlySet<string>;
  now: number;
}

/** Suppresses whom the event suppresses. Returns how many suppressions are new. */
function suppressAll(
  suppressor: Suppressor,
  { suppressions, rehearsal: isRehearsed }: SesEvent,
  { message, ours, now }: Facts,
): number {
  const rehearsal = isRehearsed === true || message?.endpoint === "sandbox";
  const entries = suppressions.flatMap(({ leaves, ...cause }) =>
    listsOfEvent(
      leaves,
      () => message?.list ?? null,
      (name) => ours.has(name),
    ).map((list) => ({ ...cause, list })),
  );
  return entries.filter((each) => suppressor.suppress({ ...each, source: "event", rehearsal }, now)).length;
}

/** Applies the kept events with these keys. An event that another process applied meanwhile is gone. */
async function matchKept(tx: Tx, jobId: string, keys: readonly string[]): Promise<Applied> {
  const result = none();
  const counters = createCounters();
  const applier = createEventApplier({ now: tx.now.wall }, jobId, counters, result);
  const events: (KeptEvent & { kept: string })[] = (await Promise.all([byIndex(tx.query), keptEvents(tx, keys)]))[1];
  await applier.learnMessages(tx, events);
  await applier.learnHistory(tx, events);
  const done: string[] = [];
  for (const event of events) {
    const message = applier.find(event);
    if (message === undefined) continue;
    if (!isOfRemovedRehearsal(event, message)) applier.apply(message, event);
    done.push(event.kept);
  }
  await Promise.all([applier.save(tx), forgetKept(tx, done)]);
  await counters.write(tx);
  return result;
}

function none(): Applied {
  return { applied: 0, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
}

function add(sum: Applied, more: Applied): void {
  for (const name of Object.keys(more) as (keyof Applied)[]) sum[name] += more[name];
}
