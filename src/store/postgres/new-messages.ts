/** Writes the messages of requests, and their recipients. */
import type { Outcome } from "../past.ts";
import { storable } from "./storable.ts";
import type { Tx } from "./transaction.ts";

/** One address of a message of a request. */
export interface NewRow {
  id: number;
  email: string;
  /** `email` in lower case. */
  address: string;
  suppressed: boolean;
  /** The text of a JSON object; null: none. */
  data: string | null;
  /** The variant of these data; null: that of the message. */
  variant: number | null;
}

/** One message of a request, with the addresses that do not have it yet. */
export interface NewMessage {
  /** It may be a new one, whose id is set when it is written. */
  topic: { id: number };
  contentId: number;
  ingestId: number;
  /** Null: each address has its own, which is its message id below 0. */
  variant: number | null;
  priority: number;
  notBefore: number;
  /** Null: it does not expire. */
  expiresAt: number | null;
  expiresIn: number | null;
  /** What became of it in another program; null: it is to be sent. */
  past: Outcome | null;
  rows: NewRow[];
}

/** Writes a row of `message` and one of `recipient` for each address. They must not be there yet, and their ids follow each other. */
export async function insertMessages(tx: Tx, messages: readonly NewMessage[]): Promise<void> {
  const rows = messages.flatMap(({ rows }) => rows);
  const [first] = rows;
  if (first === undefined) return;
  // What is the same for all rows of most requests is left out: ten thousand values take as long as the look-up of ten thousand rows.
  const someDiffer = rows.some(({ email, address }) => address !== email);
  const someAreSuppressed = rows.some(({ suppressed }) => suppressed);
  const haveVariants = rows.some(({ variant }) => variant !== null);
  const isShared = rows.every(({ data }) => data === first.data);
  const havePast = messages.some(({ past }) => past !== null);
  await tx.run(havePast ? INSERT_PAST : INSERT, [
    first.id - 1,
    rows.map(({ email }) => email),
    someDiffer ? rows.map(({ email, address }) => (address === email ? null : address)) : [],
    someAreSuppressed ? rows.map(({ suppressed }) => suppressed) : [],
    messages.length > 1 ? messages.flatMap(({ rows }, at) => rows.map(() => at + 1)) : [],
    messages.map(({ topic }) => topic.id),
    messages.map(({ contentId }) => contentId),
    messages.map(({ ingestId }) => ingestId),
    messages.map(({ variant }) => variant ?? -1),
    messages.map(({ priority }) => priority),
    messages.map(({ notBefore }) => notBefore),
    tx.now.wall,
    isShared ? [] : rows.map(({ data }) => data),
    (isShared ? first.data : null) ?? NO_DATA,
    haveVariants ? rows.map(({ variant }) => variant) : [],
    messages.map(({ expiresAt }) => expiresAt ?? -1),
    messages.map(({ expiresIn }) => expiresIn ?? -1),
    ...(havePast ? pastValues(messages) : []),
  ]);
}

function pastValues(messages: readonly NewMessage[]): unknown[] {
  const textOf = (text: string | null | undefined) => (text == null ? null : storable(text));
  return [
    messages.map(({ past }) => past?.state ?? null),
    messages.map(({ past }) => past?.attempts ?? 0),
    messages.map(({ past }) => textOf(past?.sesMessageId)),
    messages.map(({ past }) => textOf(past?.error)),
    messages.map(({ past }) => past?.sentAt ?? null),
  ];
}

const NO_DATA = "[]";

// What belongs to a message is read from arrays, by its number: for a join the planner would have to know how many there are.
const insertSql = (pastColumns: string, pastState: string, past: string): string => `
  with given as materialized (
    select $1::bigint + id as id, email, coalesce(address, email) as address, coalesce(suppressed, false) as suppressed,
      coalesce(n, 1) as n, ($6::int[])[coalesce(n, 1)] as topic_id, coalesce(fields, $14) as fields,
      coalesce(variant, ($9::bigint[])[coalesce(n, 1)]) as variant
    from unnest($2::text[], $3::text[], $4::boolean[], $5::int[], $13::text[], $15::bigint[]) with ordinality
      r (email, address, suppressed, n, fields, variant, id)),
  recipients as (
    insert into sm.recipient (address, topic_id, variant, message_id)
    select address, topic_id, case when variant < 0 then -id else variant end, id from given)
  insert into sm.message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, state, created_at,
    expires_at, expires_in${pastColumns})
  select id, topic_id, ($7::bigint[])[n], ($8::bigint[])[n], email, fields, ($10::smallint[])[n], ($11::bigint[])[n],
    coalesce(${pastState}, case when suppressed then 'suppressed' else 'pending' end), $12::bigint,
    nullif(($16::bigint[])[n], -1), nullif(($17::bigint[])[n], -1)${past}
  from given`;

const INSERT = insertSql("", "null", "");
const INSERT_PAST = insertSql(
  ", attempts, ses_message_id, error, sent_at",
  "($18::text[])[n]",
  ", ($19::int[])[n], ($20::text[])[n], ($21::text[])[n], ($22::bigint[])[n]",
);
