/** Finds the messages that may be claimed now, and says when the next one may. */
import type { Claim, Outlook, Scope } from "../../deliver/source.ts";
import { dueSpans, laterSpans, lateSpans, type Now, type Span, waitMs } from "../rules/due.ts";
import type { CapTurn } from "./cap.ts";
import type { Connection } from "./connection.ts";
import { createSendable, type PausedTopic, type Sendable } from "./sendable.ts";
import { createWaitingIndex, type Look } from "./waiting-index.ts";

/** Looks at the pending messages of a scope, at an instant `now`. */
export interface Due {
  /**
   * Up to `limit` messages that are due, by priority, and older topics first as far as that needs no look at what is not due: of
   * what waited for a time, what was due earlier goes first. Within a topic what goes at once comes first, then what waited, by
   * time and order of arrival. Messages that `cap` holds back are left out; `CapTurn.write` postpones them.
   */
  find(scope: Scope, now: Now, limit: number, cap: CapTurn | null): Claim[];
  /** Milliseconds until a message may be claimed; 0: now; null: none waits. */
  nextInMs(scope: Scope, now: Now): number | null;
  /** Counts what waits. It reads an index entry for each message. */
  outlook(scope: Scope, now: Now): Outlook;
}

/** Makes what finds due messages in a job file. */
export function createDue(db: Connection): Due {
  const sendable = createSendable(db);
  const index = createWaitingIndex(db);

  const looks = (topics: Sendable, pageSize: number): Look[] =>
    index.priorities().map((priority) => ({ priority, topics, pageSize }));

  const streamsOf = (look: Look, spans: readonly Span[]): Generator<Claim>[] =>
    spans.map((span) => (isAtOnce(span) ? index.atOnce(look) : index.timed(look, span)));

  const isDue = (topics: Sendable, maxLateMs: number | null, at: Now): boolean => {
    const spans = dueSpans(maxLateMs, at);
    const has = (look: Look, span: Span) =>
      isAtOnce(span) ? index.hasAtOnce(look) : index.earliest(look, span) !== null;
    return looks(topics, 1).some((look) => spans.some((span) => has(look, span)));
  };

  /** Milliseconds until the first message falls due that is not due at `now`; Infinity: there is none. */
  const laterMs = (topics: Sendable, now: Now): number => {
    let next = Infinity;
    for (const look of looks(topics, 1)) {
      for (const span of laterSpans(now)) {
        const notBefore = index.earliest(look, span);
        if (notBefore !== null) next = Math.min(next, waitMs(notBefore, now));
      }
    }
    return next;
  };

  /** The same for a topic whose pause ends by itself. */
  const afterPause = ({ topics, leftMs }: PausedTopic, maxLateMs: number | null, now: Now): number => {
    const open = { wall: now.wall + leftMs, steady: now.steady + leftMs };
    return isDue(topics, maxLateMs, open) ? leftMs : leftMs + laterMs(topics, open);
  };

  const laterInMs = (scope: Scope, topics: Sendable, now: Now): number | null => {
    const paused = sendable.paused(scope, now.wall).map((topic) => afterPause(topic, scope.maxLateMs, now));
    const next = Math.min(laterMs(topics, now), ...paused);
    return next === Infinity ? null : next;
  };

  return {
    find(scope, now, limit, cap) {
      const found: Claim[] = [];
      const spans = dueSpans(scope.maxLateMs, now);
      for (const look of looks(sendable.of(scope, now.wall), limit)) {
        for (const claim of merged(streamsOf(look, spans))) {
          if (cap === null || cap.admits(claim)) found.push(claim);
          if (found.length >= limit || cap?.isExhausted() === true) return found;
        }
      }
      return found;
    },
    nextInMs(scope, now) {
      const topics = sendable.of(scope, now.wall);
      return isDue(topics, scope.maxLateMs, now) ? 0 : laterInMs(scope, topics, now);
    },
    outlook(scope, now) {
      const topics = sendable.of(scope, now.wall);
      const due = index.count(topics, dueSpans(scope.maxLateMs, now));
      const late = index.count(topics, lateSpans(scope.maxLateMs, now));
      return { due, late, nextDueInMs: laterInMs(scope, topics, now) };
    },
  };
}

function isAtOnce([from, to]: Span): boolean {
  return from === 0 && to === 0;
}

/** One stream of several. Of their next messages the one of the oldest topic comes first, or that of the first stream. */
function* merged(streams: readonly Generator<Claim>[]): Generator<Claim> {
  const heads = streams.map((stream) => stream.next());
  for (;;) {
    let first = -1;
    for (const [at, head] of heads.entries()) {
      if (head.done === true) continue;
      const chosen = heads[first];
      if (chosen === undefined || chosen.done === true || head.value.topicId < chosen.value.topicId) first = at;
    }
    const [head, stream] = [heads[first], streams[first]];
    if (head === undefined || stream === undefined || head.done === true) return;
    yield head.value;
    heads[first] = stream.next();
  }
}
