/** Finds the messages that events, visits and unsubscriptions speak of. */
import type { Kind } from "../../message.ts";
import { MOST_LOOKED_THROUGH } from "../named-event.ts";
import type { Endpoint } from "../rows.ts";
import type { Addressed } from "../rules/handed.ts";
import { numbers } from "./arrays.ts";
import type { Tx } from "./transaction.ts";
import type { Provable } from "./prove.ts";

/** A message, and what is needed of its topic. */
export interface KnownMessage extends Provable {
  email: string;
  sesMessageId: string | null;
  topic: string;
  /** The list of its content; null: it has none. */
  list: string | null;
  kind: Kind;
  endpoint: Endpoint | null;
  /** When somebody began to remove the rehearsal of its topic; null: nobody does now. */
  afreshAt: number | null;
}

// Each lookup is a lateral one with a limit, so that no planner reads a whole table for it, however little it knows of its size.
const FACTS = `select m.id, m.topic_id as "topicId", m.email, m.state, m.attempts, m.claimed_by as "claimedBy", m.ses_message_id as "sesMessageId",
  t.name as topic, t.endpoint, t.afresh_at as "afreshAt", c.list, c.kind`;
const ITS_TOPIC = `cross join lateral (select name, endpoint, afresh_at from sm.topic where id = m.topic_id limit 1) t
  cross join lateral (select list, kind from sm.content where id = m.content_id limit 1) c`;

const BY_ID = `${FACTS} from unnest($1::bigint[]) w (id)
  cross join lateral (select * from sm.message where id = w.id limit 1) m ${ITS_TOPIC}`;

// Without a limit: nothing but their origin makes these ids unique.
const BY_SES_ID = `${FACTS} from unnest($1::text[]) w (id)
  cross join lateral (select * from sm.message where ses_message_id = w.id offset 0) m ${ITS_TOPIC}`;

// Only for addresses with few messages.
const TO_ADDRESS = `select m.id, m.state, m.claimed_by as "claimedBy", m.sent_at as "sentAt", m.ses_message_id as "sesMessageId",
    w.address, h.at as "handedAt", h.subject as "subjectKey"
  from unnest($1::text[]) w (address)
  cross join lateral (select message_id, count(*) over () as messages from (
    select message_id from sm.recipient where address = w.address limit ${MOST_LOOKED_THROUGH + 1}) its) r
  cross join lateral (select * from sm.message where id = r.message_id limit 1) m
  left join lateral (select at, subject from sm.handed where message_id = m.id limit 1) h on true
  where r.messages <= ${MOST_LOOKED_THROUGH}`;

/** A message to one of some addresses. */
export type MessageTo = Addressed & { id: number; address: string };

/** True while a message is handed over. */
export async function isAnyHanded(tx: Tx): Promise<boolean> {
  return (await tx.query("select 1 from sm.handed limit 1")).length > 0;
}

/** The messages to these addresses, in lower case. */
export async function messagesTo(tx: Tx, addresses: Iterable<string>): Promise<MessageTo[]> {
  const wanted = [...new Set(addresses)];
  return wanted.length === 0 ? [] : tx.query<MessageTo>(TO_ADDRESS, [wanted]);
}

/** The messages that have one of these ids, which strangers may have made up. */
export async function messagesById(tx: Tx, ids: Iterable<number>): Promise<KnownMessage[]> {
  const possible = [...new Set(ids)].filter((id) => Number.isSafeInteger(id));
  return possible.length === 0 ? [] : tx.query<KnownMessage>(BY_ID, [numbers(possible)]);
}

/** The messages that have one of these SES message ids. */
export async function messagesBySesId(tx: Tx, ids: Iterable<string>): Promise<KnownMessage[]> {
  const wanted = [...new Set(ids)];
  return wanted.length === 0 ? [] : tx.query<KnownMessage>(BY_SES_ID, [wanted]);
}
