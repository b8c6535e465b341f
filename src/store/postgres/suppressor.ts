/** Suppresses many addresses at once, and the messages that wait for them. */
import type { State } from "../../message.ts";
import type { NewSuppression, Suppression } from "../rows.ts";
import { outweighs, type SuppressionCause, withoutControls } from "../rules/suppress.ts";
import type { Tx } from "./transaction.ts";
import type { Counters } from "./state-counters.ts";
import { storable } from "./storable.ts";

/** Suppresses in one transaction. */
export interface Suppressor {
  /** Reads what is known of these addresses. To be called before they are suppressed. */
  learn(tx: Tx, addresses: Iterable<string>): Promise<void>;
  /** Suppresses an address, and the pending messages to it. `now` is ms since the epoch. True: the address is new. */
  suppress(entry: NewSuppression, now: number): boolean;
  /** Writes the suppressions, moves the messages, and counts them. To be called before what was proven after it is written. */
  save(tx: Tx): Promise<void>;
}

interface Waiting {
  address: string;
  id: number;
  /** Its topic only ever went to the sandbox. */
  rehearsed: boolean;
}

/** As it is kept, and as it is compared. */
export const keyOf = (address: string): string => storable(address.toLowerCase());

// The planner must not read a whole table for a few addresses, so each step is lateral.
const KNOWN = `select s.* from unnest($1::text[]) w (address) cross join lateral (
  select address, reason, source, detail, created_at as "createdAt", rehearsal from sm.suppression
  where address = w.address limit 1) s`;

const WAITING = `select w.address, m.id, coalesce(t.endpoint = 'sandbox', false) as rehearsed
  from unnest($1::text[]) w (address)
  cross join lateral (select message_id from sm.recipient where address = w.address offset 0) r
  cross join lateral (select id, topic_id from sm.message where id = r.message_id and state = 'pending' limit 1) m
  cross join lateral (select endpoint from sm.topic where id = m.topic_id limit 1) t`;

const WRITE = `insert into sm.suppression (address, reason, source, detail, created_at, rehearsal)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[])
  on conflict (address, list) do update set reason = excluded.reason, source = excluded.source, detail = excluded.detail,
    created_at = excluded.created_at, rehearsal = excluded.rehearsal`;

const TAKE = `update sm.message m set state = 'suppressed' from unnest($1::bigint[]) w (id)
  where m.id = w.id and m.state = 'pending' returning m.topic_id as "topicId"`;

/**
 * Makes what suppresses in a transaction that holds the writer lock. `messages` has the messages whose state the transaction changes
 * in memory: one that it has proven sent does not wait any more, and one that is suppressed here is so there.
 */
export function createSuppressor(counters: Counters, messages: ReadonlyMap<number, { state: State }>): Suppressor {
  const known = new Map<string, Suppression>();
  const waiting = new Map<string, Waiting[]>();
  const changed = new Set<string>();
  /** The messages that were suppressed here. */
  const taken = new Set<number>();

  const give = (address: string, cause: SuppressionCause, createdAt: number): boolean => {
    const kept = known.get(address);
    if (kept !== undefined && !outweighs(cause, kept)) return false;
    const becomesReal = kept?.rehearsal === true && !cause.rehearsal;
    const isNew = kept === undefined || becomesReal;
    known.set(address, { ...cause, address, createdAt: isNew ? createdAt : kept.createdAt });
    changed.add(address);
    return isNew;
  };
  const take = ({ id, rehearsed }: Waiting, byRehearsal: boolean): void => {
    if (byRehearsal && !rehearsed) return;
    const message = messages.get(id);
    if (taken.has(id) || (message !== undefined && message.state !== "pending")) return;
    if (message !== undefined) message.state = "suppressed";
    taken.add(id);
  };

  return {
    async learn(tx, addresses) {
      const keys = [...new Set([...addresses].map(keyOf))];
      if (keys.length === 0) return;
      const [kept, found] = await Promise.all([
        tx.query<Suppression>(KNOWN, [keys]),
        tx.query<Waiting>(WAITING, [keys]),
      ]);
      for (const each of kept) known.set(each.address, each);
      for (const each of found) waiting.set(each.address, [...(waiting.get(each.address) ?? []), each]);
    },
    suppress({ address, reason, source, detail = null, createdAt, rehearsal = false }, now) {
      const key = keyOf(address);
      const cause = { source, reason: withoutControls(reason), detail: detail && withoutControls(detail), rehearsal };
      const isNew = give(key, cause, createdAt ?? now);
      for (const each of waiting.get(key) ?? []) take(each, rehearsal);
      return isNew;
    },
    async save(tx) {
      const rows = [...changed].flatMap((address) => known.get(address) ?? []);
      const [moved] = await Promise.all([
        taken.size === 0 ? [] : tx.query<{ topicId: number }>(TAKE, [[...taken]]),
        rows.length === 0 ? [] : tx.query(WRITE, valuesOf(rows)),
      ]);
      for (const { topicId } of moved) counters.move(topicId, "pending", "suppressed");
    },
  };
}

function valuesOf(rows: readonly Suppression[]): unknown[] {
  return [
    rows.map(({ address }) => address),
    rows.map(({ reason }) => storable(reason)),
    rows.map(({ source }) => storable(source)),
    rows.map(({ detail }) => detail && storable(detail)),
    rows.map(({ createdAt }) => createdAt),
    rows.map(({ rehearsal }) => rehearsal),
  ];
}
