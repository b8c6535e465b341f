/** Keeps the uuids that clients gave to messages (`accepted_uuid` in schema.ts), for good, because a repeat may come any time. */
import type { ExportedMessage } from "../rows.ts";
import { type Job, read } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { storable } from "./storable.ts";

/** Which of the uuids were accepted before. True: what came with it was only rehearsed. */
export async function findUuids(query: Tx["query"], uuids: readonly string[]): Promise<Map<string, boolean>> {
  if (uuids.length === 0) return new Map();
  const rows = await query<{ uuid: string; rehearsed: boolean }>(
    `select w.uuid, coalesce(t.endpoint = 'sandbox', false) as rehearsed from unnest($1::text[]) w (uuid)
     cross join lateral (select message_id from sm.accepted_uuid where uuid = w.uuid limit 1) a
     left join lateral (select topic_id from sm.message where id = a.message_id limit 1) m on true
     left join lateral (select endpoint from sm.topic where id = m.topic_id limit 1) t on true`,
    [uuids],
  );
  return new Map(rows.map(({ uuid, rehearsed }) => [uuid, rehearsed]));
}

/** A uuid, and an address that was given with it, in lower case. */
export interface NamedAddress {
  uuid: string;
  address: string;
}

/** The first message to each of these addresses that was accepted with its uuid, in the same order; null: there is none. */
export async function findNamedMessages(
  query: Tx["query"],
  named: readonly NamedAddress[],
): Promise<(number | null)[]> {
  if (named.length === 0) return [];
  const rows = await query<{ at: number; messageId: number }>(NAMED, [
    named.map(({ uuid }) => uuid),
    named.map(({ address }) => address),
  ]);
  const found = new Map(rows.map(({ at, messageId }) => [at, messageId]));
  return named.map((_, at) => found.get(at) ?? null);
}

// A message without a topic has its own id as its variant, below 0; one with a topic, a variant that is not below 0.
const NAMED = `
  select w.n::int - 1 as at, coalesce(x.message_id, y.message_id) as "messageId"
  from unnest($1::text[], $2::text[]) with ordinality w (uuid, address, n)
  cross join lateral (
    select message_id as first, coalesce(last_message_id, message_id) as last from sm.accepted_uuid
    where uuid = w.uuid and message_id is not null limit 1) a
  cross join lateral (select topic_id from sm.message where id = a.first limit 1) m
  left join lateral (
    select message_id from sm.recipient
    where address = w.address and topic_id = m.topic_id and variant between -a.last and -a.first
    order by variant desc limit 1) x on true
  left join lateral (
    select message_id from sm.recipient
    where x.message_id is null and address = w.address and topic_id = m.topic_id and variant >= 0
      and message_id between a.first and a.last
    order by message_id limit 1) y on true
  where coalesce(x.message_id, y.message_id) is not null`;

/** The first and the last message made for a uuid; null: all its addresses were duplicates. */
export type UuidRange = { first: number; last: number } | null;

/** Keeps uuids. A message that was only rehearsed gives its uuid up. */
export async function keepUuids(tx: Tx, kept: ReadonlyMap<string, UuidRange>): Promise<void> {
  if (kept.size === 0) return;
  const ranges = [...kept.values()];
  await tx.run(
    `insert into sm.accepted_uuid (uuid, message_id, last_message_id, accepted_at)
     select uuid, first_id, last_id, $4::bigint from unnest($1::text[], $2::bigint[], $3::bigint[]) w (uuid, first_id, last_id)
     on conflict (uuid) do update set message_id = excluded.message_id, last_message_id = excluded.last_message_id,
       accepted_at = excluded.accepted_at`,
    [
      [...kept.keys()],
      ranges.map((each) => each?.first ?? null),
      ranges.map((each) => each?.last ?? null),
      tx.now.wall,
    ],
  );
}

/** What became of the first message with this uuid; null: there is none. */
export async function acceptedMessage(
  job: Job,
  uuid: string,
): Promise<Pick<ExportedMessage, "state" | "sesMessageId" | "error"> | null> {
  const [found] = await read<Pick<ExportedMessage, "state" | "sesMessageId" | "error">>(
    job,
    `select m.state, m.ses_message_id as "sesMessageId", m.error
     from sm.accepted_uuid a join sm.message m on m.id = a.message_id where a.uuid = $1`,
    [storable(uuid)],
  );
  return found ?? null;
}
