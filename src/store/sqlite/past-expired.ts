/**
 * Looks for what is due past many messages that have expired and are not cancelled yet: all of a long list, when nobody sent for a
 * while. To pass over all of them in each turn would hold up whoever shares the process. So a look passes over a bounded number, and
 * the next one goes on where it ended.
 */
import type { Now, Span } from "../rules/due.ts";
import type { Connection } from "./connection.ts";
import { CLAIM, type Look, type Waiting } from "./waiting-index.ts";

/** How many messages one look passes over at most. That takes some 10 ms. */
const MOST_PASSED = 10_000;
/** How many index entries are read at a time. */
const PAGE = 500;
/** A look begins at the start again when it has been past for so long: something may have been put back there. */
const FORGET_MS = 10_000;

/** A place in the index of what waits. */
interface Place {
  notBefore: number;
  topicId: number;
  id: number;
}

type Entry = Place & { expiresAt: number | null };

/** One look past what has expired. */
export interface PastLook {
  /** Messages in the span, which is the one with number `at`, that have not expired, in the order of the index. */
  stream(look: Look, span: Span, at: number): Generator<Waiting>;
}

/** Remembers where looks ended. */
export interface PastExpired {
  /** Begins a look at `now`, by both clocks. */
  look(now: Now): PastLook;
  /** To be called when few have expired: looks begin at the start again. */
  forget(): void;
}

/** Makes what looks past expired messages. */
export function createPastExpired(db: Connection): PastExpired {
  const entries = createEntries(db);
  const whole = db.prepare<[number], Waiting>(`select ${CLAIM} from message where id = ?`);
  /** The last expired message of those at the start of each stream, by priority and number of the span. */
  const places = new Map<string, Place>();
  /** When a place was moved on last, and when a look began. */
  let movedAt: Now = { wall: 0, steady: 0 };
  let now = movedAt;

  function* stream(look: Look, span: Span, key: string, budget: { left: number }): Generator<Waiting> {
    const { topics, alive } = look;
    let isAtStart = true;
    for (const entry of entries(look, span, places.get(key) ?? startOf(look, span))) {
      if (budget.left-- <= 0) return;
      const isOpen = topics.has(entry.topicId);
      if (isOpen && (entry.expiresAt === null || entry.expiresAt > alive)) {
        isAtStart = false;
        yield whole.get(entry.id) as Waiting;
      } else if (isAtStart) {
        places.set(key, entry);
        movedAt = now;
      }
    }
  }

  return {
    forget: () => places.clear(),
    look(instant) {
      now = instant;
      if (now.wall < movedAt.wall || now.steady - movedAt.steady > FORGET_MS) places.clear();
      const budget = { left: MOST_PASSED };
      return { stream: (look, span, at) => stream(look, span, `${look.priority} ${at}`, budget) };
    },
  };
}

function startOf({ topics }: Look, [from]: Span): Place {
  // What goes at once is sorted by topic, so a single topic is found by a seek.
  const topicId = from === 0 ? (topics.only ?? 0) : 0;
  return { notBefore: from, topicId, id: 0 };
}

/** Makes a function that reads the entries of the index after a place. */
function createEntries(db: Connection): (look: Look, span: Span, after: Place) => Generator<Entry> {
  const columns = "id, topic_id as topicId, not_before as notBefore, expires_at as expiresAt";
  const atOnce = db.prepare<[number, number, number], Entry>(
    `select ${columns} from message indexed by message_at_once
     where state = 'pending' and not_before = 0 and priority = ? and (topic_id, id) > (?, ?)
     order by topic_id, id limit ${PAGE}`,
  );
  const timed = db.prepare<[number, number, number, number, number], Entry>(
    `select ${columns} from message indexed by message_timed
     where state = 'pending' and not_before <> 0 and priority = ? and (not_before, topic_id, id) > (?, ?, ?) and not_before <= ?
     order by not_before, topic_id, id limit ${PAGE}`,
  );
  return function* ({ priority, topics }, [from, to], after) {
    const isAtOnce = from === 0 && to === 0;
    for (let { notBefore, topicId, id } = after; ;) {
      const page = isAtOnce ? atOnce.all(priority, topicId, id) : timed.all(priority, notBefore, topicId, id, to);
      for (const entry of page) {
        if (isAtOnce && topics.only !== null && entry.topicId !== topics.only) return;
        yield entry;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      ({ notBefore, topicId, id } = last);
    }
  };
}
