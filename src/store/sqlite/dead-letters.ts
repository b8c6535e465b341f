/** Keeps what inlets could not take in. */
import type { DeadLetter, DeadLetterRow, NewDeadLetter } from "../rows.ts";
import { BESIDE_BODY, fitLetter, originNumber } from "../dead-letters.ts";
import type { DeadLetters } from "../store.ts";
import { type Job, transaction } from "./connection.ts";

const ROW = `id, source, origin, reason, times, received_at as receivedAt, last_at as lastAt, length(body) as bytes`;

/** Makes the part of the store that keeps dead letters. */
export function createDeadLetters(job: Job): DeadLetters {
  const { db } = job;
  const page = db.prepare<[{ before: number | null; limit: number }], DeadLetterRow>(
    `select ${ROW} from dead_letter where id < ifnull(@before, 9223372036854775807) order by id desc limit @limit`,
  );
  const one = db.prepare<[number], DeadLetter>(`select ${ROW}, body, extras from dead_letter where id = ?`);
  const count = db.prepare<[], number>("select count(*) from dead_letter").pluck();
  const bytes = db.prepare<[], number>(`select total(length(body) + ${BESIDE_BODY}) from dead_letter`).pluck();
  const drop = db.prepare<[string]>("delete from dead_letter where id in (select value from json_each(?))");
  const keep = createKeeper(job);
  return {
    keepDead: (letters) =>
      letters.length === 0 ? Promise.resolve(0) : transaction(job, () => letters.filter(keep).length),
    deadLetters: async ({ before, limit }) => page.all({ before, limit: Math.max(0, limit) }),
    deadLetter: async (id) => one.get(id) ?? null,
    dropDead: (ids) =>
      ids.length === 0 ? Promise.resolve(0) : transaction(job, () => drop.run(JSON.stringify(ids)).changes),
    countDead: async () => count.get() ?? 0,
    deadBytes: async () => bytes.get() ?? 0,
  };
}

/** Makes a function that keeps a letter, inside a transaction. True: it is new. */
function createKeeper({ db, clock }: Job): (letter: NewDeadLetter) => boolean {
  const keep = db
    .prepare<[NewDeadLetter & { now: number }], number>(
      `insert into dead_letter (source, origin, reason, received_at, last_at, body, extras)
       values (@source, @origin, @reason, @now, @now, @body, @extras)
       on conflict (source, origin) do update set times = times + 1, reason = excluded.reason, last_at = excluded.last_at
         where body = excluded.body and extras is excluded.extras
       returning times`,
    )
    .pluck();
  return (letter) => {
    const fit = fitLetter(letter);
    for (let number = 1; ; number++) {
      const times = keep.get({ ...fit, origin: originNumber(fit.origin, number), now: clock.now() });
      if (times !== undefined) return times === 1;
    }
  };
}
