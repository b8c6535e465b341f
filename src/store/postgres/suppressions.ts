/** Keeps suppressed addresses. */
import { readSuppressionCursor, suppressionCursor } from "../cursor.ts";
import type { Suppression } from "../rows.ts";
import type { Suppressions } from "../store.ts";
import { byIndex } from "./by-index.ts";
import { type Job, read, snapshot } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { createCounters } from "./state-counters.ts";
import { storable } from "./storable.ts";
import { forgottenAddress } from "../rules/forgotten.ts";
import { ANY_FORGOTTEN, forgottenAddressSql } from "./suppressed.ts";
import { createSuppressor, keyOf } from "./suppressor.ts";

const COLUMNS = `address, list, reason, source, detail, created_at as "createdAt", rehearsal`;
const PAGE = `select ${COLUMNS} from sm.suppression where (address, list) > ($1, $2) order by address, list limit 1000`;
const OF = `select s.* from unnest(array[$1::text, ${forgottenAddressSql("$1::text")}]) w (address)
  cross join lateral (select ${COLUMNS} from sm.suppression where address = w.address offset 0) s
  order by s.list, s.address`;
const COUNT = "select count(*)::int8 as count from sm.suppression where not rehearsal";
/** So many addresses take one statement, which must not take long. */
const PIECE = 10_000;

/** Makes the part of the store that keeps suppressed addresses. `jobId` tells who was forgotten. */
export function createSuppressions(job: Job, jobId: string): Suppressions {
  async function* list(): AsyncGenerator<Suppression> {
    for (let after = { address: "", list: "" }; ;) {
      const found = await asked(job, PAGE, [after.address, after.list]);
      yield* found;
      const last = found.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  return {
    suppressionsOf: (address) => asked(job, OF, [keyOf(address)]),
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
    async unsuppress(addresses, ofList) {
      if (addresses.length === 0) return 0;
      const keys = [...new Set(addresses.map(keyOf))];
      return transaction(job, (tx) => (ofList === undefined ? removeAll(tx, jobId, keys) : removeOf(tx, ofList, keys)));
    },
    suppressions: list,
    searchSuppressions: (search) => searchSuppressions(job, search),
    async countSuppressions() {
      const [row] = await read<{ count: number }>(job, COUNT);
      return row?.count ?? 0;
    },
  };
}

const REMOVE = "delete from sm.suppression where address = any ($1::text[])";

/** Removes whatever stops these addresses. Returns how many of them had something. */
async function removeAll(tx: Tx, jobId: string, keys: readonly string[]): Promise<number> {
  const [, [any]] = await Promise.all([
    byIndex(tx.query),
    tx.query<{ found: boolean }>(`select ${ANY_FORGOTTEN} as found`),
  ]);
  const hashes = any?.found === true ? keys.map((key) => [forgottenAddress(jobId, key), key] as const) : [];
  const keyOfHash = new Map(hashes);
  const removed = await Promise.all(
    Array.from(piecesOf([...keys, ...keyOfHash.keys()]), (piece) =>
      tx.query<{ address: string }>(`${REMOVE} returning address`, [piece]),
    ),
  );
  return new Set(removed.flat().map(({ address }) => keyOfHash.get(address) ?? address)).size;
}

/** Removes the suppressions of one list. Returns how many there were. */
async function removeOf(tx: Tx, list: string, keys: readonly string[]): Promise<number> {
  const [, ...removed] = await Promise.all([
    byIndex(tx.query),
    ...Array.from(piecesOf(keys), (piece) => tx.run(`${REMOVE} and list = $2`, [piece, storable(list)])),
  ]);
  return removed.reduce((sum, count) => sum + count, 0);
}

/** The suppressions of an address, also that of somebody who was forgotten. It is given as `keyOf` makes it. */
export async function readSuppressions(query: Tx["query"], key: string): Promise<Suppression[]> {
  return query<Suppression>(OF, [key]);
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
    select created_at, address, list from sm.suppression
    where (created_at, address, list) < ($1::bigint, $2::text, $3::text) and position($4::text in address) > 0
      and list = coalesce($5::text, list)
    order by created_at desc, address desc, list desc limit $6) f
  cross join lateral (select ${COLUMNS} from sm.suppression where address = f.address and list = f.list limit 1) s
  order by f.created_at desc, f.address desc, f.list desc`;

/** Walks from the newest entry to older ones. */
async function searchSuppressions(
  job: Job,
  { text, list: ofList, after, limit }: Parameters<Suppressions["searchSuppressions"]>[0],
): ReturnType<Suppressions["searchSuppressions"]> {
  const [createdAt, address, list] = after === null ? NEWEST : readSuppressionCursor(after);
  const wanted = storable(text.toLowerCase());
  const only = ofList === undefined ? null : storable(ofList);
  const from = [createdAt, storable(address), storable(list)];
  const rows = await asked(job, SEARCH, [...from, wanted, only, limit + 1]);
  const last = rows[limit - 1];
  if (rows.length <= limit || last === undefined) return { rows, next: null };
  return { rows: rows.slice(0, limit), next: suppressionCursor(last) };
}

const NEWEST = [Number.MAX_SAFE_INTEGER, "", ""] as const;
