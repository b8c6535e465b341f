/** Pauses topics, and keeps timed pauses as long as they were meant when somebody sets the clock. */
import { begunAgain, type Pause, pauseLeftMs } from "../rules/pause.ts";
import type { Connection } from "./connection.ts";

/** The pauses of a job file. `now` is in ms since the epoch. What writes has to be called inside a transaction. */
export interface Pauses {
  /** Pauses a topic for `forMs`, or until it is resumed when null. A pause under way is replaced. */
  pause(topicId: number, forMs: number | null, now: number): void;
  /** Ends the pause of a topic. False: it was not paused. */
  resume(topicId: number, now: number): boolean;
  /** True when a timed pause seems to begin after `now`, so that `beginAgain` has something to do. One seek in a small index. */
  areAhead(now: number): boolean;
  /** Begins timed pauses again that seem to begin after `now`: somebody has set the clock back. */
  beginAgain(now: number): void;
}

type Paused = Pause & { id: number };

/** Makes access to the pauses. */
export function createPauses(db: Connection): Pauses {
  const columns = "id, paused_at as pausedAt, paused_until as pausedUntil";
  const one = db.prepare<[number], Pause>(`select ${columns} from topic where id = ?`);
  const ahead = db.prepare<[number], Paused>(
    `select ${columns} from topic indexed by topic_paused where paused_at > ? and paused_until is not null`,
  );
  const set = db.prepare<[number | null, number | null, number]>(
    "update topic set paused_at = ?, paused_until = ? where id = ?",
  );
  return {
    pause(topicId, forMs, now) {
      set.run(now, forMs === null ? null : now + forMs, topicId);
    },
    resume(topicId, now) {
      const pause = one.get(topicId);
      set.run(null, null, topicId);
      return pause !== undefined && pauseLeftMs(pause, now) > 0;
    },
    areAhead: (now) => ahead.get(now) !== undefined,
    beginAgain(now) {
      for (const { id, ...pause } of ahead.all(now)) {
        const again = begunAgain(pause, now);
        if (again !== null) set.run(again.pausedAt, again.pausedUntil, id);
      }
    },
  };
}
