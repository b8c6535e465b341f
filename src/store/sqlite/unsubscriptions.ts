/** Takes unsubscriptions through the links of mails in, and takes them back. */
import type { Kind } from "../../message.ts";
import type { Endpoint, NewSuppression, Unsubscription } from "../rows.ts";
import { HANDED_OUT } from "../rules/states.ts";
import { ALL_BULK, type BadEvents, heldByEvents, listLeft, standing } from "../rules/suppress.ts";
import type { VisitSink } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createProver, type Provable } from "./prove.ts";
import { createCounters } from "./state-counters.ts";
import { mailWith } from "./suppressed.ts";
import { createSuppressionReader, createSuppressor } from "./suppressions.ts";

interface Addressed extends Provable {
  email: string;
  topic: string;
  endpoint: Endpoint | null;
  list: string | null;
  kind: Kind;
}

/** Makes the part of the store that keeps who unsubscribed through a mail. */
export function createUnsubscriptions(job: Job): Pick<VisitSink, "unsubscribe" | "resubscribe"> {
  const { db, clock } = job;
  const counters = createCounters(db);
  const { list, kind } = mailWith("m.content_id");
  const find = db.prepare<[number], Addressed>(
    `select m.id, m.topic_id as topicId, m.email, m.state, m.attempts, m.claimed_by as claimedBy, t.name as topic, t.endpoint,
       ${list} as list, ${kind} as kind
     from message m join topic t on t.id = m.topic_id where m.id = ?`,
  );
  const suppress = createSuppressor(db, counters, clock);
  const { prove } = createProver(db, counters);
  const marks = createUnsubscribedMarks(db);
  const lift = createLifter(db, suppress);
  const write = <T>(work: () => T) => {
    const run = () => {
      counters.begin();
      const result = work();
      counters.write();
      return result;
    };
    return transaction(job, run);
  };

  const unsubscribeOne = ({ messageId, at, from }: Unsubscription): boolean => {
    const message = find.get(messageId);
    if (!message) return false;
    // The mark says that the mail was sent, so a message that never left must not get one.
    const isFirst = HANDED_OUT.includes(message.state) && marks.set(message, at);
    prove(message, { kind: "visit", at }, clock.now());
    const why = { reason: "unsubscribe", source: "link", detail: `link in "${message.topic}"` };
    suppress({ address: message.email, list: listLeft(message.list, from), ...why });
    return isFirst;
  };

  const resubscribeOne = (messageId: number): boolean => {
    const message = find.get(messageId);
    if (!message) return false;
    const { isFree, isUnsubscribed } = lift(message);
    // Somebody who also left the contact list of SES is still unsubscribed.
    if (!isUnsubscribed) marks.clear(message);
    return isFree;
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

/** Makes a function that lifts what links suppressed for mail like this one, and says what that comes to. */
function createLifter(
  db: Connection,
  suppress: (entry: NewSuppression) => boolean,
): (message: Addressed) => { isFree: boolean; isUnsubscribed: boolean } {
  const remove = db.prepare<[string, string]>(
    `delete from suppression where address = ? and source = 'link' and list in (?, '${ALL_BULK}')`,
  );
  const read = createSuppressionReader(db);
  const badEvents = createBadEvents(db);
  return ({ email, list, kind, endpoint }) => {
    const address = email.toLowerCase();
    if (remove.run(address, list ?? ALL_BULK).changes > 0) {
      const held = heldByEvents(badEvents(address), list);
      if (held !== null) suppress({ address, ...held, source: "event" });
    }
    return standing(read(address), { list, kind, isRehearsal: endpoint === "sandbox" });
  };
}

/** Makes a function that reads what events said about the messages to an address. */
function createBadEvents(db: Connection): (address: string) => BadEvents[] {
  const find = db.prepare<[string], Omit<BadEvents, "complained"> & { complained: 0 | 1 }>(
    `select f.complained_at is not null as complained, f.bounce_type as bounceType, f.bounce_subtype as bounceSubType
     from recipient r join feedback f on f.message_id = r.message_id
     where r.address = ? and (f.complained_at is not null or f.bounced_at is not null)`,
  );
  return (address) =>
    find.all(address).map(({ complained, ...bounce }) => ({ complained: complained === 1, ...bounce }));
}
