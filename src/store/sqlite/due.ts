/** Finds the messages that may be claimed now, and says when the next one may. */
import type { Claim, Outlook, Scope } from "../../deliver/source.ts";
import { dueSpans, laterSpans, lateSpans, type Now, type Span, waitMs } from "../rules/due.ts";
import type { CapTurn } from "./cap.ts";
import type { Connection } from "./connection.ts";
import { createPlaces, type Place } from "./places.ts";

/** Looks at the pending messages of a scope, at an instant `now`. Every step is a seek in one index. */
export interface Due {
  /**
   * Up to `limit` messages that are due, by priority, topic, time and order of arrival. Messages that `cap` holds back are left
   * out; `CapTurn.write` postpones them.
   */
  find(scope: Scope, now: Now, limit: number, cap: CapTurn | null): Claim[];
  /** Milliseconds until a message may be claimed; 0: now; null: none waits. */
  nextInMs(scope: Scope, now: Now): number | null;
  /** Counts what waits. It reads an index entry for each message. */
  outlook(scope: Scope, now: Now): Outlook;
}

/** Makes what finds due messages in a job file. */
export function createDue(db: Connection): Due {
  const places = createPlaces(db);
  const { take, count, earliest } = createSpanQueries(db);

  const laterInMs = (scope: Scope, now: Now): number | null => {
    let next = Infinity;
    for (const place of places(scope)) {
      for (const span of laterSpans(now)) {
        const notBefore = earliest(place, span);
        if (notBefore !== null) next = Math.min(next, waitMs(notBefore, now));
      }
    }
    return next === Infinity ? null : next;
  };

  return {
    find(scope, now, limit, cap) {
      const found: Claim[] = [];
      for (const place of places(scope)) {
        for (const span of dueSpans(scope.maxLateMs, now)) {
          take(place, span, limit, found, cap);
          if (found.length >= limit || cap?.isExhausted() === true) return found;
        }
      }
      return found;
    },
    nextInMs(scope, now) {
      const spans = dueSpans(scope.maxLateMs, now);
      for (const place of places(scope)) if (spans.some((span) => earliest(place, span) !== null)) return 0;
      return laterInMs(scope, now);
    },
    outlook(scope, now) {
      let [due, late] = [0, 0];
      for (const place of places(scope)) {
        for (const span of dueSpans(scope.maxLateMs, now)) due += count(place, span);
        for (const span of lateSpans(scope.maxLateMs, now)) late += count(place, span);
      }
      return { due, late, nextDueInMs: laterInMs(scope, now) };
    },
  };
}

/** Questions about one span of one place. */
function createSpanQueries(db: Connection) {
  const of = "from message indexed by message_pending where state = 'pending' and priority = ? and topic_id = ?";
  type Where = [priority: number, topicId: number, from: number, to: number];
  const counted = db.prepare<Where, number>(`select count(*) ${of} and not_before between ? and ?`).pluck();
  const first = db.prepare<Where, number | null>(`select min(not_before) ${of} and not_before between ? and ?`).pluck();
  const range = db.prepare<[...Where, limit: number], Claim>(
    `select id, topic_id as topicId, content_id as contentId, ingest_id as ingestId, email, fields, attempts
     ${of} and not_before between ? and ? order by not_before, id limit ?`,
  );
  return {
    count: ({ priority, topicId }: Place, [from, to]: Span): number => counted.get(priority, topicId, from, to) ?? 0,
    /** The smallest `not_before` in the span; null: the span is empty. */
    earliest: ({ priority, topicId }: Place, [from, to]: Span): number | null =>
      first.get(priority, topicId, from, to) ?? null,
    /** Adds messages that `cap` admits to `found`, until `found` has `limit` or the cap is exhausted. */
    take({ priority, topicId }: Place, [from, to]: Span, limit: number, found: Claim[], cap: CapTurn | null): void {
      if (cap === null) {
        found.push(...range.all(priority, topicId, from, to, limit - found.length));
        return;
      }
      for (const row of range.iterate(priority, topicId, from, to, -1)) {
        if (cap.admits(row)) found.push(row);
        if (found.length >= limit || cap.isExhausted()) return;
      }
    },
  };
}
