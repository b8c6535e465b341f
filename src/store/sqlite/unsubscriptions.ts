/** Takes unsubscriptions through the links of mails in, and takes them back. */
import type { SuppressionReason } from "../../feedback/suppression-policy.ts";
import type { Unsubscription } from "../rows.ts";
import { HANDED_OUT } from "../rules/states.ts";
import { type BadEvents, reasonOfEvents } from "../rules/suppress.ts";
import type { VisitSink } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createProver, type Provable } from "./prove.ts";
import { createCounters } from "./state-counters.ts";
import { createSuppressor } from "./suppressions.ts";

interface Addressed extends Provable {
  email: string;
  topic: string;
}

/** Makes the part of the store that keeps who unsubscribed through a mail. */
export function createUnsubscriptions(job: Job): Pick<VisitSink, "unsubscribe" | "resubscribe"> {
  const { db, clock } = job;
  const counters = createCounters(db);
  const find = db.prepare<[number], Addressed>(
    `select m.id, m.topic_id as topicId, m.email, m.state, m.attempts, t.name as topic
     from message m join topic t on t.id = m.topic_id where m.id = ?`,
  );
  const suppress = createSuppressor(db, counters, clock);
  const { prove } = createProver(db, counters);
  const marks = createUnsubscribedMarks(db);
  const lift = createLifter(db);
  const write = <T>(work: () => T) => {
    const run = () => {
      counters.begin();
      const result = work();
      counters.write();
      return result;
    };
    return transaction(job, run);
  };

  const unsubscribeOne = ({ messageId, at }: Unsubscription): boolean => {
    const message = find.get(messageId);
    if (!message) return false;
    // The mark says that the mail was sent, so a message that never left must not get one.
    const isFirst = HANDED_OUT.includes(message.state) && marks.set(message, at);
    prove(message, { kind: "visit", at }, clock.now());
    suppress({ address: message.email, reason: "unsubscribe", source: "link", detail: `link in "${message.topic}"` });
    return isFirst;
  };

  const resubscribeOne = (messageId: number): boolean => {
    const message = find.get(messageId);
    if (!message) return false;
    const left = lift(message.email.toLowerCase());
    // Somebody who also left the contact list of SES is still unsubscribed.
    if (left !== "unsubscribe") marks.clear(message);
    return left === null;
  };

  return {
    unsubscribe: (requests) => write(() => requests.filter(unsubscribeOne).length),
    resubscribe: (messageId) => write(() => resubscribeOne(messageId)),
  };
}

/** Makes what marks messages as unsubscribed through, and counts them on their topics. */
function createUnsubscribedMarks(db: Connection) {
  const insert = db.prepare<[number, number]>(
    `insert into feedback (message_id, ses_message_id, unsubscribed_at) values (?, '', ?)
     on conflict (message_id) do update set unsubscribed_at = excluded.unsubscribed_at where unsubscribed_at is null`,
  );
  const moveBack = db.prepare<[number, number, number]>(
    "update feedback set unsubscribed_at = ? where message_id = ? and unsubscribed_at > ?",
  );
  const remove = db.prepare<[number]>(
    "update feedback set unsubscribed_at = null where message_id = ? and unsubscribed_at is not null",
  );
  const count = db.prepare<[number, number]>("update topic set unsubscribed = unsubscribed + ? where id = ?");
  const counted = (topicId: number, changes: number, by: 1 | -1): boolean => {
    if (changes > 0) count.run(by, topicId);
    return changes > 0;
  };
  return {
    /** Keeps the earlier time. False: the message has the mark already. */
    set({ id, topicId }: Addressed, at: number): boolean {
      const isFirst = counted(topicId, insert.run(id, at).changes, 1);
      if (!isFirst) moveBack.run(at, id, at);
      return isFirst;
    },
    clear: ({ id, topicId }: Addressed): boolean => counted(topicId, remove.run(id).changes, -1),
  };
}

/**
 * Makes a function that lets an address be written to again that unsubscribed through a link. It returns the reason for which the
 * address stays suppressed; null: it is not.
 */
function createLifter(db: Connection): (address: string) => string | null {
  const read = db.prepare<[string], { reason: string; source: string }>(
    "select reason, source from suppression where address = ?",
  );
  const remove = db.prepare<[string]>("delete from suppression where address = ?");
  const explain = db.prepare<[string, string]>(
    "update suppression set reason = ?, source = 'event', detail = null where address = ?",
  );
  const badEvents = createBadEvents(db);
  return (address) => {
    const kept = read.get(address);
    if (kept === undefined) return null;
    if (kept.source !== "link") return kept.reason;
    // An event that came after the unsubscription left the suppression as it was.
    const other = badEvents(address);
    if (other === null) remove.run(address);
    else explain.run(other, address);
    return other;
  };
}

/** Makes a function that says why events would suppress an address; null: none would. */
function createBadEvents(db: Connection): (address: string) => SuppressionReason | null {
  const find = db.prepare<[string], Omit<BadEvents, "complained"> & { complained: 0 | 1 }>(
    `select f.complained_at is not null as complained, f.bounce_type as bounceType, f.bounce_subtype as bounceSubType
     from recipient r join feedback f on f.message_id = r.message_id
     where r.address = ? and (f.complained_at is not null or f.bounced_at is not null)`,
  );
  return (address) =>
    reasonOfEvents(find.all(address).map(({ complained, ...bounce }) => ({ complained: complained === 1, ...bounce })));
}
