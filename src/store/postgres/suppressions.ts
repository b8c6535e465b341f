/** Keeps suppressed addresses. */
import { readCursor } from "../cursor.ts";
import type { Suppression } from "../rows.ts";
import type { Suppressions } from "../store.ts";
import { byIndex } from "./by-index.ts";
import { type Job, read, snapshot } from "./connection.ts";
import { transaction } from "./transaction.ts";
import { createCounters } from "./state-counters.ts";
import { storable } from "./storable.ts";
import { createSuppressor, keyOf } from "./suppressor.ts";

const COLUMNS = `address, reason, source, detail, created_at as "createdAt", rehearsal`;
const ONE = `select ${COLUMNS} from sm.suppression where address = $1`;
const PAGE = `select ${COLUMNS} from sm.suppression where address > $1 order by address limit 1000`;
const COUNT = "select count(*)::int8 as count from sm.suppression where not rehearsal";
/** So many addresses take one statement, which must not take long. */
const PIECE = 10_000;

/** Makes the part of the store that keeps suppressed addresses. */
export function createSuppressions(job: Job): Suppressions {
  async function* list(): AsyncGenerator<Suppression> {
    for (let after = ""; ;) {
      const found = await asked(job, PAGE, [after]);
      yield* found;
      const last = found.at(-1);
      if (last === undefined) return;
      after = last.address;
    }
  }

  return {
    async suppression(address) {
      const [found] = await asked(job, ONE, [keyOf(address)]);
      return found ?? null;
    },
    async suppress(entries) {
      if (entries.length === 0) return 0;
      return transaction(job, async (tx) => {
        const counters = createCounters();
        let count = 0;
        await byIndex(tx.query);
        for (const piece of piecesOf(entries)) {
          const suppressor = createSuppressor(counters, new Map());
          await suppressor.learn(
            tx,
            piece.map(({ address }) => address),
          );
          count += piece.filter((entry) => suppressor.suppress(entry, tx.now.wall)).length;
          await suppressor.save(tx);
        }
        await counters.write(tx);
        return count;
      });
    },
    async unsuppress(addresses) {
      if (addresses.length === 0) return 0;
      const keys = addresses.map(keyOf);
      return transaction(job, async (tx) => {
        const removed: Promise<number>[] = [];
        const planned = byIndex(tx.query);
        for (const piece of piecesOf(keys))
          removed.push(tx.run("delete from sm.suppression where address = any ($1::text[])", [piece]));
        await planned;
        return (await Promise.all(removed)).reduce((sum, count) => sum + count, 0);
      });
    },
    suppressions: list,
    searchSuppressions: (search) => searchSuppressions(job, search),
    async countSuppressions() {
      const [row] = await read<{ count: number }>(job, COUNT);
      return row?.count ?? 0;
    },
  };
}

async function asked(job: Job, sql: string, values: readonly unknown[]): Promise<Suppression[]> {
  const [, rows] = await snapshot(job, (ask) => Promise.all([byIndex(ask), ask<Suppression>(sql, values)]));
  return rows;
}

function* piecesOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += PIECE) yield all.slice(at, at + PIECE);
}

// `like` would not do, because % and _ are ordinary characters of an address. The index alone tells which entries match, newest
// first; only those are read.
const SEARCH = `select s.* from (
    select created_at, address from sm.suppression
    where (created_at, address) < ($1::bigint, $2::text) and position($3::text in address) > 0
    order by created_at desc, address desc limit $4) f
  cross join lateral (select ${COLUMNS} from sm.suppression where address = f.address limit 1) s
  order by f.created_at desc, f.address desc`;

/** Walks from the newest entry to older ones. */
async function searchSuppressions(
  job: Job,
  { text, after, limit }: Parameters<Suppressions["searchSuppressions"]>[0],
): ReturnType<Suppressions["searchSuppressions"]> {
  const from = after === null ? [Number.MAX_SAFE_INTEGER, ""] : placeOf(after);
  const wanted = storable(text.toLowerCase());
  const rows = await asked(job, SEARCH, [...from, wanted, limit + 1]);
  const last = rows[limit - 1];
  if (rows.length <= limit || last === undefined) return { rows, next: null };
  return { rows: rows.slice(0, limit), next: `${last.createdAt} ${last.address}` };
}

function placeOf(cursor: string): [createdAt: number, address: string] {
  const [createdAt, address = ""] = readCursor(cursor, /^(-?\d{1,16}) (.+)$/s);
  return [Number(createdAt), storable(address)];
}
