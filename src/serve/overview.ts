/** How things stand, on one page: read once a second, for however many look. */
import { leftToday } from "../aws/quota.ts";
import { PassThrough, type Readable } from "node:stream";
import type { Clock } from "../time/clock.ts";
import { countsOf, withRates } from "../report/stats.ts";
import type { TopicRow } from "../store/rows.ts";
import type { Reader, Suppressions, Topics } from "../store/store.ts";
import type { Overview, TopicFacts } from "./dashboard/wire.ts";
import type { Gateway } from "./gateway.ts";
import { isoTime } from "../time/iso.ts";

/** Topics an overview lists: the page of a year of newsletters, not of every verification code. */
const LISTED = 200;
/** The rate shown is that of the last few seconds, as in the progress line of `send`. */
const RATE_WINDOW_MS = 5_000;

type Viewed = Pick<Gateway, "sender" | "settings" | "account" | "held"> & { store: Topics & Reader & Suppressions };

/** Reads the job file and asks the sender; nothing is kept between two calls. */
export async function readOverview({
  store,
  sender,
  settings,
  account,
  held,
}: Viewed): Promise<Omit<Overview, "version">> {
  const { state, reason, hint, perSecond } = sender.status();
  const rows = await store.topics();
  const isHeld = held();
  return {
    endpoint: settings.endpoint,
    sender: {
      state,
      reason,
      hint,
      per_second: perSecond,
      per_second_now: ((await store.countSentWithin(RATE_WINDOW_MS)) * 1_000) / RATE_WINDOW_MS,
    },
    account: usedUp(account()),
    totals: await store.totals(null),
    suppressions: await store.countSuppressions(),
    topic_count: rows.length,
    topics: rows
      .slice(-LISTED)
      .reverse()
      .map((row) => topicFacts(row, isHeld)),
  };
}

function usedUp(account: ReturnType<Gateway["account"]>): Overview["account"] {
  if (account === null) return null;
  const { quota, sentLast24Hours: used } = account;
  return { quota, used, left: leftToday(account) };
}

export function topicFacts(row: TopicRow, held: ReadonlySet<string>): TopicFacts {
  return {
    ...withRates(countsOf(row)),
    not_before: isoTime(row.notBefore),
    cancelled_at: isoTime(row.cancelledAt),
    endpoint: row.endpoint,
    held: held.has(row.topic),
  };
}

const TURN_MS = 1_000;
/** A proxy closes a connection on which nothing moves, often after 30 or 60 s. */
const COMMENT_TURNS = 15;
const MOST_LISTENERS = 100;
const COMMENT = Buffer.from(":\n\n");
/** What the browser waits before it connects again, ms. */
const GREETING = "retry: 2000\n";

interface Listener {
  stream: PassThrough;
  /** Asked each turn: a session ends, a key is revoked, while somebody listens. */
  isAllowed: () => Promise<boolean>;
  seen: string | null;
}

export interface FeedOptions {
  clock: Clock;
  /** The snapshot as JSON. */
  read: () => Promise<string>;
  /** A snapshot could not be read; it is tried again in the next turn. */
  onProblem: (error: unknown) => void;
}

/**
 * Server-sent events: the snapshot at once, and again when it changed, looked at each second while anybody listens. One
 * snapshot serves all. Who reads too slowly gets the newest when he is ready, so that nothing piles up.
 */
export class OverviewFeed {
  readonly #options: FeedOptions;
  readonly #listeners = new Set<Listener>();
  readonly #closing = new AbortController();
  #isRunning = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** The body of an answer of type `text/event-stream`; null when 100 listen already, or the feed is closed. */
  async listen(isAllowed: () => Promise<boolean>): Promise<Readable | null> {
    const snapshot = await this.#options.read();
    if (this.#closing.signal.aborted || this.#listeners.size >= MOST_LISTENERS) return null;
    const listener: Listener = { stream: new PassThrough(), isAllowed, seen: null };
    this.#listeners.add(listener);
    listener.stream.on("close", () => this.#listeners.delete(listener));
    listener.stream.write(GREETING);
    tell(listener, snapshot, eventOf(snapshot));
    if (!this.#isRunning) void this.#run();
    return listener.stream;
  }

  close(): void {
    this.#closing.abort();
    for (const listener of this.#listeners) this.#end(listener);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let turn = 1; this.#listeners.size > 0; turn++) {
      await this.#options.clock.sleep(TURN_MS, this.#closing.signal);
      try {
        await this.#dismiss();
        if (this.#listeners.size > 0) await this.#tellAll(turn % COMMENT_TURNS === 0);
      } catch (error) {
        this.#options.onProblem(error);
      }
    }
    this.#isRunning = false;
  }

  async #dismiss(): Promise<void> {
    for (const listener of this.#listeners) if (!(await listener.isAllowed())) this.#end(listener);
  }

  async #tellAll(withComment: boolean): Promise<void> {
    const snapshot = await this.#options.read();
    const event = eventOf(snapshot);
    for (const listener of this.#listeners) {
      // Its last event is still on the way: this one can wait, a newer one will do.
      if (listener.stream.writableNeedDrain) continue;
      if (listener.seen !== snapshot) tell(listener, snapshot, event);
      else if (withComment) listener.stream.write(COMMENT);
    }
  }

  #end(listener: Listener): void {
    this.#listeners.delete(listener);
    listener.stream.end();
  }
}

function tell(listener: Listener, snapshot: string, event: Buffer): void {
  listener.seen = snapshot;
  listener.stream.write(event);
}

/** JSON has no raw line breaks, so one data line holds it. */
function eventOf(snapshot: string): Buffer {
  return Buffer.from(`event: overview\ndata: ${snapshot}\n\n`);
}
