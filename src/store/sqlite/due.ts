/** Finds the messages that may be claimed now, and says when the next one may. */
import type { Outlook, Scope } from "../../deliver/source.ts";
import { dueSpans, laterSpans, lateSpans, type Now, type Span, waitMs } from "../rules/due.ts";
import type { CapTurn } from "./cap.ts";
import type { Connection } from "./connection.ts";
import type { PastLook } from "./past-expired.ts";
import { createSendable, type PausedTopic, type Sendable } from "./sendable.ts";
import { createWaitingIndex, type Look, type Waiting } from "./waiting-index.ts";
import { MOST_BULK } from "../rules/reserve.ts";

/** What a look may find. */
interface Wanted {
  /** The most messages. */
  limit: number;
  /** Messages that it holds back are left out; `CapTurn.write` postpones them. */
  cap: CapTurn | null;
  /** The most bulk messages among them; Infinity: any number. */
  bulk: number;
  /** Set when many messages have expired. */
  past?: PastLook;
}

/** What a glance takes into account. */
interface Glance {
  /** 0: no bulk message may be claimed. */
  bulk: number;
  /** As `Look.alive`. */
  alive: number;
}

const WHATEVER: Glance = { bulk: Infinity, alive: -1 };

/** What it found. */
export interface Looked {
  found: Waiting[];
  /** True: bulk mail is due beyond `Wanted.bulk`. Null: there was enough that is more urgent. */
  reserved: boolean | null;
}

/** Looks at the pending messages of a scope, at an instant `now`. */
export interface Due {
  /**
   * Messages that are due and have not expired, by priority, and older topics first as far as that needs no look at what is not due: of
   * what waited for a time, what was due earlier goes first. Within a topic what goes at once comes first, then what waited, by
   * time and order of arrival.
   */
  find(scope: Scope, now: Now, wanted: Wanted): Looked;
  /** Milliseconds until a message may be claimed; 0: now; null: none waits. */
  nextInMs(scope: Scope, now: Now, glance: Glance): number | null;
  /** As `Turn.isMoving`. */
  isMoving(scope: Scope, now: Now): boolean;
  /** Counts what waits. It reads an index entry for each message of what is less, as a rule: of what is due, or of what is not. */
  outlook(scope: Scope, now: Now): Outlook;
}

/** So many messages that are not due are counted in some 10 ms. Of more, those that are due are counted. */
const FEW = 100_000;

/** Makes what finds due messages in a job file. `few`: how many messages that are not due are counted instead of those that are. */
export function createDue(db: Connection, few = FEW): Due {
  const sendable = createSendable(db);
  const index = createWaitingIndex(db);

  const looks = (topics: Sendable, pageSize: number, alive: number): Look[] =>
    index.priorities().map((priority) => ({ priority, topics, pageSize, alive }));
  /** The looks that only ask whether something waits. */
  const glances = (topics: Sendable, { bulk, alive }: Glance): Look[] =>
    looks(topics, 1, alive).filter(({ priority }) => bulk > 0 || priority > MOST_BULK);

  const streamsOf = (look: Look, spans: readonly Span[], past?: PastLook): Generator<Waiting>[] =>
    spans.map(
      (span, at) => past?.stream(look, span, at) ?? (isAtOnce(span) ? index.atOnce(look) : index.timed(look, span)),
    );

  const isDue = (topics: Sendable, maxLateMs: number | null, at: Now, glance: Glance): boolean => {
    const spans = dueSpans(maxLateMs, at);
    const has = (look: Look, span: Span) =>
      isAtOnce(span) ? index.hasAtOnce(look) : index.earliest(look, span) !== null;
    return glances(topics, glance).some((look) => spans.some((span) => has(look, span)));
  };

  /** Milliseconds until the first message falls due that is not due at `now`; Infinity: there is none. */
  const laterMs = (topics: Sendable, now: Now, glance: Glance): number => {
    let next = Infinity;
    for (const look of glances(topics, glance)) {
      for (const span of laterSpans(now)) {
        const notBefore = index.earliest(look, span);
        if (notBefore !== null) next = Math.min(next, waitMs(notBefore, now));
      }
    }
    return next;
  };

  /** The same for a topic whose pause ends by itself. */
  const afterPause = ({ topics, leftMs }: PausedTopic, maxLateMs: number | null, now: Now, glance: Glance): number => {
    const open = { wall: now.wall + leftMs, steady: now.steady + leftMs };
    return isDue(topics, maxLateMs, open, glance) ? leftMs : leftMs + laterMs(topics, open, glance);
  };

  const laterInMs = (scope: Scope, topics: Sendable, now: Now, glance: Glance): number | null => {
    const paused = sendable.paused(scope, now.wall).map((topic) => afterPause(topic, scope.maxLateMs, now, glance));
    const next = Math.min(laterMs(topics, now, glance), ...paused);
    return next === Infinity ? null : next;
  };

  return {
    find(scope, now, { limit, cap, bulk, past }) {
      const found: Waiting[] = [];
      const spans = dueSpans(scope.maxLateMs, now);
      let bulkLeft = bulk;
      for (const look of looks(sendable.of(scope, now.wall), limit, now.wall)) {
        const isBulk = look.priority <= MOST_BULK;
        for (const waiting of merged(streamsOf(look, spans, past))) {
          if (isBulk && bulkLeft <= 0) return { found, reserved: true };
          if (cap === null || cap.admits(waiting)) {
            found.push(waiting);
            if (isBulk) bulkLeft--;
          }
          if (found.length >= limit || cap?.isExhausted() === true) return { found, reserved: isBulk ? false : null };
        }
      }
      return { found, reserved: false };
    },
    nextInMs(scope, now, glance) {
      const topics = sendable.of(scope, now.wall);
      return isDue(topics, scope.maxLateMs, now, glance) ? 0 : laterInMs(scope, topics, now, glance);
    },
    isMoving: (scope, now) => sendable.isMoving(scope, now.wall),
    // As of one instant, because counters and messages are compared.
    outlook: db.transaction((scope: Scope, now: Now) => {
      const topics = sendable.of(scope, now.wall);
      const overdue = lateSpans(scope.maxLateMs, now);
      const due =
        index.countBut(topics, [...overdue, ...laterSpans(now)], now.wall, few) ??
        index.count(topics, dueSpans(scope.maxLateMs, now), now.wall);
      const late = index.count(topics, overdue, now.wall);
      return { due, late, nextDueInMs: laterInMs(scope, topics, now, WHATEVER) };
    }),
  };
}

function isAtOnce([from, to]: Span): boolean {
  return from === 0 && to === 0;
}

/** One stream of several. Of their next messages the one of the oldest topic comes first, or that of the first stream. */
function* merged(streams: readonly Generator<Waiting>[]): Generator<Waiting> {
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
