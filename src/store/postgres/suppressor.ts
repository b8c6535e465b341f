/** Suppresses many addresses at once, and the messages that this stops. */
import type { Kind, State } from "../../message.ts";
import type { NewSuppression, Suppression } from "../rows.ts";
import { EVERYTHING_LIST, outweighs, stops, type SuppressionCause, withoutControls } from "../rules/suppress.ts";
import type { Tx } from "./transaction.ts";
import type { Counters } from "./state-counters.ts";
import { storable } from "./storable.ts";
import { ANY_FORGOTTEN, forgottenSql } from "./suppressed.ts";

/** Suppresses in one transaction. */
export interface Suppressor {
  /** Reads what is known of these addresses. To be called before they are suppressed. */
  learn(tx: Tx, addresses: Iterable<string>): Promise<void>;
  /** Suppresses an address, and the pending messages that this stops. `now` is ms since the epoch. True: it is new for the list. */
  suppress(entry: NewSuppression, now: number): boolean;
  /** Writes the suppressions, moves the messages, and counts them. To be called before what was proven after it is written. */
  save(tx: Tx): Promise<void>;
}

interface Waiting {
  address: string;
  id: number;
  list: string | null;
  kind: Kind;
  /** Its topic only ever went to the sandbox. */
  isRehearsal: boolean;
}

type Place = Pick<Suppression, "address" | "list">;

/** One text for an address and a list. Neither holds the character NUL. */
const nameOf = ({ address, list }: Place): string => `${list}\0${address}`;

/** As it is kept, and as it is compared. */
export const keyOf = (address: string): string => storable(address.toLowerCase());

// The planner must not read a whole table for a few addresses, so each step is lateral.
const KNOWN = `select s.* from unnest($1::text[]) w (address) cross join lateral (
  select address, list, reason, source, detail, created_at as "createdAt", rehearsal from sm.suppression
  where address = w.address offset 0) s`;

const WAITING = `select w.address, m.id, c.list, c.kind,
    coalesce(t.endpoint = 'sandbox', false) as "isRehearsal"
  from unnest($1::text[]) w (address)
  cross join lateral (select message_id from sm.recipient where address = w.address offset 0) r
  cross join lateral (select id, topic_id, content_id from sm.message where id = r.message_id and state = 'pending' limit 1) m
  cross join lateral (select endpoint from sm.topic where id = m.topic_id limit 1) t
  cross join lateral (select list, kind from sm.content where id = m.content_id limit 1) c`;

const WRITE = `insert into sm.suppression (address, list, reason, source, detail, created_at, rehearsal)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::boolean[])
  on conflict (address, list) do update set reason = excluded.reason, source = excluded.source, detail = excluded.detail,
    created_at = excluded.created_at, rehearsal = excluded.rehearsal`;

const TAKE = `update sm.message m set state = 'suppressed' from unnest($1::bigint[]) w (id)
  where m.id = w.id and m.state = 'pending' returning m.topic_id as "topicId"`;

/** Those of these addresses, as `keyOf` makes them, of people who were forgotten. */
export async function forgottenAmong(tx: Tx, addresses: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ address: string }>(
    `select w.address from unnest($1::text[]) w (address) where ${ANY_FORGOTTEN} and ${forgottenSql("w.address")}`,
    [addresses],
  );
  return new Set(rows.map(({ address }) => address));
}

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
  let forgotten: ReadonlySet<string> = new Set();

  const give = (place: Place, cause: SuppressionCause, createdAt: number): { isNew: boolean; kept: Suppression } => {
    const name = nameOf(place);
    const kept = known.get(name);
    if (kept !== undefined && !outweighs(cause, kept)) return { isNew: false, kept };
    const becomesReal = kept?.rehearsal === true && !cause.rehearsal;
    const isNew = kept === undefined || becomesReal;
    const given = { ...cause, ...place, createdAt: isNew ? createdAt : kept.createdAt };
    known.set(name, given);
    changed.add(name);
    return { isNew, kept: given };
  };
  const take = ({ id }: Waiting): void => {
    const message = messages.get(id);
    if (taken.has(id) || (message !== undefined && message.state !== "pending")) return;
    if (message !== undefined) message.state = "suppressed";
    taken.add(id);
  };

  return {
    async learn(tx, addresses) {
      const keys = [...new Set([...addresses].map(keyOf))];
      if (keys.length === 0) return;
      const [kept, found, gone] = await Promise.all([
        tx.query<Suppression>(KNOWN, [keys]),
        tx.query<Waiting>(WAITING, [keys]),
        forgottenAmong(tx, keys),
      ]);
      forgotten = new Set([...forgotten, ...gone]);
      for (const each of kept) known.set(nameOf(each), each);
      for (const each of found) waiting.set(each.address, [...(waiting.get(each.address) ?? []), each]);
    },
    suppress(entry, now) {
      const { address, list = EVERYTHING_LIST, reason, source, detail = null, createdAt, rehearsal = false } = entry;
      const place = { address: keyOf(address), list: storable(list) };
      // A forgotten person gets no mail anyway, and the address must not be kept again.
      if (forgotten.has(place.address)) return false;
      const cause = { source, reason: withoutControls(reason), detail: detail && withoutControls(detail), rehearsal };
      const { isNew, kept } = give(place, cause, createdAt ?? now);
      for (const each of waiting.get(place.address) ?? []) if (stops(kept, each)) take(each);
      return isNew;
    },
    async save(tx) {
      const rows = [...changed].flatMap((name) => known.get(name) ?? []);
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
    rows.map(({ list }) => list),
    rows.map(({ reason }) => storable(reason)),
    rows.map(({ source }) => storable(source)),
    rows.map(({ detail }) => detail && storable(detail)),
    rows.map(({ createdAt }) => createdAt),
    rows.map(({ rehearsal }) => rehearsal),
  ];
}
