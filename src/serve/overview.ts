/** The overview: a snapshot of the whole gateway, and a feed of it for up to 100 listeners. */
import { leftToday } from "../aws/quota.ts";
import { PassThrough, type Readable } from "node:stream";
import type { Clock } from "../time/clock.ts";
import { countsOf, withRates } from "../report/stats.ts";
import type { TopicRow } from "../store/rows.ts";
import type { Reader, Suppressions, Topics } from "../store/store.ts";
import type { Overview, TopicFacts } from "./dashboard/wire.ts";
import type { Gateway } from "./gateway.ts";
import { isoTime } from "../time/iso.ts";

/** Topics an overview lists: enough for a year of newsletters, if not for every verification code. */
const LISTED = 200;
/** The current rate is measured over the last few seconds, as in the progress line of `send`. */
const RATE_WINDOW_MS = 5_000;

type Viewed = Pick<Gateway, "sender" | "settings" | "account" | "held"> & { store: Topics & Reader & Suppressions };

/** Reads the store and asks the sender. Nothing is kept between two calls. Rejects when the store cannot be read. */
export async function readOverview({
  store,
  sender,
  settings,
  account,
  held,
}: Viewed): Promise<Omit<Overview, "version">> {
  const { state, reason, hint, perSecond } = sender.status();
  const rows = await store.topics();
  const factsOf = topicFacts({ sender, settings, held });
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
    topics: rows.slice(-LISTED).reverse().map(factsOf),
  };
}

function usedUp(account: ReturnType<Gateway["account"]>): Overview["account"] {
  if (account === null) return null;
  const { quota, sentLast24Hours: used } = account;
  return { quota, used, left: leftToday(account) };
}

/** What decides whether a topic gets through. */
type Deciding = Pick<Gateway, "sender" | "settings" | "held">;

/** Makes a function that says why nothing of a topic gets through now; null: it does, or nothing of it waits. */
export function reasonOf({ sender, settings, held }: Deciding): (row: TopicRow) => string | null {
  const { state, reason } = sender.status();
  const isHeld = held();
  return (row) => {
    const isOurs = row.endpoint === null || row.endpoint === settings.endpoint;
    if (row.pending + row.sending === 0 || !isOurs) return null;
    if (isHeld.has(row.topic)) return "too many of its mails bounced or drew complaints";
    return state === "halted" ? reason : null;
  };
}

/** Makes a function that shows a topic as the overview does, as things are now. */
export function topicFacts(deciding: Deciding): (row: TopicRow) => TopicFacts {
  const isHeld = deciding.held();
  const why = reasonOf(deciding);
  return (row) => ({
    ...withRates(countsOf(row)),
    not_before: isoTime(row.notBefore),
    cancelled_at: isoTime(row.cancelledAt),
    endpoint: row.endpoint,
    held: isHeld.has(row.topic),
    reason: why(row),
  });
}

/** How often the overview is read while anybody listens. */
const TURN_MS = 1_000;
/**
 * A silent connection gets a comment after so many turns: proxies close one on which nothing moves, often after 30 or
 * 60 s.
 */
const COMMENT_TURNS = 15;
const MOST_LISTENERS = 100;
const COMMENT = Buffer.from(":\n\n");
/** How long the browser waits before it connects again, ms. */
const GREETING = "retry: 2000\n";

interface Listener {
  stream: PassThrough;
  /** Asked each turn: a session may end, or a key may be revoked, while somebody listens. */
  isAllowed: () => Promise<boolean>;
  /** The last snapshot that was sent. */
  seen: string | null;
}

/** What a feed works with. */
export interface FeedOptions {
  clock: Clock;
  /** The snapshot as JSON in one line. */
  read: () => Promise<string>;
  /** Told when a turn failed, because a snapshot or a session could not be read. The next turn tries again. */
  onProblem: (error: unknown) => void;
}

/**
 * Server-sent events: the snapshot at once, and again whenever it changed. While anybody listens, one snapshot is read
 * each second for all. A slow reader gets the newest one when it is ready for more, so that nothing piles up.
 */
export class OverviewFeed {
  readonly #options: FeedOptions;
  readonly #listeners = new Set<Listener>();
  readonly #closing = new AbortController();
  #isRunning = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /**
   * The body of an answer of type `text/event-stream`. Null: 100 listen already, or the feed is closed. It ends when
   * `isAllowed`, asked each second, says no. Rejects when the first snapshot cannot be read.
   */
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

  /** Ends all streams and takes no further listeners. */
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
      // Its last event is still on the way. It can skip this one, because a newer one will follow.
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

/** One data line is enough: JSON has no raw line breaks. */
function eventOf(snapshot: string): Buffer {
  return Buffer.from(`event: overview\ndata: ${snapshot}\n\n`);
}
