/** Keeps events whose message is not known: another program sent it, or its SES message id has not come yet. */
import type { SesEvent } from "../../feedback/ses-event.ts";
import { bareOf, digestOf, type KeptEvent, keptOf } from "../kept-event.ts";
import { byIndex } from "./by-index.ts";
import { type Job, snapshot } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { storable } from "./storable.ts";

/** A row of `unmatched`. */
interface Row {
  key: string;
  body: string;
}

/** The events that one transaction keeps. */
export interface Keeper {
  /** Looks which of these events are kept already. To be called before they are. */
  learn(tx: Tx, events: readonly SesEvent[]): Promise<void>;
  /** Keeps an event. `isBare`: only that it came, and nothing of what it says. False: it is kept already. */
  keep(event: SesEvent, isBare: boolean): boolean;
  /** Writes the events. `now` is ms since the epoch. */
  save(tx: Tx, now: number): Promise<void>;
}

const KNOWN = `select u.key from unnest($1::text[]) w (key)
  cross join lateral (select key from sm.unmatched where key = w.key limit 1) u`;

const INSERT = `insert into sm.unmatched (key, ses_message_id, body, received_at)
  select key, ses_message_id, body, $4::bigint from unnest($1::text[], $2::text[], $3::text[]) w (key, ses_message_id, body)`;

/** Makes what keeps events in one transaction. */
export function createKeeper(): Keeper {
  const known = new Set<string>();
  const added = new Map<string, [sesMessageId: string, body: string]>();
  return {
    async learn(tx, events) {
      if (events.length === 0) return;
      const keys = [...new Set(events.flatMap((event) => [digestOf(event), digestOf(bareOf(event))]))];
      for (const { key } of await tx.query<Row>(KNOWN, [keys])) known.add(key);
    },
    keep(event, isBare) {
      const bare = bareOf(event);
      const key = digestOf(isBare ? bare : event);
      if (known.has(key)) return false;
      known.add(key);
      added.set(
        key,
        isBare ? ["", JSON.stringify(bare)] : [storable(event.sesMessageId), JSON.stringify(keptOf(event))],
      );
      return true;
    },
    async save(tx, now) {
      if (added.size === 0) return;
      const events = [...added.values()];
      const [ids, bodies] = [events.map(([id]) => id), events.map(([, body]) => body)];
      await tx.query(INSERT, [[...added.keys()], ids, bodies, now]);
    },
  };
}

/** How many kept events are applied in one transaction. */
const PAGE = 1_000;

// Start from the kept events here, and from the messages below: neither a long history of mail nor the events of other programs,
// which pile up, must be read each time.
const MATCHING_ANY = `select u.key from sm.unmatched u
  cross join lateral (select 1 from sm.message where ses_message_id = u.ses_message_id limit 1) m
  where u.key > $1 order by u.key limit ${PAGE}`;

const MATCHING_SINCE = `select u.key from sm.message m
  cross join lateral (select key from sm.unmatched where ses_message_id = m.ses_message_id offset 0) u
  where m.sent_at >= $2::bigint and u.key > $1 group by u.key order by u.key limit ${PAGE}`;

/**
 * Yields the keys of kept events that have the SES message id of a message that is known by now, in pages. `sentSince`: only of
 * messages sent then (ms since the epoch) or later; null: of any.
 */
export async function* matchingKeys(job: Job, sentSince: number | null): AsyncGenerator<string[]> {
  for (let after = ""; ;) {
    const [sql, values] = sentSince === null ? [MATCHING_ANY, [after]] : [MATCHING_SINCE, [after, sentSince]];
    const [, rows] = await snapshot(job, (ask) => Promise.all([byIndex(ask), ask<Row>(sql, values)]));
    if (rows.length > 0) yield rows.map(({ key }) => key);
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.key ?? "";
  }
}

/** The kept events with these keys that no other process has applied meanwhile. */
export async function keptEvents(tx: Tx, keys: readonly string[]): Promise<(KeptEvent & { kept: string })[]> {
  const rows = await tx.query<Row>("select key, body from sm.unmatched where key = any ($1::text[])", [keys]);
  return rows.map(({ key, body }) => ({ ...(JSON.parse(body) as KeptEvent), kept: key }));
}

/** Forgets kept events, by their keys. */
export async function forgetKept(tx: Tx, keys: readonly string[]): Promise<void> {
  if (keys.length > 0) await tx.run("delete from sm.unmatched where key = any ($1::text[])", [keys]);
}
