/** Takes unsubscriptions through the links of mails in, and takes them back. */
import type { NewSuppression, Unsubscription } from "../rows.ts";
import { HANDED_OUT } from "../rules/states.ts";
import { ALL_BULK, type BadEvents, heldByEvents, listLeft, standing } from "../rules/suppress.ts";
import type { VisitSink } from "../store.ts";
import { byIndex } from "./by-index.ts";
import type { Job } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { createEventCounts, type EventCounts } from "./event-counts.ts";
import { createFeedbackRows, type FeedbackRows } from "./feedback-rows.ts";
import { type KnownMessage, messagesById } from "./known-messages.ts";
import { createProofs } from "./proofs.ts";
import { createCounters } from "./state-counters.ts";
import { readSuppressions } from "./suppressions.ts";
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
  for (const { messageId, at, from } of requests) {
    const message = messages.get(messageId);
    if (message === undefined) continue;
    // The mark says that the mail was sent, so a message that never left must not get one.
    if (HANDED_OUT.includes(message.state) && mark(rows, counts, message, at)) counted++;
    proofs.note(message, { kind: "visit", at });
    const why = { reason: "unsubscribe", source: "link", detail: `link in "${message.topic}"` };
    suppressor.suppress({ address: message.email, list: listLeft(message.list, from), ...why }, tx.now.wall);
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
  const { isFree, isUnsubscribed } = await lift(tx, message);
  // Somebody who also left the contact list of SES is still unsubscribed.
  if (!isUnsubscribed) await clearMark(tx, message);
  return isFree;
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

const LIFT = `delete from sm.suppression where address = $1 and source = 'link' and list in ($2, '${ALL_BULK}')`;

/** Lifts what links suppressed for mail like this one, and says what that comes to. */
async function lift(
  tx: Tx,
  { email, list, kind, endpoint }: KnownMessage,
): Promise<{ isFree: boolean; isUnsubscribed: boolean }> {
  const address = keyOf(email);
  const [lifted, events] = await Promise.all([
    tx.run(LIFT, [address, list ?? ALL_BULK]),
    tx.query<BadEvents>(BAD_EVENTS, [address]),
  ]);
  const held = lifted > 0 ? heldByEvents(events, list) : null;
  if (held !== null) await suppressAgain(tx, { address, ...held, source: "event" });
  return standing(await readSuppressions(tx.query, address), { list, kind, isRehearsal: endpoint === "sandbox" });
}

async function suppressAgain(tx: Tx, entry: NewSuppression): Promise<void> {
  const counters = createCounters();
  const suppressor = createSuppressor(counters, new Map());
  await suppressor.learn(tx, [entry.address]);
  suppressor.suppress(entry, tx.now.wall);
  await suppressor.save(tx);
  await counters.write(tx);
}
