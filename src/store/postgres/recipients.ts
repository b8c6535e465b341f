/** Keeps who is in which topic with which content (`recipient` in schema.ts), so that nobody gets a mail twice. */
import { type Kind, NO_TOPIC } from "../../message.ts";
import type { Endpoint } from "../rows.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { Tx } from "./transaction.ts";
import { suppressedSql } from "./suppressed.ts";

/** An address of a message of a request. */
export interface Asked {
  /** Lower-cased. */
  address: string;
  /** The index of the message among all messages of the batch. */
  message: number;
  /** The variant of its data; null: it has none. */
  data: number | null;
}

/** What is known of an address of a request; addresses of which nothing is known are left out. */
export interface Found {
  /** The index of the address in what was asked. */
  at: number;
  /** The topic, when this address has this content in it already; null: it has not. */
  topicId: number | null;
  /** The message with which the address has it; null: it has not. */
  messageId: number | null;
  /** True: the message must not be sent to it. */
  suppressed: boolean;
}

/** What is known of a message of a request before its topic and content are looked up. */
export interface AskedMessage {
  topic: string;
  /** Of its content. */
  hash: string;
  endpoint: Endpoint;
  list: string | null;
  kind: Kind;
}

/**
 * Looks up whether the addresses are suppressed, and whether they have the contents of their messages in the topics of these names
 * already. In the topic of messages without one nobody has anything.
 */
export async function findAddresses(
  tx: Tx,
  asked: readonly Asked[],
  messages: readonly AskedMessage[],
): Promise<Found[]> {
  if (asked.length === 0) return [];
  return tx.query<Found>(FIND, [
    asked.map(({ address }) => address),
    // Of a lone message all are, and it need not be said ten thousand times.
    messages.length > 1 ? asked.map(({ message }) => message + 1) : [],
    messages.map(({ topic }) => topic),
    messages.map(({ hash }) => hash),
    NO_TOPIC,
    asked.some(({ data }) => data !== null) ? asked.map(({ data }) => data) : [],
    messages.map(({ endpoint }) => endpoint),
    messages.map(({ list }) => list),
    messages.map(({ kind }) => kind),
  ]);
}

const STOPPED = suppressedSql("a.address", "($7::text[])[a.message]", {
  list: "($8::text[])[a.message]",
  kind: "($9::text[])[a.message]",
});

// What belongs to a message is read from arrays, by its number: for a join the planner would have to know how many there are. Each
// look-up has a limit, so that no planner reads a whole table for it.
const FIND = `
  with message as materialized (
    select array_agg(coalesce(t.id, 0) order by w.n) as topics, array_agg(coalesce(t.content_id, 0) order by w.n) as own,
      array_agg(coalesce(c.id, 0) order by w.n) as contents
    from unnest($3::text[], $4::text[]) with ordinality w (topic, hash, n)
    left join lateral (select id, content_id from sm.topic where name = w.topic and w.topic <> $5 limit 1) t on true
    left join lateral (select id from sm.content where hash = w.hash limit 1) c on true
  )
  select a.n::int - 1 as at, coalesce(h.topic_id, o.topic_id) as "topicId",
    coalesce(h.message_id, o.message_id) as "messageId", s.suppressed
  from message m
  cross join lateral (
    select address, data, n, coalesce(message, 1) as message, m.topics[coalesce(message, 1)] as topic_id,
      m.own[coalesce(message, 1)] as own_id,
      m.contents[coalesce(message, 1)] as content_id
    from unnest($1::text[], $2::int[], $6::bigint[]) with ordinality a (address, message, data, n) offset 0) a
  left join lateral (
    select r.topic_id, r.message_id from sm.recipient r
    where a.topic_id > 0 and a.content_id > 0 and r.address = a.address and r.topic_id = a.topic_id
      and r.variant = coalesce(a.data, case a.content_id when a.own_id then ${OWN_VARIANT} else a.content_id end)
    limit 1) h on true
  -- The content may have been the topic's own before it was replaced.
  left join lateral (
    select r.topic_id, r.message_id from sm.recipient r
    cross join lateral (select content_id from sm.message where id = r.message_id limit 1) x
    where a.topic_id > 0 and a.content_id > 0 and a.content_id <> a.own_id and a.data is null and h.topic_id is null
      and r.address = a.address and r.topic_id = a.topic_id and r.variant = ${OWN_VARIANT} and x.content_id = a.content_id
    limit 1) o on true
  cross join lateral (select ${STOPPED} as suppressed offset 0) s
  where coalesce(h.topic_id, o.topic_id) is not null or s.suppressed`;
