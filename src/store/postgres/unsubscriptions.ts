/** Takes unsubscriptions through the links of mails in, and takes them back. */
import type { Unsubscription } from "../rows.ts";
import { HANDED_OUT } from "../rules/states.ts";
import { type BadEvents, reasonOfEvents } from "../rules/suppress.ts";
import type { VisitSink } from "../store.ts";
import { byIndex } from "./by-index.ts";
import type { Job } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { createEventCounts, type EventCounts } from "./event-counts.ts";
import { createFeedbackRows, type FeedbackRows } from "./feedback-rows.ts";
import { type KnownMessage, messagesById } from "./known-messages.ts";
import { createProofs } from "./proofs.ts";
import { createCounters } from "./state-counters.ts";
import { createSuppressor, keyOf } from "./suppressor.ts";

/** Makes the part of the store that keeps who unsubscribed through a mail. */
export function createUnsubscriptions(job: Job): Pick<VisitSink, "unsubscribe" | "resubscribe"> {
  return {
    async unsubscribe(requests) {
      return requests.length === 0 ? 0 : transaction(job, (tx) => unsubscribeAll(tx, requests));
    },
    resubscribe: (messageId) => transaction(job, (tx) => resubscribe(tx, messageId)),
  };
}

/** Returns how many messages were counted. */
async function unsubscribeAll(tx: Tx, requests: readonly Unsubscription[]): Promise<number> {
  const counters = createCounters();
  const proofs = createProofs(counters, tx.now.wall);
  const [counts, rows] = [createEventCounts(), createFeedbackRows()];
  const ids = requests.map(({ messageId }) => messageId);
  const [, found] = await Promise.all([byIndex(tx.query), messagesById(tx, ids)]);
  const messages = new Map(found.map((message) => [message.id, message]));
  const suppressor = createSuppressor(counters, messages);
  const emails = found.map(({ email }) => email);
  await Promise.all([rows.learn(tx, [...messages.keys()]), suppressor.learn(tx, emails)]);
  let counted = 0;
  for (const { messageId, at } of requests) {
    const message = messages.get(messageId);
    if (message === undefined) continue;
    // The mark says that the mail was sent, so a message that never left must not get one.
    if (HANDED_OUT.includes(message.state) && mark(rows, counts, message, at)) counted++;
    proofs.note(message, { kind: "visit", at });
    const why = { reason: "unsubscribe", source: "link", detail: `link in "${message.topic}"` };
    suppressor.suppress({ address: message.email, ...why }, tx.now.wall);
  }
  await Promise.all([suppressor.save(tx), rows.save(tx), counts.save(tx), proofs.save(tx)]);
  await counters.write(tx);
  return counted;
}

/** Marks a message as unsubscribed through, at the earlier time. False: it has the mark already. */
function mark(rows: FeedbackRows, counts: EventCounts, { id, topicId }: KnownMessage, at: number): boolean {
  const before = rows.get(id)?.unsubscribed_at ?? null;
  rows.note(id, { unsubscribed_at: Math.min(before ?? at, at) });
  if (before === null) counts.add(topicId, "unsubscribed", 1);
  return before === null;
}

async function resubscribe(tx: Tx, messageId: number): Promise<boolean> {
  const [, [message]] = await Promise.all([byIndex(tx.query), messagesById(tx, [messageId])]);
  if (message === undefined) return false;
  const left = await lift(tx, keyOf(message.email));
  // Somebody who also left the contact list of SES is still unsubscribed.
  if (left !== "unsubscribe") await clearMark(tx, message);
  return left === null;
}

async function clearMark(tx: Tx, { id, topicId }: KnownMessage): Promise<void> {
  const [counts, rows] = [createEventCounts(), createFeedbackRows()];
  await rows.learn(tx, [id]);
  if ((rows.get(id)?.unsubscribed_at ?? null) === null) return;
  rows.note(id, { unsubscribed_at: null });
  counts.add(topicId, "unsubscribed", -1);
  await Promise.all([rows.save(tx), counts.save(tx)]);
}

const BAD_EVENTS = `select f.complained_at is not null as complained, f.bounce_type as "bounceType",
    f.bounce_subtype as "bounceSubType"
  from sm.recipient r cross join lateral (select * from sm.feedback where message_id = r.message_id limit 1) f
  where r.address = $1 and (f.complained_at is not null or f.bounced_at is not null)`;

/**
 * Lets an address be written to again that unsubscribed through a link. Returns the reason for which it stays suppressed; null: it
 * does not.
 */
async function lift(tx: Tx, address: string): Promise<string | null> {
  const [[kept], events] = await Promise.all([
    tx.query<{ reason: string; source: string }>("select reason, source from sm.suppression where address = $1", [
      address,
    ]),
    tx.query<BadEvents>(BAD_EVENTS, [address]),
  ]);
  if (kept === undefined) return null;
  if (kept.source !== "link") return kept.reason;
  // An event that came after the unsubscription left the suppression as it was.
  const other = reasonOfEvents(events);
  if (other === null) await tx.run("delete from sm.suppression where address = $1", [address]);
  else {
    const sql = "update sm.suppression set reason = $1, source = 'event', detail = null where address = $2";
    await tx.run(sql, [other, address]);
  }
  return other;
}
