/** Counts opens and clicks through our own links. */
import { visitKey } from "../hash.ts";
import type { Visit } from "../rows.ts";
import { HANDED_OUT } from "../rules/states.ts";
import type { VisitSink } from "../store.ts";
import { byIndex } from "./by-index.ts";
import type { Job } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { createEventCounts, type EventCounts } from "./event-counts.ts";
import { createFeedbackRows, type Feedback } from "./feedback-rows.ts";
import { messagesById } from "./known-messages.ts";
import { createProofs } from "./proofs.ts";
import { createCounters } from "./state-counters.ts";
import { storable } from "./storable.ts";

/** Makes the part of the store that counts visits. */
export function createVisitSink(job: Job): Pick<VisitSink, "applyVisits"> {
  return {
    async applyVisits(batch) {
      return batch.length === 0 ? 0 : transaction(job, (tx) => applyBatch(tx, batch));
    },
  };
}

/** Counts the visits in memory, and writes what they come to. Returns how many messages were visited for the first time. */
async function applyBatch(tx: Tx, batch: readonly Visit[]): Promise<number> {
  const counters = createCounters();
  const proofs = createProofs(counters, tx.now.wall);
  const [counts, rows, clicks] = [createEventCounts(), createFeedbackRows(), createClicks()];
  const ids = batch.map(({ messageId }) => messageId);
  const [, found] = await Promise.all([byIndex(tx.query), messagesById(tx, ids)]);
  const messages = new Map(found.map((message) => [message.id, message]));
  await rows.learn(tx, [...messages.keys()]);
  let first = 0;
  for (const visit of batch) {
    const message = messages.get(visit.messageId);
    // Nobody can visit a message that never left, so somebody made up the id.
    if (message === undefined || !HANDED_OUT.includes(message.state)) continue;
    const before = rows.get(message.id);
    if (before === null || before.opens + before.machine_opens + before.clicks === 0) first++;
    rows.note(message.id, noted(visit, before));
    count(counts, message.topicId, visit, before);
    if (visit.kind === "click") clicks.add(visit);
    proofs.note(message, { kind: "visit", at: visit.at });
  }
  await Promise.all([clicks.save(tx), rows.save(tx), counts.save(tx), proofs.save(tx)]);
  await counters.write(tx);
  return first;
}

/** What a visit changes in the row of its message. */
function noted({ kind, at, machine }: Visit, before: Readonly<Feedback> | null): Partial<Feedback> {
  const earlier = (known: number | null | undefined) => Math.min(known ?? at, at);
  if (kind === "click") return { clicked_at: earlier(before?.clicked_at), clicks: (before?.clicks ?? 0) + 1 };
  const opened_at = earlier(before?.opened_at);
  if (machine) return { opened_at, machine_opens: (before?.machine_opens ?? 0) + 1 };
  return { opened_at, reader_opened_at: earlier(before?.reader_opened_at), opens: (before?.opens ?? 0) + 1 };
}

/** Counts a visit on the topic, and its message when it is the first of its kind. */
function count(
  counts: EventCounts,
  topicId: number,
  { kind, machine }: Visit,
  before: Readonly<Feedback> | null,
): void {
  if (kind === "click") {
    counts.add(topicId, "clicks", 1);
    if ((before?.clicked_at ?? null) === null) counts.add(topicId, "clicked", 1);
    return;
  }
  counts.add(topicId, machine ? "machine_opens" : "reader_opens", 1);
  if ((before?.opened_at ?? null) === null) counts.add(topicId, "opened", 1);
}

const CLICKED = `insert into sm.event as e (message_id, key, type, at, machine, detail, times)
  select message_id, key, 'click', at, machine, detail, times
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[], $5::text[], $6::int[])
    w (message_id, key, at, machine, detail, times)
  on conflict (message_id, key) do update set times = e.times + excluded.times`;

/** Collects clicks, from which reports read the links. The same click again only raises a number. */
function createClicks() {
  const clicks = new Map<string, { visit: Visit; key: number; times: number }>();
  return {
    add(visit: Visit): void {
      const { messageId, machine, link } = visit;
      const key = visitKey(machine, link);
      const known = clicks.get(`${messageId} ${key}`);
      if (known === undefined) clicks.set(`${messageId} ${key}`, { visit, key, times: 1 });
      else known.times++;
    },
    async save(tx: Tx): Promise<void> {
      if (clicks.size === 0) return;
      const all = [...clicks.values()];
      await tx.query(CLICKED, [
        all.map(({ visit }) => visit.messageId),
        all.map(({ key }) => key),
        all.map(({ visit }) => visit.at),
        all.map(({ visit }) => visit.machine),
        all.map(({ visit }) => visit.link && storable(visit.link)),
        all.map(({ times }) => times),
      ]);
    },
  };
}
