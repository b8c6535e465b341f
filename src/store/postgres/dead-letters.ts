/** Keeps what inlets could not take in. */
import type { DeadLetter, DeadLetterRow } from "../rows.ts";
import { BESIDE_BODY, fitLetter, letterBatches, originNumber } from "../dead-letters.ts";
import type { DeadLetters } from "../store.ts";
import { numbers } from "./arrays.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";

const ROW = `id, source, origin, reason, times, received_at as "receivedAt", last_at as "lastAt",
  octet_length(body)::int8 as bytes`;
const PAGE = `select ${ROW} from sm.dead_letter where id < coalesce($1::bigint, 9223372036854775807) order by id desc limit $2`;
const ONE = `select ${ROW}, body, extras from sm.dead_letter where id = $1`;

const BYTES = `select coalesce(sum(octet_length(body) + ${BESIDE_BODY}), 0)::int8 as bytes from sm.dead_letter`;

/** A letter may have as many bytes as its broker takes, and the line to the server may be slow. */
const STATEMENT_MS = 60_000;

/** Makes the part of the store that keeps dead letters. */
export function createDeadLetters(job: Job): DeadLetters {
  return {
    async keepDead(letters) {
      if (letters.length === 0) return 0;
      const batches = letterBatches(letters.map(fitLetter));
      return transaction(
        job,
        async (tx) => {
          let added = 0;
          for (const batch of batches) {
            const kept = await Promise.all(batch.map((letter) => keep(tx, letter, 1)));
            added += kept.filter((isNew) => isNew).length;
          }
          return added;
        },
        { statementMs: STATEMENT_MS },
      );
    },
    deadLetters: ({ before, limit }) => read<DeadLetterRow>(job, PAGE, [before, Math.max(0, limit)]),
    deadLetter: async (id) => (await read<DeadLetter>(job, ONE, [id]))[0] ?? null,
    dropDead: async (ids) =>
      ids.length === 0
        ? 0
        : transaction(job, (tx) => tx.run("delete from sm.dead_letter where id = any($1::bigint[])", [numbers(ids)])),
    async countDead() {
      const [found] = await read<{ count: number }>(job, "select count(*)::int8 as count from sm.dead_letter");
      return found?.count ?? 0;
    },
    async deadBytes() {
      const [found] = await read<{ bytes: number }>(job, BYTES);
      return found?.bytes ?? 0;
    },
  };
}

const KEEP = `insert into sm.dead_letter as d (source, origin, reason, received_at, last_at, body, extras)
  values ($1, $2, $3, $4::bigint, $4::bigint, $5, $6)
  on conflict (source, origin) do update set times = d.times + 1, reason = excluded.reason, last_at = excluded.last_at
    where d.body = excluded.body and d.extras is not distinct from excluded.extras
  returning times`;

/** Keeps a letter. True: it is new. `number`: see `originNumber`. */
async function keep(tx: Tx, letter: ReturnType<typeof fitLetter>, number: number): Promise<boolean> {
  const { source, origin, reason, body, extras } = letter;
  const values = [source, originNumber(origin, number), reason, tx.now.wall, body, extras];
  const [kept] = await tx.query<{ times: number }>(KEEP, values);
  return kept === undefined ? keep(tx, letter, number + 1) : kept.times === 1;
}
