/** Pauses topics, and keeps timed pauses as long as they were meant when somebody sets the database's clock. */
import { begunAgain, type Pause, pauseLeftMs } from "../rules/pause.ts";
import type { Tx } from "./transaction.ts";

/** The pauses of a job. `now` is in ms since the epoch. */
export interface Pauses {
  /** Pauses a topic for `forMs`, or until it is resumed when null. A pause under way is replaced. */
  pause(tx: Tx, topicId: number, forMs: number | null, now: number): Promise<void>;
  /** Ends the pause of a topic. False: it was not paused. */
  resume(tx: Tx, topicId: number, now: number): Promise<boolean>;
  /** True when a timed pause seems to begin after `now`, so that `beginAgain` has something to do. One seek in a small index. */
  areAhead(query: Tx["query"], now: number): Promise<boolean>;
  /** Begins timed pauses again that seem to begin after `now`: somebody has set the clock back. */
  beginAgain(tx: Tx, now: number): Promise<void>;
}

const PAUSE = `paused_at as "pausedAt", paused_until as "pausedUntil"`;
const AHEAD = "paused_at > $1 and paused_until is not null";

/** Makes access to the pauses. */
export function createPauses(): Pauses {
  return {
    async pause(tx, topicId, forMs, now) {
      await tx.run("update sm.topic set paused_at = $2, paused_until = $3 where id = $1", [
        topicId,
        now,
        forMs === null ? null : now + forMs,
      ]);
    },
    async resume(tx, topicId, now) {
      const [[pause]] = await Promise.all([
        tx.query<Pause>(`select ${PAUSE} from sm.topic where id = $1`, [topicId]),
        tx.run("update sm.topic set paused_at = null, paused_until = null where id = $1 and paused_at is not null", [
          topicId,
        ]),
      ]);
      return pause !== undefined && pauseLeftMs(pause, now) > 0;
    },
    async areAhead(query, now) {
      const [found] = await query<{ ahead: boolean }>(
        `select exists (select 1 from sm.topic where ${AHEAD}) as ahead`,
        [now],
      );
      return found?.ahead === true;
    },
    async beginAgain(tx, now) {
      const ahead = await tx.query<Pause & { id: number }>(`select id, ${PAUSE} from sm.topic where ${AHEAD}`, [now]);
      const again = ahead.flatMap(({ id, ...pause }) => {
        const begun = begunAgain(pause, now);
        return begun === null ? [] : [{ id, ...begun }];
      });
      if (again.length === 0) return;
      await tx.run(
        `update sm.topic t set paused_at = a.at, paused_until = a.until
         from unnest($1::int[], $2::bigint[], $3::bigint[]) a (id, at, until) where t.id = a.id`,
        [again.map(({ id }) => id), again.map(({ pausedAt }) => pausedAt), again.map((pause) => pause.pausedUntil)],
      );
    },
  };
}
